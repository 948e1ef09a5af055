"""Checkpoints are whole or not there, and say when a run is not the same run."""

from pathlib import Path

import pytest

from anymask.configuration import to_mapping
from anymask.data.samples import SampleSettings
from anymask.errors import ConfigError, OutputError, StateError
from anymask.train.checkpoint import (
    Checkpoint,
    check_same_run,
    latest_checkpoint,
    save_checkpoint,
)


def checkpoint(step: int, **changes: object) -> Checkpoint:
    fields: dict[str, object] = {
        "step": step,
        "seconds": 1.0,
        "pictures": 2,
        "recipe": "test",
        "settings": {"batch": 4, "optimizer": {"rate": 0.1}},
        "architecture": {"name": "small"},
        "data": "abc",
        "processes": 1,
        "model": {},
        "average": {},
        "optimizer": {},
    }
    return Checkpoint(**(fields | changes))  # type: ignore[arg-type]


def test_checkpoint_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(checkpoint(1), tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"step-00000002.pt: the disk is full; free some space"):
        save_checkpoint(checkpoint(2), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.pt"]
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 1


def test_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    first = save_checkpoint(checkpoint(1), tmp_path)
    second = save_checkpoint(checkpoint(2), tmp_path)
    second.write_bytes(second.read_bytes()[:100])
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 1
    first.write_bytes(b"")
    with pytest.raises(StateError, match="none of its 2 checkpoints can be read; begin anew"):
        latest_checkpoint(tmp_path)


def test_only_the_last_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3, 10):
        save_checkpoint(checkpoint(step), tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["step-00000003.pt", "step-00000010.pt"]


def test_no_folder_is_a_new_run(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path / "none") is None


def test_same_run_goes_on() -> None:
    found, same = checkpoint(1), {"data": "abc", "processes": 1}
    check_same_run(found, same, override=False)
    with pytest.raises(ConfigError, match=r"in 1 points \(data: abc → xyz\)"):
        check_same_run(found, same | {"data": "xyz"}, override=False)
    assert found == checkpoint(1)


def test_setting_that_is_gone_or_new_and_changed_counts_as_a_difference() -> None:
    wanted = {"settings": {"batch": 4, "optimizer": {"rate": 0.1, "clip": 2.0}}}
    with pytest.raises(ConfigError, match=r"in 1 points \(optimizer.clip: 1.0 → 2.0\)"):
        check_same_run(checkpoint(1), wanted, override=False)
    check_same_run(checkpoint(1), wanted, override=True)
    with pytest.raises(ConfigError, match=r"in 1 points \(batch: 4 → none\)"):
        check_same_run(checkpoint(1), {"settings": {"optimizer": {"rate": 0.1}}}, override=False)


def test_run_older_than_a_setting_goes_on_with_its_default() -> None:
    sample = to_mapping(SampleSettings())
    older = {name: value for name, value in sample.items() if name in ("prompts", "jitter")}
    begun = checkpoint(1, settings={"batch": 4, "sample": older})
    check_same_run(begun, {"settings": {"batch": 4, "sample": sample}}, override=False)
    changed = {"settings": {"batch": 4, "sample": sample | {"distort": True}}}
    with pytest.raises(ConfigError, match=r"in 1 points \(sample.distort: False → True\)"):
        check_same_run(begun, changed, override=False)

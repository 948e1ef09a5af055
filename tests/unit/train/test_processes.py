"""Several processes learn what one does, and none outlives the others."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from anymask.errors import TrainingError
from anymask.train.checkpoint import latest_checkpoint
from anymask.train.processes import (
    PeerLost,
    World,
    average_over_processes,
    restarted_by_torchrun,
    run_in_processes,
    started_by_torchrun,
    tiny_numbers_are_zero,
)
from tests.scenes import write_shard
from tests.unit.train.programs import SmallRun, refuse, small_settings


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Compute as the processes of a run do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "discs.tar")
    alone, together = tmp_path / "alone", tmp_path / "together"
    SmallRun(shard, alone, small_settings(accumulate=2))(World())
    run_in_processes(SmallRun(shard, together, small_settings()), 2)
    first, second = latest_checkpoint(alone), latest_checkpoint(together)
    assert first is not None
    assert second is not None
    assert first.pictures == second.pictures == 8
    for name, tensor in first.model.items():
        torch.testing.assert_close(second.model[name], tensor, rtol=1e-5, atol=1e-5)
    losses = [
        [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]
        for folder in (alone, together)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


@pytest.mark.slow
def test_death_of_one_process_ends_all_with_its_sentence_and_the_run_saved(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "discs.tar")
    (tmp_path / "run").mkdir()
    work = SmallRun(shard, tmp_path / "run", small_settings(steps=40, save_every=30), dies=(1, 4))
    began = time.monotonic()
    with pytest.raises(TrainingError, match=r"process 1 of 2 ended with SIGKILL; go on with --res"):
        run_in_processes(work, 2)
    assert time.monotonic() - began < 60
    checkpoint = latest_checkpoint(tmp_path / "run")
    assert checkpoint is not None
    assert checkpoint.step == 3


@pytest.mark.slow
def test_restarted_processes_end_where_unbroken_ones_do(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "discs.tar")
    (tmp_path / "run").mkdir()
    settings = small_settings(steps=6)
    run_in_processes(SmallRun(shard, tmp_path / "run", settings, dies=(1, 3)), 2, max_restarts=1)
    whole = tmp_path / "whole"
    SmallRun(shard, whole, small_settings(steps=6, accumulate=2))(World())
    first, second = latest_checkpoint(whole), latest_checkpoint(tmp_path / "run")
    assert first is not None
    assert second is not None
    assert second.step == 6
    for name, tensor in first.model.items():
        torch.testing.assert_close(second.model[name], tensor, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_error_of_one_process_is_told_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"there is nothing to do; do something else") as told:
        run_in_processes(refuse, 2)
    assert told.value.exit_code == 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_no_process_outlives_the_one_that_started_it(
    number: signal.Signals, tmp_path: Path
) -> None:
    shard = write_shard(tmp_path / "discs.tar")
    code = "import sys; from tests.unit.train.programs import main; main(sys.argv[1:])"
    program = subprocess.Popen(
        [sys.executable, "-c", code, str(shard), str(tmp_path / "run"), "100000"],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    try:
        _wait_until(lambda: latest_checkpoint(tmp_path / "run") is not None)
        os.kill(program.pid, number)
        program.wait(60)
        _wait_until(lambda: not _alive_in_session(program.pid))
    finally:
        if _alive_in_session(program.pid):
            os.killpg(program.pid, signal.SIGKILL)
    steps = [json.loads(line)["step"] for line in _whole_lines(tmp_path / "run" / "log.jsonl")]
    checkpoint = latest_checkpoint(tmp_path / "run")
    assert checkpoint is not None
    assert checkpoint.step == steps[-1]


def _whole_lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.endswith("}")]


def _alive_in_session(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            state, _parent, _group, its_session = (
                (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            )
        except OSError:
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(entry.name))
    return found


def _wait_until(is_so: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def _average_ranks(folder: Path, world: World) -> None:
    tensors = [torch.full((3,), float(world.rank)), torch.tensor([[10.0 * world.rank]])]
    average_over_processes(tensors)
    (folder / f"{world.rank}.json").write_text(json.dumps([t.tolist() for t in tensors]))


@pytest.mark.slow
def test_two_processes_agree_on_the_mean(tmp_path: Path) -> None:
    run_in_processes(partial(_average_ranks, tmp_path), 2)
    for rank in range(2):
        means = json.loads((tmp_path / f"{rank}.json").read_text())
        assert means == [[0.5, 0.5, 0.5], [[5.0]]]


@pytest.mark.parametrize(
    ("variables", "is_started", "is_restarted"),
    [
        ({}, False, False),
        ({"WORLD_SIZE": "2"}, False, False),
        ({"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2"}, True, False),
        (
            {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2", "TORCHELASTIC_RESTART_COUNT": "0"},
            True,
            False,
        ),
        (
            {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2", "TORCHELASTIC_RESTART_COUNT": "1"},
            True,
            True,
        ),
    ],
)
def test_torchrun_is_known_by_its_variables(
    variables: dict[str, str],
    is_started: bool,  # noqa: FBT001 - a row's value
    is_restarted: bool,  # noqa: FBT001 - a row's value
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (started_by_torchrun(), restarted_by_torchrun()) == (is_started, is_restarted)


def test_peer_that_has_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_tensor: torch.Tensor) -> None:
        raise RuntimeError("Connection closed by peer [127.0.0.1]:1234")

    monkeypatch.setattr("anymask.train.processes.is_shared_run", lambda: True)
    monkeypatch.setattr("torch.distributed.all_reduce", broken)
    with pytest.raises(PeerLost, match="another process of the run has gone; go on with --resume"):
        average_over_processes([torch.ones(2)])


def test_tiny_numbers_are_zero_only_within() -> None:
    tiny = torch.tensor([1e-39])
    with tiny_numbers_are_zero():
        assert float(tiny * 1.5) == 0.0
    assert float(tiny * 1.5) > 0.0

"""The log is JSON lines always, and TensorBoard when asked."""

import json
from pathlib import Path

import pytest

from anymask.errors import MissingExtra
from anymask.train.log import RunLog, in_words, live_bar


def test_lines_are_rounded_and_later_ones_dropped_on_resume(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.write(step, {"loss": 1 / step, "note": "so"})
    RunLog(tmp_path, 2)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 1, "loss": 1.0, "note": "so"},
        {"step": 2, "loss": 0.5, "note": "so"},
    ]


def test_other_processes_write_nothing(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0, is_written=False, tensorboard=True)
    log.write(1, {"loss": 1.0})
    log.bad_samples(1, ["a/b"], "cannot be read")
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_gets_the_figures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = RunLog(tmp_path, 0, tensorboard=True)
    log.write(1, {"loss": 0.5, "note": "so"})
    log.write(2, {"loss": 0.25})
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert events.Tags()["scalars"] == ["loss"]
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(1, 0.5), (2, 0.25)]


def test_missing_tensorboard_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtra, match=r'not installed; run pip install "anymask\[tensorb'):
        RunLog(tmp_path, 0, tensorboard=True)


def test_bar_tells_plain_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with live_bar(is_shown=True) as bar:
        for step in range(1, 101):
            bar.show(step / 100, "loss 1.000")
        bar.note("a [bold]step[/bold] was skipped")
    *lines, note = capsys.readouterr().err.splitlines()
    assert note == "note: a [bold]step[/bold] was skipped"
    assert 15 <= len(lines) <= 20
    assert lines[0] == "training 5% · loss 1.000"


def test_bar_of_other_processes_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with live_bar(is_shown=False) as bar:
        bar.show(0.5, "loss")
        bar.note("nothing")
    assert capsys.readouterr().err == ""


def test_figures_in_words() -> None:
    figures = {"loss": 1.2345, "click": 0.5, "clicks_3": 0.6, "clicks_8": 0.7}
    assert in_words(figures) == "loss 1.234 · IoU at 1/3/8 clicks 0.50/0.60/0.70"
    assert in_words({"loss": 2.0, "pictures_per_second": 3.14}) == "loss 2.000 · 3.1 pictures/s"

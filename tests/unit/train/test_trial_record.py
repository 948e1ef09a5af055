"""Trials are kept one a line, failures included, and nothing that was written is lost."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anymask.errors import ConfigError, DataError
from anymask.train.trial_record import (
    Trial,
    Validation,
    Versus,
    append_trial,
    read_trials,
    trial_table,
)

FIGURES = Validation(
    click=0.5,
    oracle=0.625,
    clicks_3=0.7,
    box=0.8,
    masks=6,
    pictures=2,
    input_size=384,
    intervals_95={"click": (0.4, 0.6)},
)
FIRST = Trial(
    name="first",
    date="2026-11-22",
    recipe="default",
    start="fresh",
    data="sets of März",
    steps=10,
    pictures=80,
    minutes=1.5,
    hardware="2 cores",
    seed=0,
    note="as it is",
    settings={"sample": {"prompts": 4, "jitter": None}, "sizes": [128, 256]},
    val=FIGURES,
    kept=True,
)
SECOND = replace(
    FIRST,
    name="second",
    val=replace(FIGURES, click=0.4),
    versus=Versus(name="first", differences={"click": (-0.1, -0.2, 0.0125)}),
    kept=None,
)
FAILED = replace(FIRST, name="failed", note="all | background", val=None, kept=False)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x_trials.jsonl"
    assert read_trials(path) == ()
    for trial in (FIRST, SECOND, FAILED):
        append_trial(path, trial)
    assert read_trials(path) == (FIRST, SECOND, FAILED)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["first", "second", "failed"]
    assert "März" in lines[0]
    assert set(json.loads(lines[0])) >= {
        *("name", "date", "recipe", "start", "data", "pictures", "minutes", "hardware", "seed"),
        *("val", "versus", "note", "kept"),
    }


def test_lines_that_stand_are_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "x_trials.jsonl"
    append_trial(path, FIRST)
    before = path.read_bytes()
    append_trial(path, SECOND)
    assert path.read_bytes().startswith(before)


@pytest.mark.parametrize(
    ("trial", "sentence"),
    [
        (FIRST, "holds a trial 'first' already; choose another name"),
        (
            replace(SECOND, versus=Versus(name="third", differences={})),
            "holds no trial 'third' to compare with; choose from first",
        ),
    ],
)
def test_a_trial_that_does_not_fit_is_refused(tmp_path: Path, trial: Trial, sentence: str) -> None:
    path = tmp_path / "x_trials.jsonl"
    append_trial(path, FIRST)
    with pytest.raises(DataError, match=rf"x_trials\.jsonl: {sentence}"):
        append_trial(path, trial)
    assert read_trials(path) == (FIRST,)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"name": "half', "Unterminated string"),
        ("[]", "the configuration must be a table"),
        ('{"name": "x", "colour": 1}', "unknown setting 'colour'"),
    ],
)
def test_a_line_that_is_no_trial_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "x_trials.jsonl"
    append_trial(path, FIRST)
    with path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(DataError, match=rf"x_trials\.jsonl: line 2 is no trial \({reason}"):
        read_trials(path)
    with pytest.raises(DataError, match="line 2 is no trial"):
        append_trial(path, SECOND)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": " "}, "a trial needs a name; give --name"),
        ({"note": ""}, "a trial needs a note; give --note"),
        ({"date": "yesterday"}, "date 'yesterday' is no day; write it as 2026-11-22"),
    ],
)
def test_what_a_reader_needs_must_be_there(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        replace(FIRST, **change)


def test_the_table_has_a_row_a_trial() -> None:
    table = trial_table((FIRST, SECOND, FAILED))
    assert all(len(row) == len(table["columns"]) for row in table["rows"])
    figures = ["384", "0.500", "0.625", "0.700", "0.800"]
    assert table["rows"][0] == ["first", "80", "2", *figures, None, "yes", "as it is"]
    assert table["rows"][1][8:10] == ["-0.100 (-0.200 to +0.013), first", "open"]
    assert table["rows"][2][3:] == [None] * 6 + ["no", "all | background"]

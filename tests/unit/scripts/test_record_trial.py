"""A trial's line comes from the weights' own record and an evaluation on held-back pictures."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from anymask.data.splits import is_validation
from anymask.errors import InputError
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.train.trial_record import read_trials
from anymask.weights.load import load_model
from anymask.weights.save import save_model
from scripts import record_trial
from scripts.fill_numbers import NumbersError, draw_table, read_tables

HELD = [name for name in map(str, range(60)) if is_validation(f"{name}.jpg")]
RECIPE = {
    "recipe": "default",
    "settings": {"seed": 3, "start": "somewhere/first.safetensors"},
    "data": "a1b2",
    "steps": 5,
    "picture_visits": 20,
    "minutes": 1.25,
    "hardware": "2 cores",
    "after": {
        "recipe": "default",
        "settings": {},
        "steps": 10,
        "picture_visits": 40,
        "minutes": 2.0,
        "hardware": "1 core",
    },
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    save_model(Sam(tiny(64)).eval(), path, recipe=RECIPE, card="none")
    return path


def rows(clicks: list[float]) -> list[dict[str, Any]]:
    rest = {"oracle": 0.75, "clicks_3": 0.5, "box": 0.25, "score": 0.5}
    return [
        {"set": "a", "picture": HELD[i], "mask": 0.0, "click": click, **rest}
        for i, click in enumerate(clicks)
    ]


def write_evaluation(path: Path, clicks: list[float], sha256: str, **changes: object) -> Path:
    figures = {"click": sum(clicks) / len(clicks), "oracle": 0.75, "clicks_3": 0.5, "box": 0.25}
    record = {
        "date": "2026-11-23",
        "model": {"sha256": sha256, "input_size": 64},
        "means": {"mean": figures},
        "intervals_95": {figure: [0.1, 0.9] for figure in figures},
        "rows": rows(clicks),
        **changes,
    }
    path.write_text(json.dumps(record))
    return path


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr("sys.argv", ["record_trial.py", *map(str, words)])
    return record_trial.main()


def test_a_trial_is_recorded_and_its_table_drawn(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = load_model(weights, device="cpu").sha256
    first = write_evaluation(tmp_path / "first.json", [0.25, 0.5], sha256)
    second = write_evaluation(tmp_path / "second.json", [0.5, 0.5], sha256)
    trials = tmp_path / "results" / "default_trials.jsonl"
    always = ("--run", weights, "--trials", trials, "--note", "why")
    assert run(monkeypatch, *always, "--name", "one", "--evaluation", first, "--kept") == 0
    versus = ("--versus", "one", "--versus-evaluation", first, "--dropped")
    assert run(monkeypatch, *always, "--name", "two", "--evaluation", second, *versus) == 0
    one, two = read_trials(trials)
    assert (one.steps, one.pictures, one.minutes) == (15, 60, 3.2)
    assert (one.start, one.data, one.seed) == (record_trial.FRESH, "a1b2", 3)
    assert (one.weights, one.hardware, one.kept) == (sha256, "2 cores", True)
    assert one.val is not None
    assert (one.val.click, one.val.masks, one.val.pictures) == (0.375, 2, 2)
    assert one.val.intervals_95["box"] == (0.1, 0.9)
    assert two.versus is not None
    assert two.versus.differences["click"] == (0.125, 0.0, 0.25)
    assert two.versus.differences["box"] == (0.0, 0.0, 0.0)
    assert two.kept is False
    drawn = draw_table(read_tables(trials.parent)["default_trials"], link="results")
    assert "| one | 60 | 3 | 64 | 0.375 | 0.750 | 0.500 | 0.250 | – | yes | why |" in drawn
    assert "[default_trials.jsonl](results/default_trials.jsonl)*" in drawn


def test_a_failed_trial_has_no_figures(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = tmp_path / "trials.jsonl"
    words = ("--run", weights.parent, "--trials", trials, "--name", "x", "--note", "nothing learnt")
    assert run(monkeypatch, *words, "--dropped", "--start", "elsewhere", "--data", "sets") == 0
    (trial,) = read_trials(trials)
    assert (trial.val, trial.versus, trial.kept) == (None, None, False)
    assert (trial.start, trial.data, trial.pictures) == ("elsewhere", "sets", 60)


def test_an_evaluation_of_other_weights_is_refused(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = write_evaluation(tmp_path / "e.json", [0.5], "0" * 64)
    words = ("--run", weights, "--trials", tmp_path / "t", "--name", "x", "--note", "y")
    assert run(monkeypatch, *words, "--evaluation", other) == 1
    assert "e.json: is of other weights than" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


def test_pictures_that_training_may_have_seen_are_refused(tmp_path: Path) -> None:
    seen = rows([0.5, 0.5])
    seen[1]["picture"] = next(n for n in map(str, range(60)) if n not in HELD)
    path = write_evaluation(tmp_path / "e.json", [0.5], "", rows=seen)
    with pytest.raises(InputError, match=r"e\.json: 1 of 2 masks are not on held-back pictures; "):
        record_trial.read_evaluation(path)


def test_answers_with_the_usual_care_are_refused_and_plain_ones_taken(tmp_path: Path) -> None:
    path = write_evaluation(tmp_path / "e.json", [0.5], "", care="usual")
    with pytest.raises(
        InputError, match=r"e\.json: was asked with the usual care.*; evaluate with"
    ):
        record_trial.read_evaluation(path)
    plain = write_evaluation(tmp_path / "p.json", [0.5], "", care="plain")
    assert record_trial.read_evaluation(plain)["rows"] == rows([0.5])


def test_differences_are_of_the_same_masks() -> None:
    with pytest.raises(InputError, match=r"not of the same masks \(2 and 1\); evaluate both"):
        record_trial.differences(rows([0.5, 0.5]), rows([0.5]))
    shuffled = list(reversed(rows([0.25, 0.75])))
    assert record_trial.differences(rows([0.25, 0.5]), shuffled)["click"][0] == 0.125


def test_a_spoiled_line_is_told_of_where_pages_are_filled(tmp_path: Path) -> None:
    (tmp_path / "x_trials.jsonl").write_text("{}\n")
    with pytest.raises(NumbersError, match=r"x_trials\.jsonl: line 1 is no trial"):
        read_tables(tmp_path)

"""`anymask train calibrate` and `anymask evaluate --task scores`."""

import json

import pytest
import torch

from anymask.api import load
from anymask.train.rising_map import LEAST_MASKS
from tests.scenes import write_shard
from tests.unit.evaluate.answers import drawn_answers


@pytest.fixture
def data(folder):
    """A folder with one archive of discs."""
    (folder / "data").mkdir()
    write_shard(folder / "data" / "one.tar", 5)
    return folder / "data"


def calibrate(anymask, model_file, data, *more):
    return anymask(
        "train", "calibrate", "--data", data, "--model", model_file, "-o", "new.safetensors",
        "--no-validation", *more,
    )  # fmt: skip


@pytest.fixture
def answered(monkeypatch):
    """Answers whose scores are wrong in a known way, instead of those of a model."""
    rows = drawn_answers(20, 3)
    monkeypatch.setattr("anymask.evaluate.tasks.scores.ask_for_scores", lambda *_args: rows)


@pytest.mark.usefixtures("answered")
def test_the_new_file_has_the_old_network_and_says_what_was_gained(
    anymask, model_file, data, folder
):
    ran = calibrate(anymask, model_file, data, "--masks", 3, "--report", "gain.json")
    assert (ran.code, ran.err) == (0, "")
    assert "wrote new.safetensors" in ran.out
    assert "wrote gain.json" in ran.out
    record = json.loads((folder / "gain.json").read_text())
    assert record["name"] == "score_calibration"
    assert (record["masks"], record["pictures"]) == (60, 20)
    error = record["calibration_error"]
    assert error["cross_validated"] < 0.03 < 0.1 < error["before"]
    printed = ran.out.split()
    for line in record["tables"]["score_calibration"]["rows"]:
        assert all(cell is None or cell in printed for cell in line[1:])
    before, after = (load(name, device="cpu").loaded for name in (model_file, "new.safetensors"))
    told = json.loads(after.metadata["recipe"])
    assert told["steps"] == 1500
    assert told["score_calibration"]["masks"] == 60
    assert "tables" not in told["score_calibration"]
    assert "--pictures 40 --masks 3 --seed 0" in told["score_calibration"]["command"]
    for name, tensor in before.sam.state_dict().items():
        assert torch.equal(tensor, after.sam.state_dict()[name])
    assert after.sam.mask_decoder.is_calibrated


def test_scores_of_a_model_are_held_against_the_truth(anymask, model_file, data, folder):
    ran = anymask(
        "evaluate", "--task", "scores", "--data", data, "--model", model_file,
        "--pictures", 1, "--masks", 2, "-o", "scores.json",
    )  # fmt: skip
    assert ran.code == 0
    found = json.loads((folder / "scores.json").read_text())
    assert (found["name"], found["is_calibrated"]) == ("scores", False)
    assert found["command"] == (
        "anymask evaluate --task scores --data data --pictures 1 --masks 2 --seed 0"
    )
    assert found["reliability"]["masks"] == 2 * (2 * 3 + 20)
    assert list(found["sets"]) == ["one"]
    printed = ran.out.split()
    for table in found["tables"].values():
        assert all(line[1] in printed for line in table["rows"])


def test_too_little_data_is_said_before_anything_is_written(
    anymask, model_file, data, folder, monkeypatch
):
    few = drawn_answers(6, 1)
    monkeypatch.setattr("anymask.evaluate.tasks.scores.ask_for_scores", lambda *_args: few)
    ran = calibrate(anymask, model_file, data, "--masks", 1)
    assert ran.code == 1
    assert "error: scores cannot be calibrated from 4 masks of a kind" in ran.err
    assert f"hint: give pictures with {LEAST_MASKS} masks or more" in ran.err
    assert not (folder / "new.safetensors").exists()


def test_pictures_that_training_may_learn_from_are_left_out(anymask, model_file, data):
    ran = anymask(
        "train", "calibrate", "--data", data, "--model", model_file, "-o", "new.safetensors"
    )
    assert ran.code == 1
    assert "holds no mask" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "new.pth"), "--out new.pth: is not a .safetensors file"),
        (("-o", "new.safetensors", "--masks", 0), "--pictures and --masks must be 1 or more"),
    ],
)
def test_flags_that_cannot_be_used(anymask, model_file, data, words, said):
    ran = anymask("train", "calibrate", "--data", data, "--model", model_file, *words)
    assert ran.code == 2
    assert f"error: {said}" in ran.err

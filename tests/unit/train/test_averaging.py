"""The mean of several models, and the story of how it came to be."""

from pathlib import Path

import pytest
import torch

from anymask.errors import ConfigError, WeightsError
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.model.score_calibration import ScoreCalibration
from anymask.train.averaging import average_models, averaged_recipe
from anymask.train.calibrated_model import with_calibration
from anymask.weights.load import load_model
from anymask.weights.save import save_model

FIRST = {"recipe": "default", "steps": 900, "picture_visits": 7200, "minutes": 70.0, "data": "d"}


def written(path: Path, sam: Sam, **recipe: object) -> Path:
    save_model(sam, path, recipe=recipe, card="A card.", half=False)
    return path


def test_every_weight_is_the_mean_and_calibrations_are_dropped(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sams = [Sam(tiny(64)).eval() for _ in range(3)]
    calibrated = with_calibration(sams[0], ScoreCalibration(4, 5))
    paths = [
        written(tmp_path / f"{number}.safetensors", sam, steps=number)
        for number, sam in enumerate((calibrated, *sams[1:]))
    ]
    average_models(paths, tmp_path / "mean.safetensors")
    found = load_model(tmp_path / "mean.safetensors")
    assert not found.sam.mask_decoder.is_calibrated
    assert found.metadata["card"] == "A card."
    states = [sam.state_dict() for sam in sams]
    for name, tensor in found.sam.state_dict().items():
        mean = (states[0][name] + states[1][name] + states[2][name]) / 3
        # Matrices are stored in 16 bits.
        torch.testing.assert_close(tensor, mean, rtol=1e-3, atol=1e-5, check_dtype=False)


def test_the_story_tells_shared_runs_once() -> None:
    branch = {"recipe": "default", "steps": 200, "picture_visits": 800, "minutes": 7.0}
    one = branch | {"hardware": "2 cores", "data": "e", "after": FIRST}
    other = branch | {"steps": 300, "data": "f", "after": branch | {"steps": 50, "after": FIRST}}
    recipe = averaged_recipe([one, other])
    assert recipe["after"] == FIRST
    assert [[run["steps"] for run in runs] for runs in recipe["of"]] == [[200], [300, 50]]
    assert not [run for runs in recipe["of"] for run in runs if "after" in run]
    assert (recipe["steps"], recipe["picture_visits"], recipe["minutes"]) == (550, 2400, 21.0)
    assert (recipe["data"], recipe["hardware"]) == ("e, f", "2 cores")


def test_runs_that_share_nothing_have_nothing_before_them() -> None:
    recipe = averaged_recipe([FIRST, FIRST | {"steps": 1}])
    assert "after" not in recipe
    assert recipe["steps"] == 901


def test_what_has_no_mean_is_refused(tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{size}.safetensors", Sam(tiny(size)).eval()) for size in (64, 96)]
    with pytest.raises(ConfigError, match=r"96.safetensors: its architecture or frame is not that"):
        average_models(paths, tmp_path / "mean.safetensors")
    alike = written(tmp_path / "other.safetensors", Sam(tiny(64)).eval(), **FIRST)
    began = written(tmp_path / "end.safetensors", Sam(tiny(64)).eval(), steps=1, after=FIRST)
    with pytest.raises(ConfigError, match=r"of .*other.*, .*end.* one is where another began"):
        average_models([alike, began], tmp_path / "mean.safetensors")
    with pytest.raises(WeightsError, match=r"64.safetensors: does not say how it was trained"):
        average_models([paths[0], began], tmp_path / "mean.safetensors")
    with pytest.raises(ConfigError, match="a mean needs two models or more, got 1"):
        average_models(paths[:1], tmp_path / "mean.safetensors")
    assert not (tmp_path / "mean.safetensors").exists()

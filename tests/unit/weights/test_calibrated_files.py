"""Maps that calibrate scores travel inside the weights file; files without them load as ever."""

import pytest
import torch

from anymask.errors import KeysMismatch
from anymask.model.score_calibration import ScoreCalibration
from anymask.weights.fit import fit
from anymask.weights.load import load_model
from anymask.weights.save import save_model
from tests.unit.model.seeded import features_of, numbers, prompts_of, small_lite, small_vit

RAW = "mask_decoder.mask_scorer.calibration.raw"
TRUE = "mask_decoder.mask_scorer.calibration.true"


def calibrated(num_knots: int = 7):
    sam = small_lite()
    calibration = ScoreCalibration(4, num_knots)
    calibration.true.copy_(numbers(calibration.true.shape, 1).abs().cumsum(-1) / 30)
    sam.mask_decoder.mask_scorer.calibration = calibration
    return sam


@torch.no_grad()
def test_a_saved_model_answers_as_before(tmp_path):
    sam = calibrated()
    save_model(sam, tmp_path / "m.safetensors", recipe={}, card="", half=False)
    loaded = load_model(tmp_path / "m.safetensors", device="cpu").sam
    prompts = prompts_of([[(20.0, 30.0)]], [[1]])
    before, after = (s.decode(features_of(s), prompts).iou for s in (sam, loaded))
    assert torch.equal(before, after)
    assert loaded.config == sam.config


def test_maps_are_never_halved(tmp_path):
    sam = calibrated()
    save_model(sam, tmp_path / "m.safetensors", recipe={}, card="", half=True)
    loaded = load_model(tmp_path / "m.safetensors", device="cpu").sam
    assert torch.equal(loaded.state_dict()[TRUE], sam.state_dict()[TRUE])


def test_a_file_without_maps_gives_raw_scores():
    sam = fit(small_lite().config, small_lite().state_dict(), "x")
    assert not sam.mask_decoder.is_calibrated
    assert not any("calibration" in name for name in sam.state_dict())


def test_maps_in_a_model_that_scores_as_published_are_left_over():
    tensors = small_vit().state_dict() | {RAW: torch.zeros(12, 4, 7)}
    with pytest.raises(KeysMismatch, match=r"1 unexpected \(mask_decoder.mask_scorer.calibration"):
        fit(small_vit().config, tensors, "x")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (RAW, torch.zeros(12, 7), r"2 unexpected"),
        (RAW, torch.zeros(3, 4, 7), r"calibration.raw 3×4×7 instead of 12×4×7"),
        (RAW, torch.zeros(12, 4, 5000), r"calibration.raw 12×4×5000 instead of 12×4×16"),
        (RAW, torch.zeros(12, 4, 0), r"calibration.raw 12×4×0 instead of 12×4×2"),
        (TRUE, torch.zeros(12, 4, 6), r"calibration.true 12×4×6 instead of 12×4×7"),
        (RAW, torch.zeros(12, 4, 7), r"the maps that calibrate its scores do not rise; calibrate"),
        (TRUE, torch.ones(12, 4, 7).cumsum(-1).flip(-1), r"do not rise"),
    ],
)
def test_maps_of_another_form_are_refused(name, value, said):
    sam = calibrated()
    with pytest.raises(KeysMismatch, match=said):
        fit(sam.config, sam.state_dict() | {name: value}, "x")

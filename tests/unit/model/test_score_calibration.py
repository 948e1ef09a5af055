"""Raw scores become what they mean: by the kind of the prompt and the number of the mask."""

import numpy as np
import pytest
import torch

from anymask.image.frame import frame_for
from anymask.model.sam import Sam
from anymask.model.score_calibration import (
    KINDS,
    ScoreCalibration,
    prompt_kinds,
    without_calibration,
)
from anymask.predict.rough_mask import read_mask
from tests.unit.model.seeded import features_of, numbers, prompts_of, small_lite

POINT = (20.0, 30.0)


def maps(num_knots: int = 5) -> ScoreCalibration:
    """Rising maps, each its own, of a network whose raw scores lie anywhere in [-3, 3]."""
    calibration = ScoreCalibration(4, num_knots)
    shape = calibration.raw.shape
    calibration.raw.copy_((numbers(shape, 1).abs() + 0.1).cumsum(-1) - 3)
    calibration.true.copy_(numbers(shape, 2).abs().cumsum(-1) / 20)
    return calibration


def calibrated() -> Sam:
    sam = small_lite()
    sam.mask_decoder.mask_scorer.calibration = maps()
    return sam


def expected(calibration: ScoreCalibration, raw: torch.Tensor, kind: int) -> np.ndarray:
    """What numpy makes of raw scores (P, 4) of one kind."""
    knots, true = calibration.raw[kind].numpy(), calibration.true[kind].numpy()
    columns = [np.interp(raw[:, m].numpy(), knots[m], true[m]) for m in range(4)]
    return np.stack(columns, 1)


def test_maps_are_straight_between_knots_and_level_outside():
    calibration = maps()
    scores = torch.linspace(-8, 8, 101)[None, :, None].expand(1, 101, 4)
    for kind in range(len(KINDS)):
        found = calibration(scores, torch.full((1, 101), kind))
        np.testing.assert_allclose(found[0], expected(calibration, scores[0], kind), atol=1e-5)


def test_each_prompt_gets_the_map_of_its_kind():
    calibration = maps()
    scores = numbers((2, 3, 4), 5)
    kinds = torch.tensor([[0, 3, 11], [7, 0, 2]])
    found = calibration(scores, kinds)
    for picture in range(2):
        for prompt in range(3):
            alone = calibration(scores[:1, :1] * 0 + scores[picture, prompt], kinds[:1, :1] * 0
                                + kinds[picture, prompt])  # fmt: skip
            assert torch.equal(found[picture, prompt], alone[0, 0])


def test_only_rising_maps_can_be_used():
    calibration = maps()
    assert calibration.is_rising()
    calibration.true[4, 1, 2] = 9
    assert not calibration.is_rising()
    calibration = maps()
    calibration.raw[0, 0, 1] = calibration.raw[0, 0, 0]
    assert not calibration.is_rising()


@pytest.mark.parametrize(
    ("labels", "without", "with_mask"),
    [
        ([1, -1], "click", "click, mask"),
        ([], "click", "click, mask"),
        ([1, 0, -1], "clicks", "2 clicks, mask"),
        ([1, 1, 0, -1], "clicks", "3 clicks, mask"),
        ([1, 1, 0, 0], "clicks", "4-5 clicks, mask"),
        ([1, 1, 0, 0, 1, -1], "clicks", "4-5 clicks, mask"),
        ([1, 1, 0, 0, 1, 0], "clicks", "6+ clicks, mask"),
        ([1] * 20, "clicks", "6+ clicks, mask"),
        ([2, 3], "box", "box, mask"),
        ([1, 2, 3], "box", "box, 1-2 clicks, mask"),
        ([0, 1, 2, 3], "box", "box, 1-2 clicks, mask"),
        ([0, 1, 1, 2, 3], "box", "box, 3+ clicks, mask"),
    ],
)
def test_kinds_are_told_by_clicks_box_and_mask(labels, without, with_mask):
    given = torch.tensor([[labels]], dtype=torch.int64)
    logits = numbers((1, 1, 1, 16, 16), 3)
    assert KINDS[int(prompt_kinds(given, None))] == without
    assert KINDS[int(prompt_kinds(given, logits))] == with_mask
    # As a decoder elsewhere is told: in a number that is known only when it runs.
    for has_mask, name in ((False, without), (True, with_mask)):
        assert KINDS[int(prompt_kinds(given, logits, torch.tensor([has_mask])))] == name


@pytest.mark.parametrize("labels", [[1, -1], [1, 0, 1, 1], [2, 3]])
def test_drawings_are_told_from_answers(labels):
    drawn = np.zeros((75, 100), bool)
    drawn[20:50, 30:61] = True
    logits = torch.from_numpy(read_mask(drawn, frame_for((75, 100), 64), (16, 16)).logits)
    both = torch.stack([logits, numbers((16, 16), 3)])[None, :, None]
    given = torch.tensor([[labels, labels]])
    first, second = prompt_kinds(given, both)[0].tolist()
    assert KINDS[first] == "drawn mask"
    assert KINDS[second].endswith(", mask")


@pytest.mark.parametrize(
    ("points", "labels", "has_mask", "kind"),
    [
        ([POINT], [1], False, "click"),
        ([POINT, POINT], [1, 0], False, "clicks"),
        ([POINT, (40.0, 50.0)], [2, 3], False, "box"),
        ([POINT, POINT], [1, 0], True, "2 clicks, mask"),
        ([POINT, (40.0, 50.0)], [2, 3], True, "box, mask"),
    ],
)
@torch.no_grad()
def test_answers_are_calibrated_and_masks_stay_as_they_are(points, labels, has_mask, kind):
    plain, sam = small_lite(), calibrated()
    more = {"mask_logits": numbers((1, 1, 1, 16, 16), 3)} if has_mask else {}
    prompts = prompts_of([points], [labels], **more)
    raw = plain.decode(features_of(plain), prompts)
    found = sam.decode(features_of(sam), prompts)
    assert torch.equal(found.low_res_logits, raw.low_res_logits)
    assert not torch.allclose(found.iou, raw.iou)
    calibration = sam.mask_decoder.mask_scorer.calibration
    assert calibration is not None
    right = expected(calibration, raw.iou[0], KINDS.index(kind))
    np.testing.assert_allclose(found.iou[0], right, atol=1e-5)


@torch.no_grad()
def test_masks_are_kept_by_calibrated_scores():
    sam = calibrated()
    prompts = prompts_of([[POINT], [(50.0, 10.0)]], [[1], [1]])
    scores = sam.decode(features_of(sam), prompts, masks=slice(1, None)).iou[0]
    seen = []

    def keep(iou: torch.Tensor) -> torch.Tensor:
        seen.append(iou)
        return torch.tensor([False, True])

    (kept,) = sam.decode_kept(features_of(sam), prompts, keep, masks=slice(1, None))
    assert torch.equal(seen[0], scores)
    assert torch.equal(kept.iou, scores[1:])


@torch.no_grad()
def test_training_sees_raw_scores():
    plain, sam = small_lite(), calibrated()
    prompts = prompts_of([[POINT]], [[1]])
    raw = plain.train().decode(features_of(plain), prompts)
    assert torch.equal(sam.train().decode(features_of(sam), prompts).iou, raw.iou)
    assert not torch.equal(sam.eval().decode(features_of(sam), prompts).iou, raw.iou)


def test_a_state_without_maps_fits_a_network_without():
    sam = calibrated()
    state = without_calibration(sam.state_dict())
    assert sam.state_dict().keys() - state.keys() == {
        "mask_decoder.mask_scorer.calibration.raw",
        "mask_decoder.mask_scorer.calibration.true",
    }
    assert state.keys() == small_lite().state_dict().keys()

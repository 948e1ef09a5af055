"""Masks at the picture's size, computed where they can be anything but empty."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from anymask.image.frame import frame_for
from anymask.masks.boxes import box_of
from anymask.masks.measured import measure_low_res, measure_mask

CASES = [(1200, 1800), (300, 200), (37, 500), (1, 400), (64, 64), (1, 1), (2000, 3)]


def blob(size_hw, radius=30.0, noise=0.0, seed=0):
    """Logits of a disc somewhere in the part of the square that the picture fills."""
    frame = frame_for(size_hw, 1024)
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256] + 0.5
    centre = rng.uniform(0, 1, 2) * np.array(frame.resized_hw) / 4
    logits = radius - np.hypot(y - centre[0], x - centre[1])
    return (logits / 4 + noise * rng.normal(0, 1, (256, 256))).astype(np.float32), frame


def published(logits, frame):
    """Full-size logits by the published two resizes."""
    plane = torch.from_numpy(logits)[None, None]
    square = F.interpolate(plane, (1024, 1024), mode="bilinear", align_corners=False)
    cut = square[..., : frame.resized_hw[0], : frame.resized_hw[1]]
    return F.interpolate(cut, frame.original_hw, mode="bilinear", align_corners=False)[0, 0].numpy()


@pytest.mark.parametrize("size_hw", CASES)
@pytest.mark.parametrize(("radius", "noise"), [(30, 0), (3, 0.2), (150, 0), (60, 3.0), (900, 0)])
def test_mask_box_and_stability_are_those_of_the_published_resizing(size_hw, radius, noise):
    logits, frame = blob(size_hw, radius, noise)
    full = published(logits, frame)
    found = measure_mask(logits, frame, 1.0)
    expected = full > 0
    drawn = np.zeros(size_hw, bool)
    x0, y0, x1, y1 = found.box
    drawn[y0:y1, x0:x1] = found.inside
    assert np.abs(full[drawn != expected]).max(initial=0) < 1e-4
    assert found.box == box_of(drawn)
    sure, unsure = np.count_nonzero(full > 1), np.count_nonzero(full > -1)
    if unsure:
        assert found.stability_score == pytest.approx(sure / unsure, abs=2e-4)
    else:
        assert np.isnan(found.stability_score)


def test_a_mask_of_nothing_has_no_box_and_no_stability():
    frame = frame_for((90, 120), 1024)
    found = measure_mask(np.full((256, 256), -5.0, np.float32), frame, 1.0)
    assert found.box == (0, 0, 0, 0)
    assert found.inside.size == 0
    assert np.isnan(found.stability_score)


def test_a_vague_mask_may_be_empty_and_still_be_measured():
    frame = frame_for((90, 120), 1024)
    found = measure_mask(np.full((256, 256), -0.5, np.float32), frame, 1.0)
    assert found.box == (0, 0, 0, 0)
    assert found.stability_score == 0


def test_a_mask_of_the_whole_picture_is_stable():
    frame = frame_for((90, 120), 1024)
    found = measure_mask(np.full((256, 256), 5.0, np.float32), frame, 1.0)
    assert found.box == (0, 0, 120, 90)
    assert found.inside.all()
    assert found.stability_score == 1


@pytest.mark.parametrize("size_hw", CASES[:3])
def test_the_coarse_measure_is_near_the_fine_one(size_hw):
    planes, frames = zip(*(blob(size_hw, 40, seed=seed) for seed in range(6)), strict=True)
    stability, boxes, areas = measure_low_res(np.stack(planes), frames[0], 1.0)
    cell = max(size_hw) / 256
    for number, plane in enumerate(planes):
        fine = measure_mask(plane, frames[0], 1.0)
        assert stability[number] == pytest.approx(fine.stability_score, abs=0.05)
        np.testing.assert_allclose(boxes[number], fine.box, atol=2 * cell + 1)
        # Along the outline up to half a cell is taken for inside or outside.
        rim = 2 * cell * (fine.box[2] - fine.box[0] + fine.box[3] - fine.box[1])
        assert areas[number] == pytest.approx(np.count_nonzero(fine.inside), abs=rim)


def test_the_coarse_measure_of_nothing_is_no_number():
    frame = frame_for((90, 120), 1024)
    stability, boxes, areas = measure_low_res(np.full((1, 256, 256), -9.0, np.float32), frame, 1.0)
    assert np.isnan(stability).all()
    assert boxes.tolist() == [[0, 0, 0, 0]]
    assert areas.tolist() == [0]

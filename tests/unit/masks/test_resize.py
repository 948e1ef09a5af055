"""Low-resolution logits to the picture, against torch in two steps."""

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from anymask.errors import InputError
from anymask.masks import resize
from anymask.masks.resize import full_resolution_logits, full_resolution_mask
from anymask.vocabulary import ImageFrame

FRAMES = [
    ImageFrame(original_hw=(300, 450), resized_hw=(683, 1024), input_size=1024),
    ImageFrame(original_hw=(512, 512), resized_hw=(1024, 1024), input_size=1024),
    ImageFrame(original_hw=(700, 401), resized_hw=(512, 293), input_size=512),
    ImageFrame(original_hw=(37, 23), resized_hw=(1024, 637), input_size=1024),
    ImageFrame(original_hw=(1, 1), resized_hw=(1024, 1024), input_size=1024),
    ImageFrame(original_hw=(2, 3), resized_hw=(683, 1024), input_size=1024),
    ImageFrame(original_hw=(1, 40000), resized_hw=(1, 1024), input_size=1024),
    ImageFrame(original_hw=(40000, 1), resized_hw=(1024, 1), input_size=1024),
]


def by_torch(low_res, frame):
    height, width = frame.resized_hw
    side = (frame.input_size, frame.input_size)
    planes = torch.from_numpy(low_res).reshape(1, -1, *low_res.shape[-2:])
    square = interpolate(planes, side, mode="bilinear", align_corners=False)
    full = interpolate(
        square[..., :height, :width], frame.original_hw, mode="bilinear", align_corners=False
    )
    return full.reshape(*low_res.shape[:-2], *frame.original_hw).numpy()


def blobs(seed, num_low=64, lift=0.0):
    noise = np.random.default_rng(seed).normal(0, 40, (num_low, num_low)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), num_low / 20) + np.float32(lift)


def bump(num_low, row, column, radius):
    y, x = np.mgrid[:num_low, :num_low]
    return (6 * (1 - np.hypot(y - row, x - column) / radius)).clip(-12, 12).astype(np.float32)


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: str(frame.original_hw))
@pytest.mark.parametrize("num_low", [64, 256])
def test_logits_and_signs_are_those_of_torch(frame, num_low):
    low_res = blobs(1, num_low)
    expected = by_torch(low_res, frame)
    logits = full_resolution_logits(low_res, frame)
    assert logits.dtype == np.float32
    assert logits.shape == frame.original_hw
    np.testing.assert_allclose(logits, expected, atol=2e-4)
    mask = full_resolution_mask(low_res, frame)
    is_clear = np.abs(expected) >= 1e-4
    np.testing.assert_array_equal(mask[is_clear], expected[is_clear] > 0)


def test_leading_axes_are_kept():
    low_res = np.stack([[blobs(1), blobs(2), blobs(3)], [blobs(4), blobs(5), blobs(6)]])
    logits = full_resolution_logits(low_res, FRAMES[0])
    np.testing.assert_allclose(logits, by_torch(low_res, FRAMES[0]), atol=2e-4)
    assert full_resolution_logits(low_res[:0], FRAMES[0]).shape == (0, 3, 300, 450)


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: str(frame.original_hw))
@pytest.mark.parametrize("threshold", [0.0, 1.3, -2.0])
@pytest.mark.parametrize(
    "low_res",
    [
        bump(64, 20, 15, 3),
        bump(64, 0, 0, 5),
        bump(64, 40, 63, 4),
        bump(64, 20, 15, 30),
        bump(64, 63, 63, 3),
        blobs(7, lift=-9),
        blobs(8),
        np.full((64, 64), 1.3, dtype=np.float32),
        np.zeros((64, 64), dtype=np.float32),
    ],
    ids=["small", "corner", "edge", "large", "padding", "specks", "all", "flat", "zero"],
)
def test_leaving_work_out_changes_no_pixel(frame, threshold, low_res):
    whole = full_resolution_logits(low_res, frame) > threshold
    np.testing.assert_array_equal(full_resolution_mask(low_res, frame, threshold), whole)


def test_a_small_object_is_computed_in_its_box_alone(monkeypatch):
    low_res = bump(64, 20, 15, 3)
    whole = full_resolution_logits(low_res, FRAMES[0]) > 0
    monkeypatch.setattr(resize, "_resize_whole", None)
    mask = full_resolution_mask(low_res, FRAMES[0])
    np.testing.assert_array_equal(mask, whole)
    assert 0 < mask.sum() < 0.05 * mask.size


def test_nothing_above_the_cutoff_computes_nothing(monkeypatch):
    monkeypatch.setattr(resize, "_resize_whole", None)
    monkeypatch.setattr(resize, "_resize_box", None)
    assert not full_resolution_mask(np.full((64, 64), -3.0), FRAMES[0]).any()
    # Row 60 of 64 lies in the padding below the picture.
    assert not full_resolution_mask(bump(64, 60, 30, 3), FRAMES[0]).any()


def test_where_both_ways_might_disagree_the_whole_picture_decides(monkeypatch):
    low_res = np.full((64, 64), -4.0, dtype=np.float32)
    low_res[10, 10] = 4.0
    frame = ImageFrame(original_hw=(512, 512), resized_hw=(1024, 1024), input_size=1024)
    whole = full_resolution_logits(low_res, frame) > 0
    calls = []
    resize_whole = resize._resize_whole

    def noted(*given):
        calls.append(1)
        return resize_whole(*given)

    monkeypatch.setattr(resize, "_resize_whole", noted)
    monkeypatch.setattr(resize, "_ROUNDING", 0.1)
    np.testing.assert_array_equal(full_resolution_mask(low_res, frame), whole)
    assert calls == [1]


@pytest.mark.parametrize("low_res", [np.zeros(5), np.zeros((0, 4))])
def test_logits_need_a_plane(low_res):
    with pytest.raises(InputError, match=r"low_res must have shape \(..., h, w\), got"):
        full_resolution_logits(low_res, FRAMES[0])


def test_a_mask_is_made_of_one_plane():
    with pytest.raises(InputError, match=r"shape \(h, w\), got \(3, 4, 4\); pass one mask"):
        full_resolution_mask(np.zeros((3, 4, 4)), FRAMES[0])

"""Low-resolution logits to the picture, against torch in two steps."""

import tracemalloc

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
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

PHOTO = ImageFrame(original_hw=(1200, 1800), resized_hw=(683, 1024), input_size=1024)


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


@pytest.fixture
def computed(monkeypatch):
    """Which tiles were asked for, a call each."""
    asked = []
    tiles = resize.tiles_of

    def noted(plane, rows, columns, wanted):
        asked.append(wanted)
        return tiles(plane, rows, columns, wanted)

    monkeypatch.setattr(resize, "tiles_of", noted)
    return asked


def test_only_the_outline_of_an_object_is_computed(computed):
    low_res = bump(256, 90, 120, 70)
    mask = full_resolution_mask(low_res, PHOTO)
    (wanted,) = computed
    assert wanted.shape == (10, 15)
    tile_of = np.kron(wanted, np.ones((128, 128), dtype=bool))[:1200, :1800]
    # Beside what is computed there are full tiles and empty ones.
    assert 0.1 < tile_of.mean() < 0.4
    assert 0.2 < mask[~tile_of].mean() < 0.8
    expected = by_torch(low_res, PHOTO)
    is_clear = np.abs(expected) >= 1e-4
    np.testing.assert_array_equal(mask[is_clear], expected[is_clear] > 0)


def test_nothing_above_the_cutoff_computes_nothing(computed):
    assert not full_resolution_mask(np.full((64, 64), -3.0), FRAMES[0]).any()
    # Row 60 of 64 lies in the padding below the picture.
    assert not full_resolution_mask(bump(64, 60, 30, 3), FRAMES[0]).any()
    assert full_resolution_mask(np.full((64, 64), 3.0), FRAMES[0]).all()
    assert [wanted.sum() for wanted in computed] == [0, 0, 0]


def test_masks_of_a_picture_share_the_weights():
    rows, columns = resize.tile_grid(PHOTO, (256, 256))
    assert resize.tile_grid(PHOTO, (256, 256))[0] is rows
    for strips, size in ((rows, 1200), (columns, 1800)):
        assert [strip.pixels.start for strip in strips] == list(range(0, size, 128))
        assert strips[-1].pixels.stop == size
        for strip in strips:
            np.testing.assert_allclose(strip.weights.sum(1), 1, atol=3e-7)
            assert (strip.weights >= 0).all()
    # 1200 rows show 683 of 1024: the last one reaches cell 171 of 256, and nothing below it.
    assert rows[-1].cells.stop == 172


def test_a_small_mask_makes_no_full_size_logits():
    low_res = bump(256, 80, 100, 12)
    frame = ImageFrame(original_hw=(4000, 6000), resized_hw=(683, 1024), input_size=1024)
    full_resolution_mask(low_res, frame)
    tracemalloc.start()
    mask = full_resolution_mask(low_res, frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mask.any()
    assert peak < 1.1 * mask.nbytes


@st.composite
def frames(draw):
    side = draw(st.sampled_from([64, 96, 100, 256]))
    short = draw(st.integers(1, side))
    long_px, short_px = draw(st.integers(1, 700)), draw(st.integers(1, 700))
    resized, original = (short, side), (short_px, long_px)
    if draw(st.booleans()):
        resized, original = resized[::-1], original[::-1]
    return ImageFrame(original_hw=original, resized_hw=resized, input_size=side)


@st.composite
def planes(draw):
    """Noise, blobs, steps and constants of several sizes."""
    num_low = draw(st.sampled_from([1, 2, 16, 24, 64]))
    seed = draw(st.integers(0, 2**32 - 1))
    kind = draw(st.sampled_from(["noise", "blobs", "steps", "constant", "padding"]))
    rng = np.random.default_rng(seed)
    plane = rng.normal(0, 5, (num_low, num_low)).astype(np.float32)
    if kind == "blobs":
        plane[:] = cv2.GaussianBlur(plane, (0, 0), 2.0)
    elif kind == "steps":
        plane[:] = np.sign(plane)
    elif kind == "constant":
        plane[:] = plane[0, 0]
    elif kind == "padding":
        plane[: num_low - 1, : num_low - 1] = -4
    return plane


@given(frames(), planes(), st.sampled_from([0.0, 1.0, -1.0, 2.7]))
@settings(max_examples=150)
def test_any_size_gives_what_the_published_two_steps_give(frame, low_res, threshold):
    expected = by_torch(low_res.astype(np.float64), frame)
    logits = full_resolution_logits(low_res, frame)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=2e-5)
    mask = full_resolution_mask(low_res, frame, threshold)
    np.testing.assert_array_equal(mask, logits > threshold)
    is_clear = np.abs(expected - threshold) >= 1e-4
    np.testing.assert_array_equal(mask[is_clear], (expected > threshold)[is_clear])


@pytest.mark.parametrize("low_res", [np.zeros(5), np.zeros((0, 4))])
def test_logits_need_a_plane(low_res):
    with pytest.raises(InputError, match=r"low_res must have shape \(..., h, w\), got"):
        full_resolution_logits(low_res, FRAMES[0])


def test_a_mask_is_made_of_one_plane():
    with pytest.raises(InputError, match=r"shape \(h, w\), got \(3, 4, 4\); pass one mask"):
        full_resolution_mask(np.zeros((3, 4, 4)), FRAMES[0])

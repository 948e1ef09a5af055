"""A window's logits pasted into the whole picture's: finer inside, the same outside, no joint."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from anymask.errors import InputError
from anymask.image.frame import frame_for
from anymask.masks.close_up import CloseUp, close_logits, close_mask, pasted_low_res
from anymask.masks.mask import Mask
from anymask.masks.resize import full_resolution_logits

INPUT = 64
CELLS = (16, 16)
PICTURE = (96, 128)
FRAME = frame_for(PICTURE, INPUT)


def smooth(seed: int) -> np.ndarray:
    """Logits without a step from cell to cell, float32 (16, 16)."""
    rough = np.random.default_rng(seed).normal(0, 8, CELLS).astype(np.float32)
    return cv2.GaussianBlur(rough, (0, 0), 2)


def close_up(corner=(40, 24), size=48, share=1.0) -> CloseUp:
    """A square window with logits of its own."""
    return CloseUp(
        whole=smooth(0),
        logits=smooth(1) + 3,
        frame=frame_for((size, size), INPUT),
        corner_xy=corner,
        share=share,
    )


def in_window(logits: np.ndarray, one: CloseUp) -> np.ndarray:
    (x, y), (height, width) = one.corner_xy, one.frame.original_hw
    return logits[y : y + height, x : x + width]


def test_inside_it_is_the_window_and_outside_the_whole():
    one = close_up()
    found, whole = close_logits(one, FRAME), full_resolution_logits(one.whole, FRAME)
    window = full_resolution_logits(one.logits, one.frame)
    middle = slice(6, -6)  # the rim is an eighth of 48
    np.testing.assert_allclose(in_window(found, one)[middle, middle], window[middle, middle], 1e-5)
    assert np.abs(found - whole)[:, :40].max() == 0
    assert np.abs(found - whole)[72:].max() == 0
    assert np.abs(in_window(found - whole, one)).max() > 1


def test_half_a_share_is_the_mean_of_both():
    one = close_up(share=0.5)
    found, whole = close_logits(one, FRAME), full_resolution_logits(one.whole, FRAME)
    window = full_resolution_logits(one.logits, one.frame)
    mean = (window + in_window(whole, one)) / 2
    np.testing.assert_allclose(in_window(found, one)[6:-6, 6:-6], mean[6:-6, 6:-6], atol=1e-5)


def test_the_joint_has_no_step():
    one = close_up()
    found = close_logits(one, FRAME)
    window = full_resolution_logits(one.logits, one.frame)
    whole = full_resolution_logits(one.whole, FRAME)
    # Over the rim the weight climbs by 1/6 a pixel: no steeper than both slopes and that climb.
    steepest = max(np.abs(np.diff(part, axis=1)).max() for part in (window, whole))
    climb = np.abs(window - in_window(whole, one)).max() / 6
    assert np.abs(np.diff(found, axis=1)).max() <= steepest + climb + 1e-4
    pasted_hard = whole.copy()
    in_window(pasted_hard, one)[:] = window
    assert np.abs(np.diff(pasted_hard, axis=1)).max() > steepest + climb


def test_there_is_no_rim_at_the_pictures_own_edge():
    one = close_up(corner=(0, 0))
    found = in_window(close_logits(one, FRAME), one)
    window = full_resolution_logits(one.logits, one.frame)
    np.testing.assert_allclose(found[:40, :40], window[:40, :40], atol=1e-5)


@pytest.mark.parametrize("corner", [(0, 0), (40, 24), (80, 48), (37, 11)])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_mask_is_where_the_logits_are_positive(corner, share):
    one = close_up(corner=corner, share=share)
    found = close_mask(one, FRAME)
    np.testing.assert_array_equal(found, close_logits(one, FRAME) > 0)
    assert 0 < in_window(found, one).mean() < 1


def test_the_mask_is_right_across_tiles():
    frame = frame_for((300, 400), INPUT)
    one = close_up(corner=(90, 100), size=150)
    np.testing.assert_array_equal(close_mask(one, frame), close_logits(one, frame) > 0)


@pytest.mark.parametrize("corner", [(40, 24), (0, 0), (80, 48)])
def test_its_low_resolution_is_the_mean_of_what_each_cell_covers(corner):
    one = close_up(corner=corner)
    found = pasted_low_res(one, FRAME)
    means = cv2.resize(close_logits(one, FRAME), (16, 12), interpolation=cv2.INTER_AREA)
    before = cv2.resize(full_resolution_logits(one.whole, FRAME), (16, 12), interpolation=3)
    assert np.abs(means - before).max() > 1.5
    # Where nothing is pasted, a cell and the mean of what is drawn from it differ by 0.13.
    assert np.abs(found[:12] - means).max() < 0.2
    np.testing.assert_array_equal(found[12:], one.whole[12:])  # padding


def test_a_thin_object_of_the_window_leaves_a_trace_in_the_low_resolution():
    logits = np.full(CELLS, -8, np.float32)
    logits[:, 8] = 40
    one = CloseUp(
        whole=np.full(CELLS, -8, np.float32),
        logits=logits,
        frame=frame_for((32, 32), INPUT),
        corner_xy=(48, 32),
    )
    assert (pasted_low_res(one, FRAME) > 0).any()


def test_a_window_beyond_the_picture_is_refused():
    with pytest.raises(InputError, match="window 48×48 at \\(81, 24\\) leaves the picture"):
        close_logits(close_up(corner=(81, 24)), FRAME)


@pytest.mark.parametrize("share", [0, 1.5])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(InputError, match=f"share is {share}, not above 0"):
        close_up(share=share)


def test_a_mask_shows_the_close_up_and_still_leaves_out_what_has_no_data():
    rough = np.random.default_rng(2).normal(0, 8, CELLS).astype(np.float32)
    one = replace(close_up(), logits=rough)
    no_data = np.zeros(PICTURE, bool)
    no_data[:, 60:] = True
    mask = Mask(
        score=1.0,
        frame=FRAME,
        low_res_logits=pasted_low_res(one, FRAME),
        close_up=one,
        no_data=no_data,
    )
    logits = close_logits(one, FRAME)
    np.testing.assert_array_equal(mask.logits, logits)
    np.testing.assert_array_equal(mask.array, (logits > 0) & ~no_data)
    coarse = Mask(score=1.0, frame=FRAME, low_res_logits=mask.low_res_logits, no_data=no_data)
    assert (mask.array != coarse.array).any()

"""The answer to a box ends where the box does, unless the model means to go farther."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from anymask.image.frame import frame_for
from anymask.masks.close_up import CloseUp
from anymask.masks.mask import Mask, Masks
from anymask.predict.snug import snug
from anymask.vocabulary import Box, Prompt

FRAME = frame_for((96, 96), 96)  # a cell is 4 pixels


def block(rows: slice, columns: slice) -> np.ndarray:
    """Logits of a block whose border is soft, on a ground that is not."""
    block = np.zeros((24, 24), np.bool_)
    block[rows, columns] = True
    near = ndimage.binary_dilation(block, np.ones((3, 3)))
    return np.where(block, 2.0, np.where(near, -3.0, -12.0)).astype(np.float32)


def answer(logits: np.ndarray, box: Box | None) -> Masks:
    prompt = Prompt(points=() if box else ((40, 40),), labels=() if box else (1,), box=box)
    return Masks((Mask(score=0.5, frame=FRAME, low_res_logits=logits, prompt=prompt),))


def extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    (rows, columns) = ndimage.find_objects(mask.astype(np.uint8))[0]
    return columns.start, rows.start, columns.stop, rows.stop


@pytest.mark.parametrize("box", [(19, 21, 61, 71), (17, 23, 63, 69), (20, 24, 60, 68)])
def test_a_smear_ends_at_the_sides_of_the_box(box: Box) -> None:
    before = answer(block(slice(5, 18), slice(4, 16)), box)
    x0, y0, x1, y1 = extent(before.best.array)
    assert (x0 < box[0], y0 < box[1], x1 > box[2], y1 > box[3]) == (True,) * 4
    after = snug(before).best
    assert extent(after.array) == box
    np.testing.assert_array_equal(after.array, before.best.array & after.array)


def test_a_side_that_is_overstepped_by_more_stays_and_the_others_do_not() -> None:
    before = answer(block(slice(5, 18), slice(4, 20)), (19, 21, 61, 71))
    x1 = extent(before.best.array)[2]
    assert x1 > 61 + 8
    after = snug(before).best.array
    assert extent(after) == (19, 21, x1, 71)
    np.testing.assert_array_equal(after[30:60, 30:], before.best.array[30:60, 30:])


def test_a_box_without_a_centre_of_a_cell_changes_nothing_across() -> None:
    before = answer(block(slice(5, 18), slice(9, 12)), (42.5, 4, 45.5, 90)).best
    np.testing.assert_array_equal(snug(Masks((before,))).best.array, before.array)


def test_a_mask_inside_its_box_stays_as_it_is() -> None:
    before = answer(block(slice(5, 18), slice(4, 16)), (4, 4, 90, 90)).best
    np.testing.assert_array_equal(snug(Masks((before,))).best.array, before.array)


def test_small_pieces_go_and_large_ones_stay() -> None:
    logits = block(slice(2, 8), slice(2, 8))
    logits[2:8, 12:15] = 1.0
    logits[14:16, 14:16] = 4.0
    found = snug(answer(logits, (0, 0, 96, 96))).best.array
    assert found[20, 54]
    assert not found[60, 60]
    assert int(ndimage.label(found)[1]) == 2


def test_without_a_box_nothing_happens() -> None:
    masks = answer(block(slice(5, 18), slice(4, 16)), None)
    assert snug(masks).best is masks.best


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("wide", [1.5, 5.0, 8.0, 9.5, 12.0])
@pytest.mark.parametrize("left", [37.9, 40.0, 41.5, 42.0, 43.9])
@pytest.mark.parametrize("is_tall", [True, False])
def test_boxes_of_a_few_pixels_never_empty_a_mask(
    *, width: int, wide: float, left: float, is_tall: bool
) -> None:
    logits = block(slice(2, 20), slice(10, 10 + width))
    box = (left, 8.0, left + wide, 80.0)
    if not is_tall:
        logits, box = logits.T, (box[1], box[0], box[3], box[2])
    found = snug(answer(logits, box)).best
    assert found.array.any()
    assert np.abs(np.asarray(found.low_res_logits)).max() <= 12


@pytest.mark.parametrize("past", [0.001, 0.3, 0.5, 0.9])
def test_logits_stay_in_their_range_wherever_the_side_lies(past: float) -> None:
    logits = block(slice(5, 18), slice(4, 16))
    box = (18.0, 22.0, 58 + 4 * past, 72.0)  # a centre lies at 58
    found = snug(answer(logits, box)).best
    assert np.abs(np.asarray(found.low_res_logits)).max() <= 12
    assert extent(found.array)[2] == pytest.approx(box[2], abs=1)


def test_a_box_at_the_rim_of_the_picture_cuts_nothing_off() -> None:
    before = answer(block(slice(0, 24), slice(0, 24)), (0, 0, 96, 96)).best
    np.testing.assert_array_equal(snug(Masks((before,))).best.array, before.array)


def test_what_lies_in_the_padding_does_not_count() -> None:
    frame = frame_for((48, 96), 96)
    logits = block(slice(3, 10), slice(4, 16))
    logits[13:, :] = 5.0
    mask = replace(answer(logits, (16, 13, 64, 39)).best, frame=frame)
    assert extent(snug(Masks((mask,))).best.array) == (16, 13, 64, 39)


def test_pieces_are_measured_inside_the_box_and_clicked_ones_stay() -> None:
    logits = block(slice(2, 6), slice(2, 6))
    logits[10:24, 10:24] = 1.0
    found = snug(answer(logits, (6, 6, 26, 26))).best.array
    assert found[16, 16]
    assert not found[70, 70]
    logits = block(slice(2, 14), slice(2, 14))
    logits[18:20, 18:20] = 1.0
    for labels, is_kept in (((1,), True), ((0,), False)):
        prompt = Prompt(points=((75, 75),), labels=labels, box=(0, 0, 96, 96))
        mask = replace(answer(logits, (0, 0, 96, 96)).best, prompt=prompt)
        assert snug(Masks((mask,))).best.array[75, 75] == is_kept


def test_in_a_close_up_the_side_is_as_fine_as_the_window() -> None:
    # The window's cells are 1 pixel wide, the whole picture's 4.
    window = np.full((24, 24), -12.0, np.float32)
    window[4:20, 4:20] = 2.0
    closer = CloseUp(
        whole=block(slice(5, 10), slice(5, 10)),
        logits=window,
        frame=frame_for((24, 24), 96),
        corner_xy=(18, 18),
    )
    box = (22.4, 22.4, 37.6, 37.6)
    mask = replace(answer(closer.whole, box).best, close_up=closer)
    assert extent(mask.array) == (22, 22, 38, 38)
    found = snug(Masks((replace(mask, prompt=Prompt(box=(23, 23, 37, 37))),))).best
    assert extent(found.array) == (23, 23, 37, 37)
    assert found.low_res_logits is not None
    assert found.low_res_logits[7, 7] > 0 > found.low_res_logits[10, 7]

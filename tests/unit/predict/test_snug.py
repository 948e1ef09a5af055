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
    logits = np.full((24, 24), -3.0, np.float32)
    logits[rows, columns] = 2.0
    return logits


def answer(logits: np.ndarray, box: Box | None) -> Masks:
    prompt = Prompt(points=() if box else ((40, 40),), labels=() if box else (1,), box=box)
    return Masks((Mask(score=0.5, frame=FRAME, low_res_logits=logits, prompt=prompt),))


def extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    (rows, columns) = ndimage.find_objects(mask.astype(np.uint8))[0]
    return columns.start, rows.start, columns.stop, rows.stop


@pytest.mark.parametrize("box", [(19, 22, 61, 71), (18, 23, 62, 70), (20, 21, 63, 69)])
def test_a_smear_ends_at_the_sides_of_the_box(box: Box) -> None:
    before = answer(block(slice(5, 18), slice(4, 16)), box)
    x0, y0, x1, y1 = extent(before.best.array)
    assert (x0 < box[0], y0 < box[1], x1 > box[2], y1 > box[3]) == (True,) * 4
    after = snug(before).best
    assert extent(after.array) == box
    np.testing.assert_array_equal(after.array, before.best.array & after.array)


def test_a_side_that_is_overstepped_by_more_stays_and_the_others_do_not() -> None:
    before = answer(block(slice(5, 18), slice(4, 20)), (19, 22, 61, 71))
    x1 = extent(before.best.array)[2]
    assert x1 > 61 + 8
    assert extent(snug(before).best.array) == (19, 22, x1, 71)


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


@pytest.mark.parametrize("box", [(95.5, 10, 96, 20), (0, 0, 0.5, 0.5), (40, 40, 41, 41)])
def test_boxes_at_the_rim_and_smaller_than_a_cell_do_no_harm(box: Box) -> None:
    found = snug(answer(block(slice(0, 24), slice(0, 24)), box)).best
    assert np.isfinite(found.logits).all()
    assert found.array.any()


def test_in_a_close_up_the_side_is_as_fine_as_the_window() -> None:
    # The window's cells are 1 pixel wide, the whole picture's 4.
    window = np.full((24, 24), -3.0, np.float32)
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

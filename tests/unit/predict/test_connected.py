"""Pieces that nothing of the prompt touches go; the others stay as they are."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from anymask.image.frame import frame_for
from anymask.masks.close_up import CloseUp
from anymask.masks.mask import Mask, Masks
from anymask.predict.connected import connected, kept_pieces
from anymask.vocabulary import Prompt

FRAME = frame_for((64, 96), 96)  # a cell is 4 pixels


def two_pieces() -> np.ndarray:
    """Logits of a small piece at the top left and a large one at the bottom right."""
    logits = np.full((24, 24), -2.0, np.float32)
    logits[1:4, 1:4] = 3.0
    logits[8:14, 12:20] = 1.5
    return logits


def answer(prompt: Prompt, logits: np.ndarray) -> Masks:
    return Masks((Mask(score=0.5, frame=FRAME, low_res_logits=logits, prompt=prompt),))


def num_pieces(mask: np.ndarray) -> int:
    return int(ndimage.label(mask, np.ones((3, 3)))[1])


@pytest.mark.parametrize(
    ("point", "inside", "outside"), [((8, 8), (9, 9), (44, 64)), ((64, 44), (44, 64), (9, 9))]
)
def test_the_clicked_piece_stays(
    point: tuple[int, int], inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    before = answer(Prompt(points=(point,), labels=(1,)), two_pieces()).best
    after = connected(Masks((before,))).best
    assert num_pieces(before.array) == 2
    assert num_pieces(after.array) == 1
    assert after.array[inside]
    assert not after.array[outside]
    np.testing.assert_array_equal(after.array, before.array & after.array)


def test_every_clicked_piece_stays_and_clicks_off_the_object_keep_nothing() -> None:
    both = Prompt(points=((8, 8), (64, 44)), labels=(1, 1))
    assert num_pieces(connected(answer(both, two_pieces())).best.array) == 2
    off = Prompt(points=((8, 8), (64, 44)), labels=(1, 0))
    assert not connected(answer(off, two_pieces())).best.array[44, 64]


def test_the_largest_piece_stays_where_no_click_meets_one() -> None:
    found = connected(answer(Prompt(points=((90, 4),), labels=(1,)), two_pieces())).best
    assert found.array[44, 64]
    assert not found.array[9, 9]


def test_pieces_of_the_mask_prompt_stay() -> None:
    drawn = np.where(two_pieces() == 1.5, 5.0, -5.0).astype(np.float32)
    prompt = Prompt(points=((8, 8),), labels=(1,), mask=drawn)
    assert num_pieces(connected(answer(prompt, two_pieces())).best.array) == 2


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(box=(0, 0, 90, 60)),
        Prompt(points=((8, 8),), labels=(1,), box=(0, 0, 90, 60)),
        Prompt(points=((8, 8),), labels=(0,), box=None),
    ],
)
def test_boxes_and_lone_clicks_off_the_object_keep_all(prompt: Prompt) -> None:
    masks = answer(prompt, two_pieces())
    assert connected(masks).best is masks.best


def test_one_piece_is_the_same_array() -> None:
    logits = two_pieces()
    logits[8:14, 12:20] = -1.0
    touched = np.zeros(logits.shape, np.bool_)
    assert kept_pieces(logits, touched) is logits


def test_pieces_of_a_window_go_too() -> None:
    window = np.full((24, 24), -4.0, np.float32)
    window[2:10, 2:10] = 4.0
    window[16:22, 16:22] = 4.0
    closer = CloseUp(
        whole=two_pieces(), logits=window, frame=frame_for((24, 24), 96), corner_xy=(0, 0)
    )
    mask = replace(
        answer(Prompt(points=((5, 5),), labels=(1,)), two_pieces()).best, close_up=closer
    )
    found = connected(Masks((mask,))).best
    assert found.close_up is not None
    assert (found.close_up.logits > 0).sum() == 64
    assert found.array[5, 5]
    assert not found.array[19, 19]
    assert not found.array[44, 64]
    assert found.low_res_logits is not None
    assert found.low_res_logits[11, 16] < 0

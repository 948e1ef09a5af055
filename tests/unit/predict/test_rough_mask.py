"""Masks as prompts: what is taken, what it becomes, and what is refused."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from anymask.errors import PromptError, StateError
from anymask.image.frame import frame_for
from anymask.masks.mask import Mask, Masks
from anymask.predict.rough_mask import SURE_LOGIT, read_mask

FRAME = frame_for((480, 640), 1024)  # resized to 768 × 1024
LOW = (256, 256)
# Multiples of 5 pixels are whole cells: 640 pixels are 256 cells.
TOP, BOTTOM, LEFT, RIGHT = 100, 200, 300, 500


def logits_of(mask, frame, low_res_hw) -> np.ndarray:
    return read_mask(mask, frame, low_res_hw).logits


def drawn(dtype=np.bool_, value=1) -> np.ndarray:
    mask = np.zeros((480, 640), dtype)
    mask[TOP:BOTTOM, LEFT:RIGHT] = value
    return mask


def expected() -> np.ndarray:
    logits = np.full(LOW, -SURE_LOGIT, np.float32)
    logits[TOP * 2 // 5 : BOTTOM * 2 // 5, LEFT * 2 // 5 : RIGHT * 2 // 5] = SURE_LOGIT
    return logits


def copy_of(mask):
    return mask.tolist() if isinstance(mask, torch.Tensor) else np.array(mask)


@pytest.mark.parametrize(
    "mask",
    [
        drawn(),
        drawn(np.uint8),
        drawn(np.uint8, 255),
        drawn(np.int64),
        drawn(np.uint16, 65535),
        drawn(np.float32),
        drawn(np.float64, 255),
        np.where(drawn(), 3.0, -9.0),
        drawn()[None],
        torch.from_numpy(drawn()),
        torch.from_numpy(drawn(np.float32)).to(torch.bfloat16).requires_grad_(),
        Image.fromarray(drawn(np.uint8, 255)),
        drawn().tolist(),
    ],
    ids=["bool", "01", "0255", "int64", "16bit", "float", "f255", "logits", "1HW", "tensor",
         "bfloat16", "pillow", "list"],
)  # fmt: skip
def test_a_drawn_mask_becomes_sure_logits_where_it_lies(mask):
    before = copy_of(mask)
    logits = logits_of(mask, FRAME, LOW)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected(), atol=0.2 * SURE_LOGIT)
    inside = logits > 0
    np.testing.assert_array_equal(inside, expected() > 0)
    np.testing.assert_array_equal(copy_of(mask), before)


def test_the_border_is_undecided_and_the_padding_outside():
    mask = np.zeros((480, 640), bool)
    mask[:, :321] = True  # 128.4 cells
    logits = logits_of(mask, FRAME, LOW)
    assert (logits[:191, :128] == SURE_LOGIT).all()
    assert (logits[:, 129:] == -SURE_LOGIT).all()
    np.testing.assert_allclose(logits[:191, 128], SURE_LOGIT * (2 * 0.4 - 1), atol=0.2)
    assert (logits[192:] == -SURE_LOGIT).all()


def test_a_grey_mask_is_cut_in_the_middle():
    mask = np.zeros((480, 640), np.uint8)
    mask[:, :320] = 255
    mask[:, 320:400] = 127
    np.testing.assert_array_equal(logits_of(mask, FRAME, LOW)[:192, :128], SURE_LOGIT)
    np.testing.assert_array_equal(logits_of(mask, FRAME, LOW)[:, 128:], -SURE_LOGIT)


def test_an_object_thinner_than_a_cell_is_not_lost():
    frame = frame_for((3000, 4000), 1024)
    mask = np.zeros((3000, 4000), bool)
    mask[1500, 2000] = True
    logits = logits_of(mask, frame, LOW)
    assert np.argwhere(logits > 0).tolist() == [[96, 128]]
    assert logits.max() == SURE_LOGIT


@pytest.mark.parametrize("shape", [LOW, (1, *LOW)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_low_resolution_logits_are_taken_as_they_are(shape, dtype):
    given = np.random.default_rng(0).normal(0, 5, LOW).astype(dtype)
    taken = logits_of(given.reshape(shape), FRAME, LOW)
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken, given.astype(np.float32))
    taken[0, 0] = 99  # its own memory
    assert given[0, 0] != 99


def test_a_float_drawing_of_the_size_of_logits_is_told_from_logits():
    frame = frame_for(LOW, 1024)
    mask = np.zeros(LOW, np.float32)
    mask[10:20, 30:40] = 1
    logits = logits_of(mask, frame, LOW)
    np.testing.assert_array_equal(logits > 0, mask > 0)
    assert logits.max() == SURE_LOGIT
    assert logits_of(mask - 0.5, frame, LOW).max() == 0.5


def answer(frame, score=0.5, sign=1.0) -> Mask:
    side = frame.input_size // 4
    logits = np.full((side, side), -3.0, np.float32)
    logits[side // 4 : side // 2, side // 8 : side // 2] = 3.0
    return Mask(score=score, low_res_logits=sign * logits, frame=frame)


def test_an_earlier_answer_gives_its_logits():
    mask = answer(FRAME)
    logits = logits_of(mask, FRAME, LOW)
    np.testing.assert_array_equal(logits, mask.low_res_logits)
    assert not np.shares_memory(logits, mask.low_res_logits)


def test_of_several_earlier_answers_the_best_is_taken():
    masks = Masks((answer(FRAME, 0.2, -1.0), answer(FRAME, 0.9), answer(FRAME, 0.3, -1.0)))
    np.testing.assert_array_equal(logits_of(masks, FRAME, LOW), masks[1].low_res_logits)


def test_an_earlier_answer_of_a_model_with_another_frame_is_moved():
    small = answer(frame_for((480, 640), 384))
    logits = logits_of(small, FRAME, LOW)
    frame = Mask(score=0, low_res_logits=logits, frame=FRAME)
    overlap = (frame.array & small.array).sum() / (frame.array | small.array).sum()
    assert overlap > 0.97
    assert set(np.unique(np.abs(logits))) >= {SURE_LOGIT}


def test_where_the_object_was_drawn_is_known_but_for_bare_logits():
    np.testing.assert_array_equal(read_mask(drawn(np.uint8, 255), FRAME, LOW).inside, drawn())
    mask = answer(FRAME)
    np.testing.assert_array_equal(read_mask(mask, FRAME, LOW).inside, mask.array)
    assert read_mask(mask.low_res_logits, FRAME, LOW).inside is None


def test_no_earlier_answer_is_said():
    with pytest.raises(StateError, match="no mask to choose from"):
        logits_of(Masks(), FRAME, LOW)


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.ones((512, 512), bool), "mask 512×512 for picture 640×480; pass a mask of the "
                                    "picture's size, or float logits of 256×256."),
        (np.ones((640, 480), bool), "mask 480×640 for picture 640×480; pass a mask of the "
                                    "picture's size, or float logits of 256×256."),
        (np.ones(LOW, np.uint8), "mask 256×256 for picture 640×480; pass a mask of the picture's "
                                 "size, or float logits of 256×256."),
        (np.zeros((3, *LOW), np.float32), "mask of shape (3, 256, 256) for picture 640×480; "
                                          "pass a mask of the picture's size, or float logits "
                                          "of 256×256."),
        (answer(frame_for((500, 500), 1024)), "mask 500×500 for picture 640×480; "
                                              "pass a mask of the picture's size, or float "
                                              "logits of 256×256."),
        (np.zeros((480, 640), bool), "mask is empty: no pixel is set; draw where the object is."),
        (np.zeros((480, 640), np.uint8), "mask is empty: no pixel is set; "
                                         "draw where the object is."),
        (drawn(np.uint8, 3), "mask holds values from 0 to 3, neither 0 and 1 nor 0 to 255; "
                             "pass a bool array (H, W), say labels == 3."),
        (drawn(np.int32, -1), "mask holds values from -1 to 0, neither 0 and 1 nor 0 to 255; "
                              "pass a bool array (H, W), say labels == 3."),
        (drawn(np.float32, math.nan), "mask holds NaN or Inf; pass a bool array (H, W)."),
        (np.full(LOW, math.inf), "mask logits hold NaN or Inf; pass the logits of a valid answer."),
        (np.eye(256), "mask logits are only 0 and 1, so they are no logits; pass the bool mask at "
                      "the picture's size, or low_res_logits of an earlier answer."),
        ("mask.png", "mask must be an array of numbers, got str; pass a bool array (H, W)."),
        ([[1, 2], [3]], "mask has rows of different lengths; pass an array (H, W)."),
    ],
)  # fmt: skip
def test_a_mask_that_cannot_be_meant_is_refused(mask, sentence):
    with pytest.raises(PromptError) as error:
        logits_of(mask, FRAME, LOW)
    assert str(error.value) == sentence

"""Fitting the answer to a box to its sides, which are finer than the cells it is drawn in.

Who draws a box says to the pixel where the object ends; the model answers in cells of four pixels
of its frame, and smears over. A side that is overstepped by more is not touched: there the model
says that the box is too small.
"""

import math
from dataclasses import replace

import cv2
import numpy as np

from anymask.masks.close_up import pasted_low_res
from anymask.masks.mask import Mask, Masks
from anymask.predict.cells import Logits, cell_px
from anymask.vocabulary import Box, ImageFrame

# Centres of positive cells farther beyond a side than this are no smear.
MOST_OVERSTEP_CELLS = 1.0
# Pieces smaller than this share of the largest one are dropped.
SMALLEST_PIECE_SHARE = 0.25
# No border can be put nearer than this to a cell's centre; keeps logits within reason.
_NEAREST_TO_CENTRE = 0.05


def snug(masks: Masks) -> Masks:
    """Fit every candidate to the box of its prompt.

    Args:
        masks: An answer of `predict`, with or without close-ups. Its prompt is in pixels.

    Returns:
        The answer with borders that overstep a side of the box by less than a cell put on it, and
        without pieces under a quarter of the largest; unchanged where the prompt has no box.
    """
    return replace(masks, items=tuple(map(_snug, masks)))


def fitted(logits: Logits, frame: ImageFrame, box: Box) -> Logits:
    """Fit low-resolution logits to a box.

    Args:
        logits: Float32 (h, w), covering the padded square of the frame.
        frame: Where the picture, or a window of it, lies in that square.
        box: x0, y0, x1, y1 in its pixels.

    Returns:
        Float32 (h, w), read-only.
    """
    found = _without_small_pieces(np.array(logits, np.float32))
    height, width = found.shape
    across, down = cell_px(frame, width, 1), cell_px(frame, height, 0)
    x0, y0, x1, y1 = box
    # Views of one array, each with the side towards its end.
    _put_on_side(found, x1 / across)
    _put_on_side(found[:, ::-1], width - x0 / across)
    _put_on_side(found.T, y1 / down)
    _put_on_side(found.T[:, ::-1], height - y0 / down)
    found.flags.writeable = False
    return found


def _snug(mask: Mask) -> Mask:
    prompt = mask.prompt
    if prompt is None or prompt.box is None:
        return mask
    whole = np.asarray(mask.low_res_logits if mask.close_up is None else mask.close_up.whole)
    whole = fitted(whole, mask.frame, prompt.box)
    if mask.close_up is None:
        return replace(mask, low_res_logits=whole)
    closer, (x0, y0, x1, y1) = mask.close_up, prompt.box
    left, top = closer.corner_xy
    inside = (x0 - left, y0 - top, x1 - left, y1 - top)
    closer = replace(closer, whole=whole, logits=fitted(closer.logits, closer.frame, inside))
    low = pasted_low_res(closer, mask.frame)
    low.flags.writeable = False
    return replace(mask, low_res_logits=low, close_up=closer)


def _put_on_side(logits: Logits, side: float) -> None:
    """Move the border of a mask onto a side of the box where it oversteps it by a smear.

    Args:
        logits: Float32 (h, w), changed in place.
        side: The side, cells from the first column's outer edge; the object lies before it.
    """
    width = logits.shape[1]
    last = math.floor(side - 0.5)  # the last column whose centre lies before the side
    beyond = math.floor(side + MOST_OVERSTEP_CELLS - 0.5) + 1
    if last < 0 or last + 1 >= width or bool((logits[:, beyond:] > 0).any()):
        return
    # Between two centres logits are read linearly, so they cross 0 where this puts them.
    share = max(side - 0.5 - last, _NEAREST_TO_CENTRE)
    crossing = -np.maximum(logits[:, last], 1e-3) * (1 - share) / share
    logits[:, last + 1] = np.minimum(logits[:, last + 1], crossing)
    logits[:, last + 2 :] = -np.abs(logits[:, last + 2 :])


def _without_small_pieces(logits: Logits) -> Logits:
    number, pieces, stats, _ = cv2.connectedComponentsWithStats((logits > 0).astype(np.uint8))
    if number < 3:  # the background and one piece
        return logits
    sizes = stats[:, cv2.CC_STAT_AREA]
    is_kept = sizes >= SMALLEST_PIECE_SHARE * sizes[1:].max()
    is_kept[0] = True
    return np.where(is_kept[pieces], logits, -np.abs(logits)).astype(np.float32)

"""Fitting the answer to a box to its sides, which are finer than the cells it is drawn in.

Who draws a box says to the pixel where the object ends; the model answers in cells of four pixels
of its frame, and smears over. A side that is overstepped by more is not touched: there the model
says that the box is too small.
"""

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.masks.close_up import pasted_low_res
from anymask.masks.mask import Mask, Masks
from anymask.predict.cells import Logits, cell_px, cells_of
from anymask.vocabulary import Box, ImageFrame, Point

# Pieces smaller within the box than this share of the largest one are dropped.
SMALLEST_PIECE_SHARE = 0.25
_NEAREST_TO_CENTRE = 1e-3
_LEAST_LOGIT = 1e-3


def snug(masks: Masks) -> Masks:
    """Fit every candidate to the box of its prompt.

    Args:
        masks: An answer of `predict`, with or without close-ups. Its prompt is in pixels.

    Returns:
        The answer with borders that overstep a side of the box by a smear put on it, and without
        pieces under a quarter of the largest that no click on the object touches; unchanged
        where the prompt has no box.
    """
    return replace(masks, items=tuple(map(_snug, masks)))


def fitted(logits: Logits, frame: ImageFrame, box: Box, clicks: tuple[Point, ...] = ()) -> Logits:
    """Fit low-resolution logits to a box.

    Args:
        logits: Float32 (h, w), covering the padded square of the frame.
        frame: Where the picture, or a window of it, lies in that square.
        box: x0, y0, x1, y1 in its pixels.
        clicks: Places of the object, (x, y) in its pixels; their pieces stay.

    Returns:
        Float32 (h, w), read-only; what was given where nothing would be left.
    """
    found = np.array(logits, np.float32)
    across, down = (cell_px(frame, found.shape[axis], axis) for axis in (1, 0))
    x0, y0, x1, y1 = box[0] / across, box[1] / down, box[2] / across, box[3] / down
    touched = np.zeros(found.shape, np.bool_)
    touched[cells_of(clicks, frame, found.shape)] = True
    _drop_small_pieces(found, (x0, y0, x1, y1), touched)
    _put_between(found, x0, x1)
    _put_between(found.T, y0, y1)
    if not (found > 0).any():
        found = np.array(logits, np.float32)
    found.flags.writeable = False
    return found


def _snug(mask: Mask) -> Mask:
    prompt = mask.prompt
    if prompt is None or prompt.box is None:
        return mask
    clicks = tuple(
        point for point, label in zip(prompt.points, prompt.labels, strict=True) if label == 1
    )
    whole = np.asarray(mask.low_res_logits if mask.close_up is None else mask.close_up.whole)
    whole = fitted(whole, mask.frame, prompt.box, clicks)
    if mask.close_up is None:
        return replace(mask, low_res_logits=whole)
    closer, (x0, y0, x1, y1) = mask.close_up, prompt.box
    left, top = closer.corner_xy
    height, width = closer.frame.original_hw
    inside = (x0 - left, y0 - top, x1 - left, y1 - top)
    moved = ((x - left, y - top) for x, y in clicks)
    near = tuple((x, y) for x, y in moved if 0 <= x < width and 0 <= y < height)
    window = fitted(closer.logits, closer.frame, inside, near)
    closer = replace(closer, whole=whole, logits=window)
    low = pasted_low_res(closer, mask.frame)
    low.flags.writeable = False
    return replace(mask, low_res_logits=low, close_up=closer)


def _put_between(logits: Logits, low: float, high: float) -> None:
    """Move the borders of a mask onto two opposite sides of its box, in place.

    Logits whose centre lies inside stay what they are, and none falls below the lowest there is:
    they may be asked with again as a mask prompt.

    Args:
        logits: Float32 (h, w).
        low: The side towards the first column, cells from that column's outer edge.
        high: The side towards the last column, likewise.
    """
    width, lowest = logits.shape[1], float(logits.min())
    if math.ceil(low - 0.5) > math.floor(high - 0.5):
        return  # no centre inside: the box is narrower than what the cells can tell
    for side, view in ((high, logits), (width - low, logits[:, ::-1])):
        last = math.floor(side - 0.5)  # the last column whose centre lies before the side
        if last < 0 or last + 1 >= width or bool((view[:, last + 2 :] > 0).any()):
            continue
        # Logits are read linearly between two centres, so they cross 0 where this puts them.
        share = max(side - 0.5 - last, _NEAREST_TO_CENTRE)
        beyond = -np.maximum(view[:, last], _LEAST_LOGIT) * (1 - share) / share
        beyond = np.maximum(beyond, min(lowest, -_LEAST_LOGIT))
        view[:, last + 1] = np.minimum(view[:, last + 1], beyond)


def _drop_small_pieces(logits: Logits, box: Box, touched: NDArray[np.bool_]) -> None:
    """Turn the logits of small pieces negative, in place.

    Args:
        logits: Float32 (h, w).
        box: x0, y0, x1, y1, cells.
        touched: Bool, (h, w): where clicks on the object are.
    """
    number, pieces = cv2.connectedComponents((logits > 0).astype(np.uint8))
    if number < 3:  # the background and one piece
        return
    x0, y0, x1, y1 = (max(0, int(side)) for side in box)
    sizes = np.bincount(pieces[y0 : y1 + 1, x0 : x1 + 1].ravel(), minlength=number)
    is_kept = sizes >= SMALLEST_PIECE_SHARE * sizes[1:].max()
    is_kept[pieces[touched]] = True
    is_kept[0] = True
    logits[~is_kept[pieces]] *= -1

"""Dropping the pieces of a mask that nothing of the prompt touches.

A small model finds look-alikes of what was clicked: the next coin, another sheep. Whoever wants
them too clicks them too.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.masks.close_up import pasted_low_res
from anymask.masks.mask import Mask, Masks
from anymask.predict.cells import Logits, cells_of
from anymask.vocabulary import Prompt


def connected(masks: Masks) -> Masks:
    """Keep those pieces of every candidate that a click on the object or the mask prompt touches.

    Args:
        masks: An answer of `predict`, with or without close-ups. Its prompt is in pixels; a mask in
            it has as many cells as the answer.

    Returns:
        The answer with the logits of other pieces turned negative; unchanged where the prompt has
        no click on the object, or has a box, which may hold several pieces.
    """
    return replace(masks, items=tuple(map(_connected, masks)))


def kept_pieces(logits: Logits, touched: NDArray[np.bool_]) -> Logits:
    """Turn the logits of pieces that nothing touches negative.

    Args:
        logits: Float32 (h, w); a piece is connected along sides and corners.
        touched: Bool, (h, w). Where it meets no piece, the largest one is kept.

    Returns:
        Float32 (h, w), read-only; the same array if nothing is dropped.
    """
    number, pieces, stats, _ = cv2.connectedComponentsWithStats((logits > 0).astype(np.uint8))
    if number < 3:  # the background and one piece
        return logits
    is_kept = np.zeros(number, np.bool_)
    is_kept[pieces[touched]] = True
    is_kept[0] = True
    if not is_kept[1:].any():
        is_kept[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())] = True
    if is_kept.all():
        return logits
    kept = np.where(is_kept[pieces], logits, -np.abs(logits)).astype(np.float32)
    kept.flags.writeable = False
    return kept


def _connected(mask: Mask) -> Mask:
    prompt = mask.prompt
    if prompt is None or prompt.box is not None or 1 not in prompt.labels:
        return mask
    on = [point for point, label in zip(prompt.points, prompt.labels, strict=True) if label == 1]
    whole = np.asarray(mask.low_res_logits if mask.close_up is None else mask.close_up.whole)
    whole = kept_pieces(whole, _touched(on, prompt, whole, mask))
    if mask.close_up is None:
        return replace(mask, low_res_logits=whole)
    closer = mask.close_up
    x0, y0 = closer.corner_xy
    height, width = closer.frame.original_hw
    inside = [(x - x0, y - y0) for x, y in on if x0 <= x < x0 + width and y0 <= y < y0 + height]
    touched = np.zeros(closer.logits.shape, np.bool_)
    touched[cells_of(inside, closer.frame, touched.shape)] = True
    closer = replace(closer, whole=whole, logits=kept_pieces(closer.logits, touched))
    low = pasted_low_res(closer, mask.frame)
    low.flags.writeable = False
    return replace(mask, low_res_logits=low, close_up=closer)


def _touched(
    points: Sequence[tuple[float, float]], prompt: Prompt, logits: Logits, mask: Mask
) -> NDArray[np.bool_]:
    """Mark the cells of the whole picture under clicks and under the mask prompt."""
    touched = np.zeros(logits.shape, np.bool_)
    touched[cells_of(points, mask.frame, touched.shape)] = True
    if prompt.mask is not None:
        touched |= np.asarray(prompt.mask) > 0
    return touched

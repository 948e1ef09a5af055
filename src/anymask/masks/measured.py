"""One candidate mask at the picture's size, computed only where it can be anything but empty.

An interpolated logit never leaves the range of the cells around it. So outside the box of the cells
above the lower cutoff the mask is empty at any cutoff that matters, and inside it whole tiles are
full or empty without a look.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anymask.masks.boxes import IntBox, box_of
from anymask.masks.plane import BoolMask
from anymask.masks.resize import ROUNDING, Strips, extremes, tile_grid, tiles_of
from anymask.vocabulary import ImageFrame


class Measured(NamedTuple):
    """A mask within its box, and how firmly it stands.

    Attributes:
        inside: The mask, bool, of the size of `box`; read-only use.
        box: The tight box, corners x0, y0, x1, y1, pixels, right and bottom edge exclusive; zeros
            for an empty mask.
        stability_score: Pixels above the higher cutoff over pixels above the lower one; NaN where
            there are none.
    """

    inside: BoolMask
    box: IntBox
    stability_score: np.float32


def measure_mask(low_res: NDArray[np.float32], frame: ImageFrame, offset_logit: float) -> Measured:
    """Cut a mask at 0 at the picture's size and measure how stable it is.

    Args:
        low_res: Finite logits, float32 (h, w), covering the model's padded square.
        frame: Where the picture lies in that square.
        offset_logit: How far the cutoff moves up and down for the stability score, logits.

    Returns:
        The mask, its box and its stability score.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix B (stable masks); the published
        generator's post-processing.
    """
    plane = np.ascontiguousarray(low_res)
    part = _tiles_above(plane, frame, -offset_logit)
    if part is None:
        return Measured(np.zeros((0, 0), np.bool_), (0, 0, 0, 0), np.float32(np.nan))
    rows, columns = part
    top, left = rows[0].pixels.start, columns[0].pixels.start
    mask = np.zeros((rows[-1].pixels.stop - top, columns[-1].pixels.stop - left), np.bool_)
    lowest, highest = extremes(plane, rows, columns)
    margin = ROUNDING * np.abs(plane).max()
    is_full, is_empty = lowest > offset_logit + margin, highest < -offset_logit - margin
    num_sure = num_any = 0
    for i, j in np.argwhere(is_full):
        (y0, y1), (x0, x1) = _span(rows[i].pixels, top), _span(columns[j].pixels, left)
        mask[y0:y1, x0:x1] = True
        num_sure += (y1 - y0) * (x1 - x0)
    num_any += num_sure
    for row, column, logits in tiles_of(plane, rows, columns, ~(is_full | is_empty)):
        (y0, y1), (x0, x1) = _span(row.pixels, top), _span(column.pixels, left)
        np.greater(logits, 0, out=mask[y0:y1, x0:x1])
        num_sure += int(np.count_nonzero(logits > offset_logit))
        num_any += int(np.count_nonzero(logits > -offset_logit))
    stability = np.float32(num_sure) / np.float32(num_any) if num_any else np.float32(np.nan)
    x0, y0, x1, y1 = box_of(mask)
    if x1 == 0:
        return Measured(mask[:0, :0], (0, 0, 0, 0), stability)
    return Measured(mask[y0:y1, x0:x1], (x0 + left, y0 + top, x1 + left, y1 + top), stability)


def _tiles_above(
    plane: NDArray[np.float32], frame: ImageFrame, cutoff: float
) -> tuple[Strips, Strips] | None:
    """Give the tiles around all cells above a cutoff; None where there are none."""
    rows, columns = tile_grid(frame, (plane.shape[0], plane.shape[1]))
    is_above = plane[: rows[-1].cells.stop, : columns[-1].cells.stop] > cutoff
    x0, y0, x1, y1 = box_of(is_above)
    if x1 == 0:
        return None
    # A picture narrower than a cell may be mixed from others than those above the cutoff.
    touched = _touching(rows, y0, y1), _touching(columns, x0, x1)
    return touched if all(touched) else None


def _touching(strips: Strips, first: int, stop: int) -> Strips:
    """Give the strips mixed from some of these cells."""
    return tuple(one for one in strips if one.cells.start < stop and one.cells.stop > first)


def _span(pixels: slice, origin: int) -> tuple[int, int]:
    return pixels.start - origin, pixels.stop - origin


def measure_low_res(
    low_res: NDArray[np.float32], frame: ImageFrame, offset_logit: float
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Measure masks at the low resolution: nearly what `measure_mask` gives, and much sooner.

    Args:
        low_res: Finite logits, float32 (N, h, w), covering the model's padded square.
        frame: Where the picture lies in that square.
        offset_logit: How far the cutoff moves up and down for the stability score, logits.

    Returns:
        Stability scores, float32 (N,), NaN where nothing is above the lower cutoff; boxes in
        pixels of the picture, int64 (N, 4), right and bottom edge exclusive; areas, int64 (N,),
        in pixels.
    """
    (height, width), scale = low_res.shape[1:], frame.input_size / low_res.shape[-1]
    num_rows, num_columns = (
        min(limit, int(np.ceil(side / scale)))
        for side, limit in zip(frame.resized_hw, (height, width), strict=True)
    )
    planes = low_res[:, :num_rows, :num_columns]
    sure = (planes > offset_logit).sum((1, 2)).astype(np.float32)
    any_ = (planes > -offset_logit).sum((1, 2)).astype(np.float32)
    stability = np.full(len(planes), np.nan, np.float32)
    np.divide(sure, any_, out=stability, where=any_ > 0)
    pixels = [
        scale * original / resized
        for original, resized in zip(frame.original_hw, frame.resized_hw, strict=True)
    ]
    cells = np.array([box_of(plane > 0) for plane in planes], np.float64).reshape(-1, 4)
    ends = cells * np.array([pixels[1], pixels[0]] * 2)
    boxes = np.concatenate([np.floor(ends[:, :2]), np.ceil(ends[:, 2:])], 1).astype(np.int64)
    boxes = np.minimum(boxes, np.array([frame.original_hw[1], frame.original_hw[0]] * 2))
    areas = np.rint((planes > 0).sum((1, 2)) * pixels[0] * pixels[1]).astype(np.int64)
    return stability, boxes, np.minimum(areas, frame.original_hw[0] * frame.original_hw[1])

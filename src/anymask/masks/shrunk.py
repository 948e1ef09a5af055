"""Masks at a smaller size, straight from their run lengths, without a plane of the full size."""

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.masks.plane import BoolMask
from anymask.masks.rle import Counts

_HALF = 0.5 - 1e-6
_AROUND = np.ones((3, 3), dtype=np.uint8)


def shrink(
    counts: Counts, size_hw: tuple[int, int], to_hw: tuple[int, int]
) -> tuple[BoolMask, tuple[int, int]]:
    """Give a mask at a smaller size; what is thin stays, though it fills no pixel.

    Args:
        counts: Column-major run lengths, (K,), beginning with zeros.
        size_hw: Height and width of the mask, pixels.
        to_hw: Those of the smaller one, neither above nor 0.

    Returns:
        The mask within its box, bool (h, w), (0, 0) if it is empty; and the box's left and top
        pixel. Set is a pixel that is covered by half, and one that is covered at all far from
        those.
    """
    cover, corner = _cover(counts, size_hw, to_hw)
    inside = cover >= _HALF
    if cover.size and not (is_far := cover <= 0).all():
        # A line narrower than half a pixel has nothing near that is covered by half.
        near = cv2.dilate(inside.view(np.uint8), _AROUND).view(np.bool_)
        inside |= ~(near | is_far)
    return inside, corner


def _cover(
    counts: Counts, size_hw: tuple[int, int], to_hw: tuple[int, int]
) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Say how much of each smaller pixel is covered, in [0, 1], and where the first one lies."""
    columns, tops, bottoms = _column_runs(counts, size_hw[0])
    if len(columns) == 0:
        return np.zeros((0, 0)), (0, 0)
    (height, width), (to_height, to_width) = size_hw, to_hw
    # Each column goes to one smaller column as a whole.
    places = columns * to_width // width
    x0, x1 = int(places.min()), int(places.max()) + 1
    y0 = int(tops.min()) * to_height // height
    num_rows = -(-int(bottoms.max()) * to_height // height) - y0
    # A run begins within a pixel: that one gets its share, all below it get 1; and ends likewise.
    heights = np.concatenate([tops, bottoms]) * (to_height / height) - y0
    rows = heights.astype(np.int64)
    share = heights - rows
    signs = np.repeat([1.0, -1.0], len(columns))
    stride = num_rows + 2
    at = np.concatenate([places, places]) * stride - x0 * stride + rows
    steps = np.bincount(
        np.concatenate([at, at + 1]),
        weights=np.concatenate([signs * (1 - share), signs * share]),
        minlength=(x1 - x0) * stride,
    ).reshape(x1 - x0, stride)
    limits = -(-np.arange(x0, x1 + 1) * width // to_width)
    cover = steps.cumsum(axis=1)[:, :num_rows] / np.diff(limits)[:, None]
    # Sums of shares miss 0 by a rounding.
    cover[cover < 1e-9] = 0
    return np.ascontiguousarray(cover.T), (x0, y0)


def _column_runs(counts: Counts, height: int) -> tuple[Counts, Counts, Counts]:
    """Give the runs of what is set, cut at the ends of columns: column, first and last row + 1."""
    edges = np.cumsum(counts)
    starts, ends = edges[: len(counts) // 2 * 2 : 2], edges[1::2]
    is_run = ends > starts
    starts, ends = starts[is_run], ends[is_run]
    first = starts // height
    lengths = (ends - 1) // height - first + 1
    before = np.cumsum(lengths) - lengths
    step = np.arange(int(lengths.sum())) - np.repeat(before, lengths)
    columns = np.repeat(first, lengths) + step
    origin = columns * height
    tops = np.maximum(np.repeat(starts, lengths) - origin, 0)
    bottoms = np.minimum(np.repeat(ends, lengths) - origin, height)
    return columns, tops, bottoms

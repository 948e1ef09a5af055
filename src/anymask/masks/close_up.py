"""A second look at a small object: the logits of a window of the picture, pasted into the whole's.

The window was answered by itself, larger than in the whole picture. In its middle its logits count
by a fixed share; towards its sides, where the model saw the object cut off or nothing of what lies
beyond, less and less, down to nothing. So the joint has no step: not in the logits, and not in the
mask. Where a side of the window is a side of the picture there is no joint.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError
from anymask.masks.plane import BoolMask
from anymask.masks.resize import (
    FloatArray,
    full_resolution_logits,
    full_resolution_mask,
    tile_grid,
    tiles_of,
)
from anymask.vocabulary import ImageFrame

# Width of the strip in which the window fades out, as a share of the window's side.
RIM_SHARE = 1 / 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CloseUp:
    """What the model said about a window of the picture, and about the picture as a whole.

    Attributes:
        whole: Logits of the whole picture, float32 (h, w), covering its padded square.
        logits: Logits of the window, float32 (h', w'), covering the window's own padded square.
        frame: Where the window lies in that square; `original_hw` is the window's size, pixels.
        corner_xy: The window's first column and row in the picture, pixels.
        share: How much the window counts in its middle, above 0 and at most 1.
    """

    whole: FloatArray
    logits: FloatArray
    frame: ImageFrame
    corner_xy: tuple[int, int]
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError(f"share is {self.share}, not above 0 and at most 1", hint="use 0.5")


def close_logits(close_up: CloseUp, frame: ImageFrame) -> FloatArray:
    """Give mask logits at the size of the picture, the window pasted in.

    Args:
        close_up: The window's answer and the whole picture's.
        frame: Where the whole picture lies in the model's square.

    Returns:
        Float32 logits, (H, W).

    Raises:
        InputError: If the window does not lie inside the picture.
    """
    rows, columns = _place(close_up, frame)
    full = full_resolution_logits(close_up.whole, frame)
    full[rows, columns] = _blended(close_up, frame, full[rows, columns])
    return full


def close_mask(close_up: CloseUp, frame: ImageFrame) -> BoolMask:
    """Give the mask at the size of the picture: where `close_logits` are above 0.

    Args:
        close_up: The window's answer and the whole picture's.
        frame: Where the whole picture lies in the model's square.

    Returns:
        Bool, (H, W).

    Raises:
        InputError: If the window does not lie inside the picture.
    """
    rows, columns = _place(close_up, frame)
    mask = full_resolution_mask(close_up.whole, frame)
    before = _logits_within(close_up.whole, frame, rows, columns)
    mask[rows, columns] = _blended(close_up, frame, before) > 0
    return mask


def pasted_low_res(close_up: CloseUp, frame: ImageFrame) -> FloatArray:
    """Give the joined answer as low-resolution logits of the whole picture.

    Each cell is the mean of the window's part that it covers, so that a thin object leaves a trace;
    cells outside the window stay what they were.

    Args:
        close_up: The window's answer and the whole picture's.
        frame: Where the whole picture lies in the model's square.

    Returns:
        Float32 (h, w), covering the whole picture's padded square.

    Raises:
        InputError: If the window does not lie inside the picture.
    """
    _place(close_up, frame)
    (row_means, row_weights), (column_means, column_weights) = (
        _axis_of_cells(close_up, frame, axis) for axis in (0, 1)
    )
    means = row_means @ close_up.logits.astype(np.float64) @ column_means.T
    weights = close_up.share * np.outer(row_weights, column_weights)
    whole = close_up.whole.astype(np.float64)
    return np.asarray(whole + weights * (means - whole), dtype=np.float32)


def _place(close_up: CloseUp, frame: ImageFrame) -> tuple[slice, slice]:
    """Give the window's rows and columns in the picture."""
    (x, y), (height, width) = close_up.corner_xy, close_up.frame.original_hw
    H, W = frame.original_hw
    if x < 0 or y < 0 or x + width > W or y + height > H:
        raise InputError(
            f"window {width}×{height} at ({x}, {y}) leaves the picture of {W}×{H}",
            hint="keep the window inside the picture",
        )
    return slice(y, y + height), slice(x, x + width)


def _logits_within(whole: FloatArray, frame: ImageFrame, rows: slice, columns: slice) -> FloatArray:
    """Give the whole picture's logits in a window, each as `full_resolution_logits` has it."""
    plane = np.ascontiguousarray(whole, dtype=np.float32)
    strips = tile_grid(frame, (plane.shape[0], plane.shape[1]))
    kept = [
        tuple(s for s in axis if s.pixels.start < part.stop and s.pixels.stop > part.start)
        for axis, part in zip(strips, (rows, columns), strict=True)
    ]
    top, left = kept[0][0].pixels.start, kept[1][0].pixels.start
    bottom, right = kept[0][-1].pixels.stop, kept[1][-1].pixels.stop
    found = np.empty((bottom - top, right - left), dtype=np.float32)
    every_tile = np.ones((len(kept[0]), len(kept[1])), dtype=np.bool_)
    for row, column, logits in tiles_of(plane, kept[0], kept[1], every_tile):
        down = slice(row.pixels.start - top, row.pixels.stop - top)
        found[down, column.pixels.start - left : column.pixels.stop - left] = logits
    return found[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def _blended(close_up: CloseUp, frame: ImageFrame, before: FloatArray) -> FloatArray:
    window = full_resolution_logits(close_up.logits, close_up.frame)
    down, across = (
        _ramp(np.arange(size, dtype=np.float64) + 0.5, size, corner, whole)
        for size, corner, whole in zip(
            close_up.frame.original_hw, close_up.corner_xy[::-1], frame.original_hw, strict=True
        )
    )
    weights = np.outer(down, close_up.share * across).astype(np.float32)
    return np.asarray(before + weights * (window - before), dtype=np.float32)


def _ramp(at: NDArray[np.float64], size: int, corner: int, whole: int) -> NDArray[np.float64]:
    """Say how much the window counts at places along one axis, 0 to 1.

    Args:
        at: Places, pixels from the window's first edge.
        size: Length of the window, pixels.
        corner: Where it begins in the picture, pixels.
        whole: Length of the picture, pixels.
    """
    rim = RIM_SHARE * size
    weight = np.ones_like(at)
    if corner > 0:
        weight = np.minimum(weight, at / rim)
    if corner + size < whole:
        weight = np.minimum(weight, (size - at) / rim)
    return np.clip(weight, 0.0, 1.0)


def _axis_of_cells(
    close_up: CloseUp, frame: ImageFrame, axis: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Say how the whole picture's cells are made of the window's, along one axis.

    Returns:
        How the mean of a cell is mixed from the window's cells, (cells, window's cells), zeros
        where it has none; and how much the window counts there, (cells,).
    """
    size, whole = close_up.frame.original_hw[axis], frame.original_hw[axis]
    corner = close_up.corner_xy[1 - axis]
    edges = _cell_edges(frame, close_up.whole.shape[axis], axis)
    fine = _cell_edges(close_up.frame, close_up.logits.shape[axis], axis).clip(max=size)
    low = np.maximum(edges[:-1, None] - corner, fine[None, :-1])
    high = np.minimum(edges[1:, None] - corner, fine[None, 1:])
    shared = np.maximum(high - low, 0.0)
    covered = shared.sum(axis=1)
    means = shared / np.maximum(covered, 1e-9)[:, None]
    visible = np.diff(edges.clip(max=whole))
    counts = shared @ _ramp((fine[:-1] + fine[1:]) / 2, size, corner, whole)
    return means, counts / np.maximum(visible, 1e-9)


def _cell_edges(frame: ImageFrame, num_cells: int, axis: int) -> NDArray[np.float64]:
    """Give where the low-resolution cells begin and end, in pixels of the picture."""
    scale = frame.resized_hw[axis] / frame.original_hw[axis]
    numbers = np.arange(num_cells + 1, dtype=np.float64)
    return np.asarray(numbers * (frame.input_size / num_cells) / scale, dtype=np.float64)

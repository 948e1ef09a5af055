"""From the model's low-resolution logits to the picture's own pixels.

The low-resolution logits cover the whole padded square. They are enlarged to the square, cut to
the part the picture fills, and brought to the picture's size; both steps bilinear with pixel
centres at one half and without smoothing.

Along one axis both steps together are one matrix, and a tile of the picture depends on a few rows
and columns of it: two small products a tile. An interpolated value never leaves the range of the
values around it, so of a mask only those tiles are computed whose cells lie on both sides of the
threshold; the others are known to be full or empty.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError
from anymask.masks.plane import BoolMask
from anymask.vocabulary import ImageFrame

FloatArray = NDArray[np.float32]

# A tile's logits, 64 kB, stay in a fast cache; smaller tiles cost more calls than they save work.
_TILE_HW = (128, 128)
# How far rounding can carry a mix out of the range of its parts, as a share of the largest part.
ROUNDING = 2e-6


def full_resolution_logits(low_res: NDArray[np.floating], frame: ImageFrame) -> FloatArray:
    """Give mask logits at the size of the picture.

    Args:
        low_res: Finite logits, (..., h, w), covering the model's padded square.
        frame: Where the picture lies in that square.

    Returns:
        Float32 logits, (..., H, W), H and W those of the upright picture.

    Raises:
        InputError: If `low_res` has fewer than two axes or no pixels.

    Source:
        Segment Anything (Kirillov et al., 2023), mask post-processing of the published code.
    """
    planes = np.ascontiguousarray(low_res, dtype=np.float32)
    if np.ndim(low_res) < 2 or 0 in planes.shape[-2:]:
        raise InputError(
            f"low_res must have shape (..., h, w), got {np.shape(low_res)}",
            hint="pass the low_res_logits of a mask",
        )
    leading = planes.shape[:-2]
    full = np.empty((*leading, *frame.original_hw), dtype=np.float32)
    rows, columns = tile_grid(frame, (planes.shape[-2], planes.shape[-1]))
    every_tile = np.ones((len(rows), len(columns)), dtype=np.bool_)
    for index in np.ndindex(leading):
        for row, column, logits in tiles_of(planes[index], rows, columns, every_tile):
            full[index][row.pixels, column.pixels] = logits
    return full


def full_resolution_mask(
    low_res: NDArray[np.floating], frame: ImageFrame, threshold: float = 0.0
) -> BoolMask:
    """Give a mask at the size of the picture: where the full-size logits exceed a threshold.

    Args:
        low_res: Finite logits, (h, w), covering the model's padded square.
        frame: Where the picture lies in that square.
        threshold: Cutoff, in logits.

    Returns:
        Bool, (H, W); the same as `full_resolution_logits(low_res, frame) > threshold`.

    Raises:
        InputError: If `low_res` has not exactly two axes or no pixels.
    """
    plane = np.ascontiguousarray(low_res, dtype=np.float32)
    if np.ndim(low_res) != 2 or plane.size == 0:
        raise InputError(
            f"low_res must have shape (h, w), got {np.shape(low_res)}",
            hint="pass one mask at a time",
        )
    rows, columns = tile_grid(frame, (plane.shape[0], plane.shape[1]))
    lowest, highest = extremes(plane, rows, columns)
    margin = ROUNDING * np.abs(plane).max()
    is_full, is_empty = lowest > threshold + margin, highest < threshold - margin
    mask = np.zeros(frame.original_hw, dtype=np.bool_)
    for i, j in np.argwhere(is_full):
        mask[rows[i].pixels, columns[j].pixels] = True
    for row, column, logits in tiles_of(plane, rows, columns, ~(is_full | is_empty)):
        np.greater(logits, threshold, out=mask[row.pixels, column.pixels])
    return mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The part of one axis that a row or a column of tiles covers.

    Attributes:
        pixels: Which pixels of the picture.
        cells: Which low-resolution rows or columns they are mixed from.
        weights: The mixing, float32 (pixels, cells).
    """

    pixels: slice
    cells: slice
    weights: FloatArray


Strips = tuple[Strip, ...]
"""One axis of a picture, cut into strips."""


def tiles_of(
    plane: FloatArray, rows: Strips, columns: Strips, wanted: BoolMask
) -> Iterator[tuple[Strip, Strip, FloatArray]]:
    """Give the logits of the wanted tiles; each array holds them only until the next is asked for.

    Every tile is the same two products whatever else is wanted, so it has the same values.

    Args:
        plane: Low-resolution logits, float32, (h, w), contiguous.
        rows: Neighbouring strips of the picture's rows, some or all.
        columns: Likewise of its columns.
        wanted: Which of their tiles, bool, (rows, columns).

    Yields:
        The strips of a tile and its logits.
    """
    top = rows[0].cells.start
    used = plane[top : rows[-1].cells.stop]
    room = np.empty(_TILE_HW[0] * _TILE_HW[1], dtype=np.float32)
    for j, column in enumerate(columns):
        if not wanted[:, j].any():
            continue
        widened = used[:, column.cells] @ column.weights.T
        width = len(column.weights)
        for i in np.flatnonzero(wanted[:, j]):
            height = len(rows[i].weights)
            logits = room[: height * width].reshape(height, width)
            cells = slice(rows[i].cells.start - top, rows[i].cells.stop - top)
            np.matmul(rows[i].weights, widened[cells], out=logits)
            yield rows[i], column, logits


def extremes(plane: FloatArray, rows: Strips, columns: Strips) -> tuple[FloatArray, FloatArray]:
    """Give the smallest and the largest cell of every tile.

    Args:
        plane: Low-resolution logits, float32, (h, w).
        rows: Strips of the picture's rows.
        columns: Strips of its columns.

    Returns:
        Twice (rows, columns): no logit of a tile lies outside that range, but for rounding.
    """
    low = np.stack([plane[row.cells].min(axis=0) for row in rows])
    high = np.stack([plane[row.cells].max(axis=0) for row in rows])
    lowest = np.stack([low[:, column.cells].min(axis=1) for column in columns], axis=1)
    highest = np.stack([high[:, column.cells].max(axis=1) for column in columns], axis=1)
    return lowest, highest


@lru_cache(maxsize=8)
def tile_grid(frame: ImageFrame, low_hw: tuple[int, int]) -> tuple[Strips, Strips]:
    """Give the rows and the columns of tiles of a picture; its masks share them.

    Args:
        frame: Where the picture lies in the model's square.
        low_hw: Size of the low-resolution logits.

    Returns:
        The strips of both axes.
    """
    rows, columns = (
        _strips(
            num_low=low_hw[axis],
            num_input=frame.input_size,
            num_resized=frame.resized_hw[axis],
            num_original=frame.original_hw[axis],
            length=_TILE_HW[axis],
        )
        for axis in (0, 1)
    )
    return rows, columns


def _strips(
    *, num_low: int, num_input: int, num_resized: int, num_original: int, length: int
) -> Strips:
    """Cut one axis into strips of at most `length` pixels."""
    pixels = np.arange(num_original)
    # Two resized pixels a picture pixel, and two cells each: four parts.
    parts = [
        (cells, share * part)
        for resized, share in _linear(pixels, num_resized / num_original, num_resized)
        for cells, part in _linear(resized, num_low / num_input, num_low)
    ]
    strips = []
    for start in range(0, num_original, length):
        here = slice(start, min(start + length, num_original))
        first = min(int(cells[here].min()) for cells, _ in parts)
        stop = max(int(cells[here].max()) for cells, _ in parts) + 1
        weights = np.zeros((here.stop - here.start, stop - first))
        for cells, share in parts:
            weights[pixels[here] - start, cells[here] - first] += share[here]
        strips.append(
            Strip(pixels=here, cells=slice(first, stop), weights=weights.astype(np.float32))
        )
    return tuple(strips)


def _linear(
    targets: NDArray[np.int64], scale: float, num_sources: int
) -> tuple[tuple[NDArray[np.int64], NDArray[np.float64]], ...]:
    """Give the two sources each target lies between, and the share each has of it."""
    at = np.maximum((targets + 0.5) * scale - 0.5, 0.0)
    lower = np.minimum(np.floor(at).astype(np.int64), num_sources - 1)
    upper = np.minimum(lower + 1, num_sources - 1)
    share = at - lower
    return (lower, 1 - share), (upper, share)

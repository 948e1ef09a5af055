"""Low-resolution logits read at other places: in a window of the picture, or in its mirror."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anymask.vocabulary import ImageFrame

Logits = NDArray[np.float32]


def cell_centres(frame: ImageFrame, num_cells: int, axis: int) -> NDArray[np.float64]:
    """Give where the centres of low-resolution cells lie, in pixels of the picture.

    Args:
        frame: Where the picture lies in the model's square.
        num_cells: Cells along the axis.
        axis: 0 for rows, 1 for columns.

    Returns:
        Pixels from the picture's first edge, float64 (cells,); padding lies beyond its last edge.
    """
    numbers = np.arange(num_cells, dtype=np.float64)
    return np.asarray((numbers + 0.5) * cell_px(frame, num_cells, axis), dtype=np.float64)


def logits_at(
    low_res: Logits, frame: ImageFrame, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> Logits:
    """Read logits between the cells, linearly; beyond the outermost centres they stay the same.

    Args:
        low_res: Float32 (h, w), covering the picture's padded square.
        frame: Where the picture lies in that square.
        rows: Places along the first axis, pixels of the picture, (R,).
        columns: Likewise along the second, (C,).

    Returns:
        Float32 (R, C).
    """
    down, across = (
        _weights(places / cell_px(frame, num, axis) - 0.5, num)
        for axis, (places, num) in enumerate(zip((rows, columns), low_res.shape, strict=True))
    )
    return np.ascontiguousarray(down @ low_res @ across.T, dtype=np.float32)


def cells_of(
    points_xy: Sequence[tuple[float, float]], frame: ImageFrame, size_hw: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the low-resolution cells that hold some pixels.

    Args:
        points_xy: (x, y), pixels of the picture, whole numbers meaning centres.
        frame: Where the picture lies in the model's square.
        size_hw: Cells along both axes.

    Returns:
        Rows and columns, each (N,).
    """
    rows = np.array([(y, x) for x, y in points_xy], dtype=np.float64).reshape(-1, 2)
    cells = [
        ((rows[:, axis] + 0.5) / cell_px(frame, size_hw[axis], axis)).clip(0, size_hw[axis] - 1)
        for axis in (0, 1)
    ]
    return cells[0].astype(np.intp), cells[1].astype(np.intp)


def cell_px(frame: ImageFrame, num_cells: int, axis: int) -> float:
    """Give the side of a low-resolution cell along an axis, pixels of the picture.

    Args:
        frame: Where the picture lies in the model's square.
        num_cells: Cells along the axis.
        axis: 0 for rows, 1 for columns.
    """
    scale = frame.resized_hw[axis] / frame.original_hw[axis]
    return frame.input_size / num_cells / scale


def _weights(at: NDArray[np.float64], num_cells: int) -> NDArray[np.float64]:
    at = at.clip(0, num_cells - 1)
    distance = np.abs(at[:, None] - np.arange(num_cells)[None, :])
    return np.asarray(np.maximum(1 - distance, 0.0), dtype=np.float64)

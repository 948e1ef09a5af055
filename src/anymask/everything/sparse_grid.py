"""Adaptive prompting: a coarse grid first, then only points where something may be missing.

The points of a regular grid are asked in levels, every fourth of a row and column first, then every
second, then all. A point is left out if it lies in something small that was found already: whatever
is large may hold parts, whatever is small mostly does not.
"""

import numpy as np
from numpy.typing import NDArray

from anymask.everything.grid import Points
from anymask.masks.measured import Measured

# An accepted mask below this share of the crop is small enough to have been found whole.
SMALL_SHARE = 0.05
STRIDES = (4, 2, 1)


def levels_of(num_points: int) -> list[NDArray[np.int64]]:
    """Give the numbers of a square grid's points in the order in which they are asked.

    Args:
        num_points: Points of the grid, a square number.

    Returns:
        Numbers of the points of each level; each point once.
    """
    side = round(num_points**0.5)
    row, column = np.divmod(np.arange(num_points), side)
    level = np.full(num_points, len(STRIDES) - 1)
    for number, stride in reversed(list(enumerate(STRIDES[:-1]))):
        start = stride // 2
        level[(row % stride == start % stride) & (column % stride == start % stride)] = number
    return [np.flatnonzero(level == number) for number in range(len(STRIDES))]


class Cover:
    """Which points of a crop lie in something small that was found.

    Args:
        points: All points of the crop, (x, y), pixels of the picture, (N, 2).
        crop_area: Pixels of the crop.
    """

    def __init__(self, points: Points, crop_area: int) -> None:
        self._points = np.floor(points).astype(np.int64)
        self._largest = SMALL_SHARE * crop_area
        self.is_covered = np.zeros(len(points), np.bool_)

    def add(self, measured: Measured, area: int) -> None:
        """Note a mask that was accepted.

        Args:
            measured: The mask, its box in pixels of the picture.
            area: Its pixels.
        """
        if area >= self._largest:
            return
        x0, y0, x1, y1 = measured.box
        x, y = self._points.T
        within = np.flatnonzero((x >= x0) & (x < x1) & (y >= y0) & (y < y1))
        self.is_covered[within] |= measured.inside[y[within] - y0, x[within] - x0]

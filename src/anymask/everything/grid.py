"""Grids of points that ask about every part of a picture."""

import numpy as np
from numpy.typing import NDArray

from anymask.everything.settings import EverythingSettings

Points = NDArray[np.float64]
"""(x, y), (N, 2)."""


def point_grid(points_per_side: int) -> Points:
    """Give a regular grid whose points stand in the middles of equal cells.

    Args:
        points_per_side: Points along each side.

    Returns:
        (x, y) in [0, 1], (N, 2), row by row, x fastest.

    Source:
        Segment Anything (Kirillov et al., 2023), section 5; the published generator.
    """
    offset = 1 / (2 * points_per_side)
    places = np.linspace(offset, 1 - offset, points_per_side)
    x, y = np.meshgrid(places, places)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def grids_of(settings: EverythingSettings) -> list[Points]:
    """Give the grid of each crop layer, that of the whole picture first.

    Args:
        settings: Which grids; a regular one thins out from layer to layer.

    Returns:
        (x, y) in [0, 1], (N, 2) each.
    """
    if settings.points_per_side is None:
        own = settings.point_grids or ()
        return [np.array(grid, dtype=np.float64).reshape(-1, 2) for grid in own]
    factor = settings.crop_n_points_downscale_factor
    sides = [settings.points_per_side // factor**i for i in range(settings.crop_n_layers + 1)]
    return [point_grid(side) if side else np.zeros((0, 2)) for side in sides]

"""Outlines of masks as polygons.

Corners lie on the corners of pixels: the pixels x 0..8, y 0..8 give the ring (0, 0), (9, 0),
(9, 9), (0, 9), whose area is the 81 pixels. Each part and each hole is one ring; filling all
rings together even-odd gives the mask back exactly.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError
from anymask.masks.boxes import box_of
from anymask.masks.plane import mask_plane

Ring = NDArray[np.int32]
"""Corners of one closed outline, (N, 2), (x, y) in pixels, the first not repeated at the end."""


def rings_of(mask: NDArray[np.generic], *, tolerance_px: float = 0.0) -> list[Ring]:
    """Trace the outlines of a mask.

    Args:
        mask: Bool, (H, W). Pixels that touch at a corner belong to one part.
        tolerance_px: How far a simplified outline may leave the exact one, pixels; 0 keeps it.

    Returns:
        Rings, each int32 (N, 2), N >= 4 where exact: a part runs clockwise as seen on the screen
        (positive area by the shoelace formula with y downwards), a hole the other way. A part
        comes before its holes; an empty mask has no rings.

    Raises:
        InputError: If the array has not exactly two axes or `tolerance_px` is negative.
    """
    if not tolerance_px >= 0:
        raise InputError(f"tolerance_px must be >= 0, got {tolerance_px}", hint="use 1.0")
    plane = mask_plane(mask)
    x0, y0, x1, y1 = box_of(plane)
    if x1 == 0:
        return []
    # With each pixel doubled, every corner of the outline is its own pair of traced pixels.
    doubled = plane[y0:y1, x0:x1].view(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    traced, tree = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = [(contour.reshape(-1, 2) + 1) // 2 + np.array([x0, y0]) for contour in traced]
    parts = [index for index in range(len(rings)) if tree[0][index][3] < 0]
    holes: dict[int, list[int]] = {part: [] for part in parts}
    for index in range(len(rings)):
        if index not in holes:
            holes[int(tree[0][index][3])].append(index)
    order = [index for part in parts for index in (part, *holes[part])]
    simple = [_corners_only(rings[index], tolerance_px)[::-1] for index in order]
    return [np.ascontiguousarray(ring, dtype=np.int32) for ring in simple if len(ring) >= 3]


def _corners_only(ring: NDArray[np.int64], tolerance_px: float) -> NDArray[np.int64]:
    """Drop repeated points and those on a straight line."""
    ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    ring = ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    if tolerance_px > 0:
        simple = cv2.approxPolyDP(ring.astype(np.int32), tolerance_px, closed=True)
        return simple.reshape(-1, 2).astype(np.int64)
    return ring

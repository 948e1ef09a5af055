"""Boxes of masks: corners (x0, y0, x1, y1), pixels, right and bottom edge exclusive."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from anymask.errors import InputError
from anymask.masks.plane import mask_plane

IntBox = tuple[int, int, int, int]
"""Corners (x0, y0, x1, y1) in whole pixels; x1 and y1 are exclusive."""


def box_of(mask: NDArray[np.generic]) -> IntBox:
    """Give the tight box around a mask.

    Args:
        mask: Bool, (H, W).

    Returns:
        (x0, y0, x1, y1), pixels, such that `mask[y0:y1, x0:x1]` holds every True pixel;
        (0, 0, 0, 0) for an empty mask.

    Raises:
        InputError: If the array has not exactly two axes.
    """
    plane = mask_plane(mask)
    if plane.size == 0:
        return 0, 0, 0, 0
    x, y, width, height = cv2.boundingRect(plane.view(np.uint8))
    return int(x), int(y), int(x + width), int(y + height)


def box_iou(boxes_a: ArrayLike, boxes_b: ArrayLike) -> NDArray[np.float64]:
    """Say how much each box of one list overlaps each box of another.

    Args:
        boxes_a: (N, 4), corners x0, y0, x1, y1, pixels.
        boxes_b: (K, 4), likewise.

    Returns:
        Intersection over union in [0, 1], (N, K); 0 where both boxes are without area.

    Raises:
        InputError: If a list has not the shape (N, 4).
    """
    first, second = _corners(boxes_a, "boxes_a"), _corners(boxes_b, "boxes_b")
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    inter = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    union = _areas(first)[:, None] + _areas(second)[None, :] - inter
    shares: NDArray[np.float64] = np.zeros_like(inter)
    np.divide(inter, union, out=shares, where=union > 0)
    return shares


def _corners(boxes: ArrayLike, name: str) -> NDArray[np.float64]:
    corners = np.asarray(boxes, dtype=np.float64)
    if corners.size == 0:
        return corners.reshape(0, 4)
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise InputError(
            f"{name} must have shape (N, 4), got {corners.shape}",
            hint="give every box as x0, y0, x1, y1 in a list of boxes",
        )
    return corners


def _areas(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    areas: NDArray[np.float64] = np.clip(corners[:, 2:] - corners[:, :2], 0, None).prod(axis=1)
    return areas

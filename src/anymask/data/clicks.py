"""Simulated clicks, shared by training and evaluation.

All masks are bool (H, W); clicks are integer (x, y) of a pixel of the mask.
Source: Segment Anything (Kirillov et al., 2023), appendix A (training algorithm) and appendix D.1
(evaluation); RITM (Sofiiuk et al., 2022) for the click at the largest error's centre; the code of
SAM 2 (Ravi et al., 2024) where the papers are silent.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def centre_click(mask: Mask) -> tuple[int, int]:
    """Give the pixel farthest from the mask's border, (x, y).

    Args:
        mask: Bool, (H, W), not empty. The frame's edge counts as border.
    """
    depth = border_distance(mask)
    y, x = np.unravel_index(int(depth.argmax()), mask.shape)
    return int(x), int(y)


def random_click(mask: Mask, rng: np.random.Generator) -> tuple[int, int]:
    """Give a random pixel of the mask, half of the time well inside it, (x, y).

    Args:
        mask: Bool, (H, W), not empty.
        rng: Source of chance.
    """
    if rng.random() < 0.5:
        depth = border_distance(mask)
        mask = depth >= 0.5 * depth.max()
    return _any_pixel(mask, rng)


def error_click(
    predicted: Mask, true: Mask, rng: np.random.Generator | None = None
) -> tuple[tuple[int, int], int]:
    """Give the click that corrects the largest error.

    Args:
        predicted: Bool, (H, W).
        true: Bool, (H, W), not empty.
        rng: Source of chance for a pixel well inside the error; None for its centre.

    Returns:
        (x, y) and the label: 1 where the object was missed, 0 where background was taken. Without
        any error, a click inside the object.
    """
    missed, taken = border_distance(true & ~predicted), border_distance(predicted & ~true)
    depth, label = (missed, 1) if missed.max() >= taken.max() else (taken, 0)
    if depth.max() == 0:
        depth, label = border_distance(true), 1
    if rng is None:
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        return (int(x), int(y)), label
    return _any_pixel(depth >= 0.5 * depth.max(), rng), label


def uniform_click(mask: Mask, rng: np.random.Generator) -> tuple[int, int]:
    """Give any pixel of the mask, each with the same chance, (x, y).

    Args:
        mask: Bool, (H, W), not empty.
        rng: Source of chance.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix A, "training algorithm".
    """
    return _any_pixel(mask, rng)


def uniform_error_click(
    predicted: Mask, true: Mask, rng: np.random.Generator
) -> tuple[tuple[int, int], int]:
    """Give any pixel of the whole error, each with the same chance.

    Args:
        predicted: Bool, (H, W).
        true: Bool, (H, W).
        rng: Source of chance.

    Returns:
        (x, y) and the label: 1 where the object was missed, 0 where background was taken. Without
        any error, a click on the background; on the object where there is no background.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix A, "training algorithm"; the click on
        the background is what the code of SAM 2 does.
    """
    error = predicted ^ true
    if not error.any():
        error = true if true.all() else ~true
    x, y = _any_pixel(error, rng)
    return (x, y), int(true[y, x])


def noisy_box(
    mask: Mask, rng: np.random.Generator, relative_std: float = 0.1, most_px: float = 20.0
) -> tuple[float, float, float, float]:
    """Give the mask's box as a hasty person draws it: x0, y0, x1, y1 in pixels.

    Args:
        mask: Bool, (H, W), not empty.
        rng: Source of chance.
        relative_std: Standard deviation of each side's noise, as a share of the box.
        most_px: The noise is never larger than this, pixels.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix A: 10 % noise, at most 20 pixels.
    """
    return _moved_box(mask, rng.normal(0.0, relative_std, 4), most_px)


def uniformly_noisy_box(
    mask: Mask, rng: np.random.Generator, most_share: float = 0.1, most_px: float = 20.0
) -> tuple[float, float, float, float]:
    """Give the mask's box with each side moved by any amount up to a limit: x0, y0, x1, y1.

    Args:
        mask: Bool, (H, W), not empty.
        rng: Source of chance.
        most_share: The noise is never larger than this share of the box,
        most_px: nor than this, pixels.

    Returns:
        Pixels, inside the frame, with area.

    Source:
        The code of SAM 2 (Ravi et al., 2024): 10 % noise, at most 20 pixels, even chances.
    """
    return _moved_box(mask, rng.uniform(-most_share, most_share, 4), most_px)


def tight_box(mask: Mask) -> tuple[int, int, int, int]:
    """Give the smallest box around a mask that is not empty: x0, y0, x1, y1, ends exclusive.

    Args:
        mask: Bool, (H, W).
    """
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def border_distance(mask: Mask) -> NDArray[np.float32]:
    """Give each pixel's distance to the nearest pixel outside the mask, float32 (H, W)."""
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1], dtype=np.float32)


def _moved_box(
    mask: Mask, noise: NDArray[np.float64], most_px: float
) -> tuple[float, float, float, float]:
    """Move the sides of a mask's box by shares of its size, and keep it inside the frame."""
    box = np.array(tight_box(mask), dtype=np.float64)
    size = np.tile(box[2:] - box[:2], 2)
    box += np.clip(noise * size, -most_px, most_px)
    limits = np.array(mask.shape[::-1], dtype=np.float64)
    low = np.clip(np.minimum(box[:2], box[2:] - 1), 0, limits - 1)
    x0, y0 = low
    x1, y1 = np.clip(np.maximum(box[2:], low + 1), 0, limits)
    return float(x0), float(y0), float(x1), float(y1)


def _any_pixel(mask: Mask, rng: np.random.Generator) -> tuple[int, int]:
    inside = np.flatnonzero(mask)
    y, x = divmod(int(inside[rng.integers(len(inside))]), mask.shape[1])
    return x, y

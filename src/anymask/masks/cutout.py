"""Objects cut out of their picture: straight alpha, soft edge, no background at the rim."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import InputError
from anymask.masks.boxes import box_of

Pixels = NDArray[np.int64]
"""Rows or columns of some pixels, (N,)."""

# Width of the ramp, and how far a colour may be taken over from the inside.
_EDGE_PX = 1.5
_MARGIN_PX = 4
# Logits of a mask that has none of its own: as sure as a good answer of the model.
_SURE_LOGIT = np.float32(8.0)
_LEAST_LOGIT = np.float32(0.25)
_SOFTENING_PX = 1.2


def cut_out(
    picture: NDArray[np.uint8],
    logits: NDArray[np.floating],
    alpha: NDArray[np.uint8] | None = None,
    *,
    crop: bool = False,
) -> Image.Image:
    """Cut an object out of its picture.

    Pixels well inside keep their values. Along the border the alpha falls within about two
    pixels, placed between the pixels as the logits say, and colours come from the nearest pixel
    inside, so that no rim of the old background is left. Everything farther out is zero.

    Args:
        picture: Uint8 RGB, (H, W, 3).
        logits: Full-size mask logits, (H, W); the object is where they are above 0.
        alpha: The picture's own alpha, uint8 (H, W); the cut-out is nowhere more opaque.
        crop: Whether to keep only the box around what is visible; an empty mask is not cropped.

    Returns:
        RGBA picture with straight (not premultiplied) alpha.

    Raises:
        InputError: If picture, logits and alpha differ in size.
    """
    for name, array in (("logits", logits), ("alpha", alpha)):
        if array is not None and array.shape != picture.shape[:2]:
            raise InputError(
                f"{name} {array.shape} for a picture of {picture.shape[:2]}",
                hint="pass arrays of the same picture",
            )
    cut = np.zeros((*picture.shape[:2], 4), dtype=np.uint8)
    x0, y0, x1, y1 = box_of(logits > 0)
    if x1 == 0:
        return Image.fromarray(cut)
    part = np.s_[
        max(y0 - _MARGIN_PX, 0) : y1 + _MARGIN_PX, max(x0 - _MARGIN_PX, 0) : x1 + _MARGIN_PX
    ]
    opacity = _soft_mask(np.asarray(logits[part], dtype=np.float32))
    cut[part][:, :, :3] = _clean_colours(picture[part], opacity)
    if alpha is not None:
        opacity = np.rint(opacity * (alpha[part] / np.float32(255))).astype(np.uint8)
    cut[part][:, :, 3] = opacity
    x0, y0, x1, y1 = box_of(cut[:, :, 3])
    return Image.fromarray(cut[y0:y1, x0:x1] if crop and x1 > 0 else cut)


def softened(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give logits for a mask that has none, with a slope along its outline.

    Args:
        mask: Bool, (H, W).

    Returns:
        Float32, (H, W): above 0 exactly where the mask is, 8 well inside and -8 well outside.
    """
    sharp = np.where(mask, _SURE_LOGIT, -_SURE_LOGIT)
    soft = cv2.GaussianBlur(sharp, (0, 0), _SOFTENING_PX)
    # What is as thin as the ramp would vanish in it.
    logits = np.where(mask, np.maximum(soft, _LEAST_LOGIT), np.minimum(soft, -_LEAST_LOGIT))
    return np.asarray(logits, dtype=np.float32)


def _square() -> NDArray[np.uint8]:
    """Give the 3 × 3 neighbourhood."""
    return np.ones((3, 3), dtype=np.uint8)


def _soft_mask(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Give the opacity, uint8 (H, W): 255 inside, 0 outside, a short ramp between."""
    mask = (logits > 0).view(np.uint8)
    edge = np.nonzero(cv2.dilate(mask, _square()) != cv2.erode(mask, _square()))
    opacity = mask * np.uint8(255)
    # Logits over their slope is the distance to the border in pixels, whatever their scale.
    distance_px = logits[edge] / np.maximum(_slope(logits, *edge), np.float32(1e-6))
    opacity[edge] = np.rint(np.clip(0.5 + distance_px / _EDGE_PX, 0, 1) * 255).astype(np.uint8)
    return opacity


def _slope(logits: NDArray[np.float32], rows: Pixels, columns: Pixels) -> NDArray[np.float32]:
    """Give how steeply the logits change at some pixels, in logits a pixel."""
    last_row, last_column = logits.shape[0] - 1, logits.shape[1] - 1
    up, down = np.maximum(rows - 1, 0), np.minimum(rows + 1, last_row)
    left, right = np.maximum(columns - 1, 0), np.minimum(columns + 1, last_column)
    along_y = (logits[down, columns] - logits[up, columns]) / np.maximum(down - up, 1)
    along_x = (logits[rows, right] - logits[rows, left]) / np.maximum(right - left, 1)
    return np.asarray(np.hypot(along_y, along_x), dtype=np.float32)


def _clean_colours(picture: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give colours, uint8 (H, W, 3): the picture's inside, borrowed at the edge, else zero."""
    colours = np.where(opacity[:, :, None] > 0, picture, np.uint8(0))
    solid = (opacity == 255).view(np.uint8)
    # A camera mixes both sides over a pixel or two, so colours come from one pixel further in;
    # where the object is too thin for that, from its solid pixels.
    core = np.asarray(cv2.erode(solid, _square()), dtype=np.uint8)
    reach = np.ones((2 * _MARGIN_PX + 1,) * 2, dtype=np.uint8)
    rows, columns = np.nonzero((opacity < 255) & (cv2.dilate(solid, reach) > 0))
    for source in (core, solid):
        rows, columns = _borrow(colours, picture, source, rows, columns)
    return colours


def _borrow(
    colours: NDArray[np.uint8],
    picture: NDArray[np.uint8],
    source: NDArray[np.uint8],
    rows: Pixels,
    columns: Pixels,
) -> tuple[Pixels, Pixels]:
    """Give pixels the colour of the nearest source pixel, in place; return those without one."""
    last_row, last_column = source.shape[0] - 1, source.shape[1] - 1
    for step_y, step_x in _nearest_steps():
        # A step that leaves the picture ends on its border, still no farther than the step.
        from_rows = np.clip(rows + step_y, 0, last_row)
        from_columns = np.clip(columns + step_x, 0, last_column)
        has_found = source[from_rows, from_columns] > 0
        donors = picture[from_rows[has_found], from_columns[has_found]]
        colours[rows[has_found], columns[has_found]] = donors
        rows, columns = rows[~has_found], columns[~has_found]
    return rows, columns


def _nearest_steps() -> list[tuple[int, int]]:
    """Give the steps to all pixels within reach, nearest first."""
    reach = range(-_MARGIN_PX, _MARGIN_PX + 1)
    steps = [(y, x) for y in reach for x in reach if 0 < y * y + x * x <= _MARGIN_PX**2]
    return sorted(steps, key=lambda step: step[0] ** 2 + step[1] ** 2)

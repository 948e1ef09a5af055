"""Objects cut out of their picture: straight alpha, soft edge, no background at the rim."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import InputError
from anymask.masks.boxes import box_of
from anymask.masks.plane import BoolMask

# Width of the edge, and how far a colour may be taken over from the inside.
_EDGE_PX = 1.5
_MAX_BORROW_PX = 4.0


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
    opacity = _soft_mask(np.asarray(logits, dtype=np.float32))
    colours = _clean_colours(picture, opacity)
    if alpha is not None:
        opacity = np.rint(opacity * (alpha / np.float32(255))).astype(np.uint8)
    cut = np.dstack([colours, opacity])
    x0, y0, x1, y1 = box_of(opacity)
    return Image.fromarray(cut[y0:y1, x0:x1] if crop and x1 > 0 else cut)


def _soft_mask(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Give the opacity, uint8 (H, W): 255 inside, 0 outside, a short ramp between."""
    mask = (logits > 0).view(np.uint8)
    square = np.ones((3, 3), dtype=np.uint8)
    is_edge = cv2.dilate(mask, square) != cv2.erode(mask, square)
    opacity = mask * np.uint8(255)
    slope = np.hypot(_slope(logits, 1, 0), _slope(logits, 0, 1))[is_edge]
    # Logits over their slope is the distance to the border in pixels, whatever their scale.
    distance_px = logits[is_edge] / np.maximum(slope, np.float32(1e-6))
    ramp = np.clip(0.5 + distance_px / _EDGE_PX, 0, 1)
    opacity[is_edge] = np.rint(ramp * 255).astype(np.uint8)
    return opacity


def _slope(logits: NDArray[np.float32], along_x: int, along_y: int) -> NDArray[np.float32]:
    slope = cv2.Sobel(
        logits, cv2.CV_32F, along_x, along_y, ksize=1, scale=0.5, borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(slope, dtype=np.float32).reshape(logits.shape)


def _clean_colours(picture: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give colours, uint8 (H, W, 3): the picture's inside, borrowed at the edge, else zero."""
    colours = np.where(opacity[:, :, None] > 0, picture, np.uint8(0))
    solid: BoolMask = opacity == 255
    if solid.all() or not solid.any():
        return colours
    x0, y0, x1, y1 = box_of(opacity)
    margin = int(_MAX_BORROW_PX)
    part = np.s_[max(y0 - margin, 0) : y1 + margin, max(x0 - margin, 0) : x1 + margin]
    # A camera mixes both sides over a pixel or two, so colours come from one pixel further in;
    # where the object is too thin for that, from its solid pixels.
    core = cv2.erode(solid.view(np.uint8), np.ones((3, 3), dtype=np.uint8)).view(np.bool_)
    is_open = opacity[part] < 255
    for source in (solid[part], core[part]):
        _borrow(colours[part], picture[part], source, is_open)
    return colours


def _borrow(
    colours: NDArray[np.uint8], picture: NDArray[np.uint8], source: BoolMask, is_open: BoolMask
) -> None:
    """Give open pixels near a source pixel the colour of the nearest one, in place."""
    if not source.any():
        return
    distance_px, nearest = cv2.distanceTransformWithLabels(
        (~source).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    donors = np.zeros((int(nearest.max()) + 1, 3), dtype=np.uint8)
    donors[nearest[source]] = picture[source]
    is_near = is_open & (distance_px <= _MAX_BORROW_PX)
    colours[is_near] = donors[nearest[is_near]]

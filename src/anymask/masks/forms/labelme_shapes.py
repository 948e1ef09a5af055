"""The shapes of labelme that cover an area, as run lengths; and a mask as one of them."""

import base64
import binascii
import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import InputError
from anymask.masks.boxes import box_of
from anymask.masks.plane import BoolMask
from anymask.masks.png import png_bytes
from anymask.masks.problem import Problem
from anymask.masks.rasterize import polygon_runs
from anymask.masks.rle import Counts, counts_of

POLYGON, MASK = "polygon", "mask"
_RECTANGLE, _CIRCLE = "rectangle", "circle"
_KINDS = (POLYGON, MASK, _RECTANGLE, _CIRCLE)
_CIRCLE_CORNERS = 360


def mask_shape(mask: BoolMask) -> tuple[list[list[int]], str]:
    """Write a mask as labelme's shape of that name.

    Args:
        mask: Bool, (H, W), not empty.

    Returns:
        Its first and its last pixel as (x, y), and the PNG of the box between them in base64.
    """
    x0, y0, x1, y1 = box_of(mask)
    picture = Image.fromarray(mask[y0:y1, x0:x1].view(np.uint8) * np.uint8(255))
    encoded = base64.b64encode(png_bytes(picture)).decode("ascii")
    return [[x0, y0], [x1 - 1, y1 - 1]], encoded


def shape_runs(shape: object, size_hw: tuple[int, int], scale: float) -> Counts | Problem:
    """Read one shape.

    Args:
        shape: Its record.
        size_hw: Size of the picture, pixels.
        scale: What its points are multiplied with.

    Returns:
        Column-major run lengths, (K,); or what is wrong, with code "bad-shape", "bad-polygon",
        "bad-mask", "size-differs" or "empty-mask".
    """
    kind = (shape.get("shape_type") or POLYGON) if isinstance(shape, Mapping) else None
    if not isinstance(shape, Mapping) or kind not in _KINDS:
        what = f"shape_type {kind!r:.40} is not known" if kind is not None else "is no shape"
        return Problem(code="bad-shape", message=what, hint="draw it as a polygon")
    points = _points(shape.get("points"))
    if isinstance(points, Problem):
        return points
    if kind == MASK:
        runs = _mask_runs(shape, points, size_hw, scale)
    else:
        try:
            # Infinite corners are told below, by their place.
            with np.errstate(over="ignore", invalid="ignore"):
                ring = _ring(kind, points * scale)
            runs = polygon_runs([ring], size_hw)
        except InputError as error:
            hint = error.hint or "draw it again"
            return Problem(code="bad-polygon", message=error.message, hint=hint)
    if not isinstance(runs, Problem) and not runs[1::2].any():
        return Problem(
            code="empty-mask", message="holds no pixel", hint="leave it out or draw it again"
        )
    return runs


def _points(points: object) -> NDArray[np.float64] | Problem:
    """Give the points, (N, 2)."""
    try:
        pairs = np.asarray(points, np.float64)
    except (TypeError, ValueError, OverflowError):
        pairs = np.empty(0)
    if pairs.ndim == 2 and pairs.shape[1] == 2:
        return pairs
    return Problem(
        code="bad-polygon",
        message=f"points must be a list of x, y, got {points!r:.40}",
        hint="draw it again",
    )


def _ring(kind: str, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the corners of a shape, (N, 2)."""
    if kind == POLYGON:
        return points
    if len(points) != 2:
        raise InputError(f"{kind} has {len(points)} points, not 2", hint="draw it again")
    if kind == _RECTANGLE:
        (x0, y0), (x1, y1) = points
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    angles = np.arange(_CIRCLE_CORNERS) * (2 * math.pi / _CIRCLE_CORNERS)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    radius = float(np.hypot(*(points[1] - points[0])))
    ring: NDArray[np.float64] = points[0] + radius * around
    return ring


def _mask_runs(
    shape: Mapping[str, Any],
    points: NDArray[np.float64],
    size_hw: tuple[int, int],
    scale: float,
) -> Counts | Problem:
    if scale != 1:
        return Problem(
            code="size-differs",
            message="is a mask for a picture of another size, and masks are not scaled",
            hint="give the picture that it was drawn on",
        )
    small = _decoded(shape.get("mask"), size_hw)
    if isinstance(small, Problem):
        return small
    if not np.isfinite(points).all() or not len(points):
        return Problem(code="bad-mask", message="its place is no number", hint="draw it again")
    x, y = (round(float(side)) for side in points.min(axis=0))
    height, width = size_hw
    if x < 0 or y < 0 or y + small.shape[0] > height or x + small.shape[1] > width:
        return Problem(
            code="bad-mask",
            message=f"mask {small.shape[1]}×{small.shape[0]} at ({x}, {y}) leaves the picture of "
            f"{width}×{height}",
            hint="draw it again",
        )
    mask = np.zeros(size_hw, np.bool_)
    mask[y : y + small.shape[0], x : x + small.shape[1]] = small
    return counts_of(mask)


def _decoded(text: object, size_hw: tuple[int, int]) -> BoolMask | Problem:
    if not isinstance(text, str):
        return Problem(code="bad-mask", message='its "mask" is no text', hint="draw it again")
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG"]) as png:
            if png.width > size_hw[1] or png.height > size_hw[0]:
                return Problem(
                    code="bad-mask",
                    message=f"mask {png.width}×{png.height} for picture {size_hw[1]}×{size_hw[0]}",
                    hint="draw it again",
                )
            values = np.asarray(png.convert("L"))
    except (binascii.Error, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return Problem(
            code="bad-mask", message='its "mask" is no PNG in base64', hint="draw it again"
        )
    return np.asarray(values != 0, np.bool_)

"""Where a picture lies in the model's square, and coordinates there and back.

Coordinates count from the top left corner of the top left pixel, so they scale with the sides
alone. The half pixel that turns a pixel's index into its centre is added once, later, in the
prompt encoder: never here.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anymask.errors import InputError
from anymask.vocabulary import ImageFrame


def frame_for(size_hw: tuple[int, int], input_size: int) -> ImageFrame:
    """Say to which size a picture is resized so that its longer side fills the square.

    Args:
        size_hw: Height and width of the upright picture, pixels.
        input_size: Side of the model's square input, pixels.

    Returns:
        The frame; sides are rounded half up and never less than 1.

    Raises:
        InputError: If a side or `input_size` is less than 1.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix A; the published resizing of the
        longest side.
    """
    height, width = size_hw
    if min(height, width, input_size) < 1:
        raise InputError(
            f"a picture of {width}x{height} cannot be placed in a square of {input_size}",
            hint="pass sides of at least 1 pixel",
        )
    scale = input_size / max(height, width)
    resized_hw = (max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5)))
    return ImageFrame(original_hw=(height, width), resized_hw=resized_hw, input_size=input_size)


def points_to_frame(points_xy: ArrayLike, frame: ImageFrame) -> NDArray[np.float64]:
    """Move points from the upright picture into the model's square.

    Args:
        points_xy: (x, y) in pixels of the upright picture, (..., 2).
        frame: Where the picture lies in the square.

    Returns:
        (x, y) in pixels of the square, float64, (..., 2); not clipped.

    Raises:
        InputError: If the last axis does not hold two numbers.
    """
    return _pairs(points_xy, 2) * _scale_xy(frame)


def points_from_frame(points_xy: ArrayLike, frame: ImageFrame) -> NDArray[np.float64]:
    """Move points from the model's square back to the upright picture.

    Args:
        points_xy: (x, y) in pixels of the square, (..., 2).
        frame: Where the picture lies in the square.

    Returns:
        (x, y) in pixels of the upright picture, float64, (..., 2); not clipped.

    Raises:
        InputError: If the last axis does not hold two numbers.
    """
    return _pairs(points_xy, 2) / _scale_xy(frame)


def boxes_to_frame(boxes_xyxy: ArrayLike, frame: ImageFrame) -> NDArray[np.float64]:
    """Move boxes from the upright picture into the model's square.

    Args:
        boxes_xyxy: (x0, y0, x1, y1) in pixels of the upright picture, (..., 4).
        frame: Where the picture lies in the square.

    Returns:
        Corners in pixels of the square, float64, (..., 4); not clipped.

    Raises:
        InputError: If the last axis does not hold four numbers.
    """
    return _pairs(boxes_xyxy, 4) * np.tile(_scale_xy(frame), 2)


def _scale_xy(frame: ImageFrame) -> NDArray[np.float64]:
    """Give both factors apart: rounding the resized sides makes them differ slightly."""
    (height, width), (resized_height, resized_width) = frame.original_hw, frame.resized_hw
    return np.array([resized_width / width, resized_height / height])


def _pairs(coordinates: ArrayLike, numbers: int) -> NDArray[np.float64]:
    array = np.asarray(coordinates, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] != numbers:
        what = "points_xy" if numbers == 2 else "boxes_xyxy"
        raise InputError(
            f"{what} must have shape (N, {numbers}), got {array.shape}",
            hint=f"give {numbers} numbers a row",
        )
    return array

"""From an upright picture to what the image encoder takes."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import InputError
from anymask.vocabulary import ImageFrame


def to_model_input(
    pixels: NDArray[np.uint8],
    frame: ImageFrame,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> NDArray[np.float32]:
    """Resize, normalise and pad a picture.

    The 8-bit picture is resized with Pillow's bilinear filter, which averages when it shrinks,
    because the published weights were trained on exactly that. Zeros are put to the right and
    at the bottom after normalising.

    Args:
        pixels: uint8, (H, W, 3), RGB, upright.
        frame: Where the picture lies in the square; `original_hw` must be (H, W).
        mean: Mean of each channel on the 0 to 255 scale.
        std: Standard deviation of each channel on the 0 to 255 scale.

    Returns:
        float32, contiguous, (3, S, S) with S = `frame.input_size`.

    Raises:
        InputError: If `pixels` is not uint8 (H, W, 3) of the frame's original size.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix A; the published pre-processing.
    """
    if pixels.dtype != np.uint8 or pixels.shape != (*frame.original_hw, 3):
        raise InputError(
            f"pixels must be uint8 {(*frame.original_hw, 3)}, got {pixels.dtype} {pixels.shape}",
            hint="make the frame from the picture's own size",
        )
    resized = _resized(pixels, frame.resized_hw)
    height, width = frame.resized_hw
    square = np.zeros((3, frame.input_size, frame.input_size), dtype=np.float32)
    for channel in range(3):
        # one channel at a time, in place: no copy of the whole picture as floats
        part = square[channel, :height, :width]
        np.subtract(resized[:, :, channel], np.float32(mean[channel]), out=part)
        part /= np.float32(std[channel])
    return square


def _resized(pixels: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    if pixels.shape[:2] == size_hw:
        return pixels
    height, width = size_hw
    image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image)

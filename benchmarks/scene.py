"""Low-resolution logits as of real objects: random weights give noise over the whole picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

LOW_SIDE = 256
RADII = (10, 26, 70)  # a part, an object, and what it stands on; cells


def object_logits(seed: int = 0) -> NDArray[np.float32]:
    """Give three nested objects with uneven outlines, (3, 256, 256).

    Args:
        seed: Of their place and outlines.
    """
    rng = np.random.default_rng(seed)
    # The photo fills the upper two thirds of the square.
    row, column = rng.uniform((60, 90), (110, 170))
    rows, columns = np.mgrid[:LOW_SIDE, :LOW_SIDE]
    distance = np.hypot(rows - row, columns - column)
    planes = []
    for radius in RADII:
        coarse = rng.normal(0, 0.15 * radius, (12, 12))
        wobble = cv2.resize(coarse, (LOW_SIDE, LOW_SIDE), interpolation=cv2.INTER_CUBIC)
        # Sure inside and outside, with a soft edge of a few cells; ripples all over.
        ripples = rng.normal(0, 0.1, (LOW_SIDE, LOW_SIDE))
        planes.append(np.clip(1.5 * (radius + wobble - distance), -16, 12) + ripples)
    return np.stack(planes).astype(np.float32)


def noise_logits(seed: int = 0) -> NDArray[np.float32]:
    """Give three planes of noise, (3, 256, 256): every pixel is near an outline."""
    noise = np.random.default_rng(seed).normal(0, 1, (3, LOW_SIDE, LOW_SIDE))
    return noise.astype(np.float32)

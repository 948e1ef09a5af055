"""Whether red and blue look swapped in a set of photos.

One picture says nothing: a blue wall is no fault. Of many different photos most are warmer than
cold (skin, wood, earth, food, lamplight), and where they are not, the sky above is the blue part.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Chosen on 44 sets of photos: none of them is suspected, half of them are when their red and blue
# are swapped. The nearest to being accused wrongly has a mean of -0.036.
_FEWEST = 10
_LARGEST_WARM_SHARE = 0.3
_LARGEST_MEAN = -0.045
_LARGEST_SKY = 0.05
_COLOURED = 0.01
_SIDE_PX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmth:
    """How red against blue a picture is, all as shares of the full range.

    Attributes:
        mean: Mean of red less blue.
        strength: Mean of its size.
        sky: How much bluer the upper third is than the lower.
    """

    mean: float
    strength: float
    sky: float


def warmth(pixels: NDArray[np.uint8]) -> Warmth:
    """Measure the balance of red and blue.

    Args:
        pixels: Uint8 RGB, (H, W, 3).
    """
    small = cv2.resize(pixels, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    balance = (small[..., 0].astype(np.float32) - small[..., 2]) / 255
    third = _SIDE_PX // 3
    return Warmth(
        mean=float(balance.mean()),
        strength=float(np.abs(balance).mean()),
        sky=float(balance[-third:].mean() - balance[:third].mean()),
    )


def looks_swapped(pictures: Sequence[Warmth]) -> bool:
    """Say whether a set is suspected of having red and blue swapped.

    Args:
        pictures: Different pictures of one set; grey ones do not count, and fewer than ten
            coloured ones say nothing.
    """
    coloured = [picture for picture in pictures if picture.strength > _COLOURED]
    if len(coloured) < _FEWEST:
        return False
    means = np.array([picture.mean for picture in coloured])
    sky = float(np.mean([picture.sky for picture in coloured]))
    is_cold = float((means > 0).mean()) < _LARGEST_WARM_SHARE
    return is_cold and float(means.mean()) < _LARGEST_MEAN and sky < _LARGEST_SKY

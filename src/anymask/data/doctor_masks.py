"""What is odd about the masks of one picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

HUGE_SHARE = 0.9
_FEW_PX = 5
_MASK_PX = 400  # in smaller masks a few pixels are not noise


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskOddities:
    """Numbers of the masks of one picture that have a fault.

    Attributes:
        huge: Over 90 % of the picture.
        pin_holes: With a hole of a few pixels.
        specks: With a separate piece of a few pixels.
        twins: Exactly the same as an earlier mask.
    """

    huge: tuple[int, ...] = ()
    pin_holes: tuple[int, ...] = ()
    specks: tuple[int, ...] = ()
    twins: tuple[int, ...] = ()


def mask_oddities(runs: Sequence[NDArray[np.int64]], size_hw: tuple[int, int]) -> MaskOddities:
    """Look at every mask of a picture.

    Args:
        runs: Column-major run lengths of each mask, starting with zeros, (K,).
        size_hw: Height and width, pixels.
    """
    huge, holes, specks, twins = [], [], [], []
    seen: set[bytes] = set()
    for index, counts in enumerate(runs):
        area = int(counts[1::2].sum())
        if area > HUGE_SHARE * size_hw[0] * size_hw[1]:
            huge.append(index)
        key = counts.tobytes()
        if key in seen:
            twins.append(index)
        seen.add(key)
        if area < _MASK_PX:
            continue
        mask = _cut_out(counts, size_hw[0])
        if _has_small_piece(mask, connectivity=8):
            specks.append(index)
        # With a frame around, what is not a hole is one piece, and the largest.
        if _has_small_piece(np.pad(1 - mask, 1, constant_values=1), connectivity=4):
            holes.append(index)
    return MaskOddities(
        huge=tuple(huge), pin_holes=tuple(holes), specks=tuple(specks), twins=tuple(twins)
    )


def _cut_out(counts: NDArray[np.int64], height: int) -> NDArray[np.uint8]:
    """Give the part of a mask between its first and its last column, turned, (columns, H)."""
    values = np.arange(len(counts), dtype=np.uint8) & 1
    flat = np.repeat(values, counts)
    inside = flat.nonzero()[0]
    first, last = int(inside[0]) // height, int(inside[-1]) // height
    return flat[first * height : (last + 1) * height].reshape(-1, height)


def _has_small_piece(mask: NDArray[np.uint8], connectivity: int) -> bool:
    """Say whether there is a piece of a few pixels beside the largest."""
    _, _, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=connectivity)
    areas = np.sort(facts[1:, cv2.CC_STAT_AREA])
    return bool((areas[:-1] <= _FEW_PX).any())

"""Small holes filled and small islands removed, looking no further than around the mask."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.masks.boxes import IntBox
from anymask.masks.plane import BoolMask
from anymask.masks.rle import Counts, counts_within, decode
from anymask.masks.run_sets import bounds, cut


class Cleaned(NamedTuple):
    """A mask without its small holes and islands.

    Attributes:
        counts: Its run lengths; the very same array if nothing changed.
        is_changed: Whether a hole was filled or an island removed.
        largest_island_px: Pixels of its largest island, holes filled, before any was removed.
    """

    counts: Counts
    is_changed: bool
    largest_island_px: int


class _Regions(NamedTuple):
    """Connected parts of a plane: 0 is the rest, `areas` their pixels, int64, 0 for the rest."""

    labels: NDArray[np.int32]
    areas: NDArray[np.int64]


def clean_regions(counts: Counts, size_hw: tuple[int, int], min_area: float) -> Cleaned:
    """Fill the small holes of a mask, then remove its small islands.

    Pixels that touch at a corner are one region. If all islands are small the largest stays. What
    surrounds a mask is a hole like any other, and filled where it is small.

    Args:
        counts: Column-major run lengths, (K,), beginning with zeros, their sum H * W.
        size_hw: Height and width of the mask, pixels.
        min_area: Regions with fewer pixels are small.

    Returns:
        The mask, whether it changed, and how large its largest island is.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix B (postprocessing); the published
        generator, whose choice among islands of one size is kept.
    """
    height, width = size_hw
    if height * width == 0:
        return Cleaned(counts, is_changed=False, largest_island_px=0)
    box = _around(bounds(counts, size_hw), size_hw, min_area)
    x0, y0, x1, y1 = box
    part = decode({"size": [y1 - y0, x1 - x0], "counts": cut(counts, size_hw, box)})
    filled = _without_holes(part, box, size_hw, min_area)
    islands = _regions_of(filled)
    largest = int(islands.areas.max())
    is_kept = islands.areas >= min_area
    if not is_kept[1:].all():
        if not is_kept[1:].any():
            is_kept[islands.areas.argmax()] = True
        is_kept[0] = False
        filled = is_kept[islands.labels]
    elif filled is part:
        return Cleaned(counts, is_changed=False, largest_island_px=largest)
    cleaned = counts_within(filled, (x0, y0), size_hw)
    return Cleaned(cleaned, is_changed=True, largest_island_px=largest)


def _around(box: IntBox, size_hw: tuple[int, int], min_area: float) -> IntBox:
    """Give the part of the picture in which everything small lies wholly."""
    (x0, y0, x1, y1), (height, width) = box, size_hw
    # With a pixel around the mask what lies outside is known to touch what lies at the edge. The
    # top is even because OpenCV numbers regions by pairs of rows, and of islands of one size the
    # first stays.
    x0, y0 = max(x0 - 1, 0), max(y0 - 1, 0) & ~1
    x1, y1 = min(x1 + 1, width), min(y1 + 1, height)
    # Left out is only what is too large to be filled.
    return (
        x0 if x0 * height >= min_area else 0,
        y0 if y0 * width >= min_area else 0,
        x1 if (width - x1) * height >= min_area else width,
        y1 if (height - y1) * width >= min_area else height,
    )


def _without_holes(
    part: BoolMask, box: IntBox, size_hw: tuple[int, int], min_area: float
) -> BoolMask:
    """Give the part with its small holes filled; the very same array if there are none."""
    (x0, y0, x1, y1), (height, width) = box, size_hw
    holes = _regions_of(~part)
    is_set = holes.areas < min_area
    goes_on = ((x0 or y0, 0, 0), (x1 < width, 0, -1), (y1 < height, -1, 0))
    for is_cut, row, column in goes_on:
        if is_cut:
            is_set[holes.labels[row, column]] = False
    if not is_set[1:].any():
        return part
    is_set[0] = True
    return is_set[holes.labels]


def _regions_of(plane: BoolMask) -> _Regions:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(plane.view(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    areas[0] = 0
    return _Regions(labels.astype(np.int32, copy=False), areas)

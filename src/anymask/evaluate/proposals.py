"""Average recall: how many of the objects some proposals find, whatever their class.

Source: Segment Anything (Kirillov et al., 2023), section 7.3; matching as in COCO's evaluation (Lin
et al., 2014) without categories.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from anymask.masks.rle import Counts

THRESHOLDS = tuple(float(share) for share in np.linspace(0.5, 0.95, 10))
"""IoU from which on a proposal has found an object; recall is averaged over them."""
NUMBERS = (1, 10, 100, 1000)
"""How many proposals of a picture may be looked at, the best ones first."""
SIZES = MappingProxyType(
    {
        "all": (0.0, 1e10),
        "small": (0.0, 32.0**2),
        "medium": (32.0**2, 96.0**2),
        "large": (96.0**2, 1e10),
    }
)
"""Smallest and largest area of the objects of a size, pixels; both belong to it."""
# COCO's evaluation lets a perfect overlap pass a threshold of 1 in spite of rounding.
_NEARLY_ONE = 1 - 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What the proposals of one picture found.

    Attributes:
        objects: How many objects there are, by size.
        found: How many of them are found at each of `THRESHOLDS`, by size and by how many
            proposals were looked at.
    """

    objects: Mapping[str, int]
    found: Mapping[str, Mapping[int, tuple[int, ...]]]


def overlaps_of(proposals: Sequence[Counts], truths: Sequence[Counts]) -> NDArray[np.float64]:
    """Give the IoU of each proposal with each object, from their runs alone.

    Args:
        proposals: Column-major run lengths of N masks, (K,) each, beginning with zeros.
        truths: Run lengths of M masks of the same picture.

    Returns:
        Share in [0, 1], (N, M); 0 where both are empty.
    """
    edges = [np.cumsum(counts) for counts in proposals]
    starts = _joined([edge[: len(edge) // 2 * 2 : 2] for edge in edges])
    ends = _joined([edge[1::2] for edge in edges])
    places = np.cumsum([0, *(len(edge) // 2 for edge in edges)])
    areas = np.diff(_sums(ends - starts)[places])
    shares = np.zeros((len(proposals), len(truths)))
    for column, truth in enumerate(truths):
        held = _pixels_before(truth, ends) - _pixels_before(truth, starts)
        inter = np.diff(_sums(held)[places])
        union = areas + truth[1::2].sum() - inter
        np.divide(inter, union, out=shares[:, column], where=union > 0)
    return shares


def first_finders(overlaps: NDArray[np.float64]) -> NDArray[np.int64]:
    """Match proposals with objects: each takes the best object that is still free.

    Args:
        overlaps: IoU of each proposal, the best one first, with each object, (N, M).

    Returns:
        Place of the proposal that found each object at each of `THRESHOLDS`, (10, M); N where
        none did.

    Source:
        COCO's evaluation: of equally good objects the last one is taken.
    """
    number, objects = overlaps.shape
    limits = np.minimum(THRESHOLDS, _NEARLY_ONE)[:, None]
    finders = np.full((len(THRESHOLDS), objects), number, dtype=np.int64)
    for place in np.flatnonzero((overlaps >= limits[0]).any(axis=1)):
        shares = overlaps[place]
        is_free = (finders == number) & (shares >= limits)
        best = objects - 1 - np.where(is_free, shares, -1)[:, ::-1].argmax(axis=1)
        rows = np.flatnonzero(is_free.any(axis=1))
        finders[rows, best[rows]] = place
    return finders


def recalled(
    overlaps: NDArray[np.float64], areas_px: Sequence[int], numbers: Sequence[int] = NUMBERS
) -> Recalled:
    """Count what the proposals of one picture find.

    Args:
        overlaps: IoU of each proposal, the best one first, with each object, (N, M).
        areas_px: Area of each object, (M,), pixels.
        numbers: How many proposals are looked at.
    """
    areas = np.asarray(areas_px, dtype=np.float64)
    objects: dict[str, int] = {}
    found: dict[str, dict[int, tuple[int, ...]]] = {}
    for size, (smallest, largest) in SIZES.items():
        is_meant = (areas >= smallest) & (areas <= largest)
        # An object of another size may be taken too, but never in the place of one that is meant.
        finders = first_finders(overlaps[:, is_meant])
        objects[size] = int(is_meant.sum())
        found[size] = {
            number: tuple(
                int(count) for count in (finders < min(number, len(overlaps))).sum(axis=1)
            )
            for number in numbers
        }
    return Recalled(objects=objects, found=found)


def average_recall(pictures: Iterable[Recalled], number: int, size: str = "all") -> float | None:
    """Give the recall averaged over IoU 0.5 to 0.95, of the objects of all pictures together.

    Args:
        pictures: What was found on each.
        number: How many proposals a picture may be looked at.
        size: "all", "small", "medium" or "large".

    Returns:
        Share in [0, 1]; None where there is no such object.
    """
    some = [(one.objects[size], sum(one.found[size][number])) for one in pictures]
    objects = sum(count for count, _ in some)
    return sum(hits for _, hits in some) / (objects * len(THRESHOLDS)) if objects else None


def _joined(arrays: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, dtype=np.int64), *arrays])


def _sums(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the sums of the first 0, 1, 2, … values."""
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def _pixels_before(counts: Counts, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the pixels of a mask before some places, column by column."""
    is_set = np.arange(len(counts)) % 2 == 1
    kept = counts > 0
    lengths = counts[kept]
    # Between two edges the number stays or grows by one a pixel; below 2^53 this is exact.
    pixels = np.interp(places, _sums(lengths), _sums(lengths * is_set[kept]))
    return pixels.astype(np.int64)

"""Colours for many masks, of which those that touch are never alike."""

from collections.abc import Sequence
from itertools import count
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from anymask.masks.colours import PALETTE, Colour, colour_of

Pairs = NDArray[np.int64]

# Those that lie farthest from the palette and from each other, mixed half with a grey photo.
_MORE: tuple[Colour, ...] = ((45, 20, 165), (85, 100, 0), (60, 240, 20), (110, 0, 25))
_FAR_APART = (*PALETTE, *_MORE)


def neighbours_of(labels: NDArray[np.int32], reach_px: int) -> Pairs:
    """Say which numbers of a label image lie close to each other.

    Args:
        labels: Which mask each pixel belongs to, from 1, and 0 for none; (H, W).
        reach_px: How far apart they may lie along a row, a column or a diagonal, pixels.

    Returns:
        Pairs of numbers, the smaller first, int64, (N, 2), each once.
    """
    num_numbers = int(labels.max(initial=0)) + 1
    keys = []
    for step in sorted({1, max(reach_px, 1)}):
        for one, other in (
            (labels[step:], labels[:-step]),
            (labels[:, step:], labels[:, :-step]),
            (labels[step:, step:], labels[:-step, :-step]),
            (labels[step:, :-step], labels[:-step, step:]),
        ):
            differ = one != other
            first, second = one[differ].astype(np.int64), other[differ].astype(np.int64)
            key = np.minimum(first, second) * num_numbers + np.maximum(first, second)
            keys.append(np.unique(key[(first > 0) & (second > 0)]))
    found = np.unique(np.concatenate(keys))
    return np.stack([found // num_numbers, found % num_numbers], axis=1)


def colours_for(identities: Sequence[str], areas: Sequence[int], pairs: Pairs) -> list[Colour]:
    """Choose the colour of each mask.

    A mask asks for a colour by what it is, and not by its place in the list, so that it mostly
    keeps it when other masks come and go. The larger of two neighbours gets what it asks for.

    Args:
        identities: What tells a mask from the others, such as its run lengths.
        areas: Pixels of each.
        pairs: Which are neighbours, by their numbers from 1, (N, 2).

    Returns:
        Red, green, blue, 0 to 255, one a mask; those of neighbours differ.
    """
    wishes = [crc32(identity.encode("utf-8")) for identity in identities]
    neighbours: list[list[int]] = [[] for _ in wishes]
    for one, other in (pairs - 1).tolist():
        neighbours[one].append(other)
        neighbours[other].append(one)
    chosen = [-1] * len(wishes)
    for number in sorted(range(len(wishes)), key=lambda n: (-areas[n], wishes[n], n)):
        taken = {chosen[other] for other in neighbours[number]}
        chosen[number] = _free_colour(wishes[number], taken)
    return [_FAR_APART[place] if place < len(_FAR_APART) else colour_of(place) for place in chosen]


def _free_colour(wish: int, taken: set[int]) -> int:
    """Give the number of a colour that no neighbour has, of the palette while that suffices."""
    num_colours = len(PALETTE)
    for step in range(num_colours):
        place = (wish + step) % num_colours
        if place not in taken:
            return place
    return next(place for place in count(num_colours) if place not in taken)

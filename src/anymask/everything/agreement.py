"""Which masks of different tiles are one object: those that agree where both tiles see them."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anymask.everything.pieces import Pieces, overlap_of, within
from anymask.masks.boxes import IntBox
from anymask.masks.rle import Counts
from anymask.masks.run_sets import bounds, cut, intersection_area

# Of a fragment, the share that must lie in the mask it is a fragment of.
_INSIDE_SHARE = 0.9
# Masks of one tile that share more than this share of the smaller one are two things.
_SAME_PLACE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class _Part:
    """What one tile sees of a mask in the part of the picture that another tile sees too."""

    number: int
    counts: Counts
    box: IntBox
    area: int


@dataclass(frozen=True, slots=True, order=True)
class _Link:
    """Two masks that may be one: those of more sure ones first, then those that agree more."""

    num_unsure: int
    disagreement: float
    first: int
    second: int


def groups_of(pieces: Pieces, *, min_iou: float) -> list[list[int]]:
    """Group masks that are the same object.

    Two masks are linked if they agree where both tiles see them. Links are taken from the
    strongest on, unless one would put two different things of one tile into one group: so a whole
    is joined with the whole, and a part with the part. Where a mask finds no counterpart, but
    another tile sees it as several fragments that together make it up, it is linked with these.

    Args:
        pieces: What was found in each tile.
        min_iou: IoU of two masks, where both tiles see them, from which on they agree.

    Returns:
        Numbers of masks, every mask in one group.
    """
    grouping = _Grouping(pieces)
    links = [link for a, b in _seen_twice(pieces) for link in _links(pieces, a, b, min_iou)]
    matched: set[tuple[int, int]] = set()
    for link in sorted(links):
        if grouping.join([link.first, link.second]):
            _note(matched, pieces, link.first, link.second)
    # Cut anew rather than kept: together they would outgrow the memory.
    for a, b in _seen_twice(pieces):
        for parts, others in ((a, b), (b, a)):
            for numbers in _fragments(pieces, parts, others, matched, min_iou):
                grouping.join(numbers)
    return grouping.groups()


class _Grouping:
    """Groups that grow, none of which holds two different things of one tile."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._group = list(range(len(pieces)))
        self._members = {number: [number] for number in range(len(pieces))}

    def join(self, numbers: list[int]) -> bool:
        """Put all into one group, or leave all as they are; say whether they are in one."""
        places = sorted({self._group[number] for number in numbers})
        members = [number for place in places for number in self._members[place]]
        if len(places) > 1 and not self._is_consistent(places):
            return False
        for place in places[1:]:
            for number in self._members.pop(place):
                self._group[number] = places[0]
        self._members[places[0]] = members
        return True

    def groups(self) -> list[list[int]]:
        """Give the groups."""
        return list(self._members.values())

    def _is_consistent(self, places: list[int]) -> bool:
        tiles = self._pieces.rows["crop"]
        seen: dict[int, list[int]] = {}
        for place in places:
            for number in self._members[place]:
                earlier = seen.get(int(tiles[number]), [])
                others = [one for one in earlier if self._group[one] != place]
                if any(_is_same_place(self._pieces, number, other) for other in others):
                    return False
                seen.setdefault(int(tiles[number]), []).append(number)
        return True


def _is_same_place(pieces: Pieces, first: int, second: int) -> bool:
    """Say whether two masks of one tile share pixels, as fragments of one object do not."""
    if overlap_of(pieces.box_of(first), pieces.box_of(second)) is None:
        return False
    shared = intersection_area(pieces.counts_of(first), pieces.counts_of(second))
    smaller = min(pieces.rows["area"][first], pieces.rows["area"][second])
    return bool(shared > _SAME_PLACE_SHARE * smaller)


def _seen_twice(pieces: Pieces) -> Iterator[tuple[list[_Part], list[_Part]]]:
    """Give, for every two tiles that overlap, what each found there."""
    boxes = np.array([tile.box for tile in pieces.tiles]).reshape(-1, 4)
    tiles = pieces.rows["crop"]
    of_tile = [np.flatnonzero(tiles == number).tolist() for number in range(len(boxes))]
    for first in range(len(boxes)):
        starts = np.maximum(boxes[first, :2], boxes[first + 1 :, :2])
        ends = np.minimum(boxes[first, 2:], boxes[first + 1 :, 2:])
        for second in (np.flatnonzero((starts < ends).all(axis=1)) + first + 1).tolist():
            shared = overlap_of(pieces.tiles[first].box, pieces.tiles[second].box)
            if shared is not None:
                yield (
                    _parts(pieces, of_tile[first], shared),
                    _parts(pieces, of_tile[second], shared),
                )


def _parts(pieces: Pieces, numbers: list[int], shared: IntBox) -> list[_Part]:
    x0, y0, x1, y1 = shared
    size_hw = (y1 - y0, x1 - x0)
    parts = []
    for number in numbers:
        if overlap_of(pieces.box_of(number), shared) is None:
            continue
        tile = pieces.tile_of(number)
        counts = cut(pieces.counts_of(number), tile.size_hw, within(shared, tile))
        if area := int(counts[1::2].sum()):
            parts.append(_Part(number, counts, bounds(counts, size_hw), area))
    return parts


def _links(
    pieces: Pieces, first: list[_Part], second: list[_Part], min_iou: float
) -> Iterator[_Link]:
    for a in first:
        for b in second:
            if min(a.area, b.area) < min_iou * max(a.area, b.area):
                continue
            shared = _shared(a, b)
            iou = shared / (a.area + b.area - shared)
            if iou >= min_iou:
                num_unsure = 2 - int(pieces.is_sure[[a.number, b.number]].sum())
                yield _Link(num_unsure, 1 - iou, a.number, b.number)


def _shared(a: _Part, b: _Part) -> int:
    if overlap_of(a.box, b.box) is None:
        return 0
    return intersection_area(a.counts, b.counts)


def _note(matched: set[tuple[int, int]], pieces: Pieces, first: int, second: int) -> None:
    """Remember that each has a counterpart in the other's tile."""
    tiles = pieces.rows["crop"]
    matched |= {(first, int(tiles[second])), (second, int(tiles[first]))}


def _fragments(
    pieces: Pieces,
    parts: list[_Part],
    others: list[_Part],
    matched: set[tuple[int, int]],
    min_iou: float,
) -> Iterator[list[int]]:
    """Give masks with the fragments that another tile sees, because it cuts off what joins them.

    A mask that has a counterpart there may have more of them; of one that has none, they must make
    up what both tiles see.
    """
    if not parts or not others:
        return
    here = int(pieces.rows["crop"][parts[0].number])
    there = int(pieces.rows["crop"][others[0].number])
    is_loose = [
        (part.number, here) not in matched and pieces.is_cut(part.number) for part in others
    ]
    loose = sorted(itertools.compress(others, is_loose), key=lambda part: -part.area)
    for whole in parts:
        if not pieces.is_sure[whole.number]:
            continue
        inside = [part for part in loose if _is_inside(part, whole)]
        if (whole.number, there) in matched:
            yield from ([whole.number, part.number] for part in inside)
            continue
        apart = _apart(inside)
        if len(apart) > 1 and sum(part.area for part in apart) >= min_iou * whole.area:
            yield [whole.number, *(part.number for part in apart)]


def _is_inside(part: _Part, whole: _Part) -> bool:
    if part.area > whole.area / _INSIDE_SHARE:
        return False
    return _shared(part, whole) >= _INSIDE_SHARE * part.area


def _apart(parts: list[_Part]) -> list[_Part]:
    """Leave out parts that share pixels with an earlier one."""
    kept: list[_Part] = []
    for part in parts:
        if all(_shared(part, other) <= _SAME_PLACE_SHARE * part.area for other in kept):
            kept.append(part)
    return kept

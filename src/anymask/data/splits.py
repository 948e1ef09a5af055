"""Which pictures are held back: decided by name, so that every run and machine agrees."""

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from anymask.data.fingerprints import similar_pairs
from anymask.data.mixing import PictureSet
from anymask.data.picture import AnnotatedPicture

HELD_BACK_ONE_IN = 10
HELD_OUT_ONE_IN = 3


def is_validation(picture_name: str) -> bool:
    """Say whether a training picture is held back for validation.

    Args:
        picture_name: File name of the picture, with its suffix.
    """
    return zlib.crc32(picture_name.encode()) % HELD_BACK_ONE_IN == 0


class NamedSet(PictureSet, Protocol):
    """A set that knows its pictures' names without reading them."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures in order."""
        ...

    def name_of(self, index: int) -> str:
        """Give the name of one picture."""
        ...


class PrintedSet(NamedSet, Protocol):
    """A set that knows what its pictures look like and how many masks they have."""

    @property
    def fingerprints(self) -> NDArray[np.uint64]:
        """Fingerprints of the pictures, uint64, (N, 3)."""
        ...

    @property
    def index(self) -> NDArray[np.void]:
        """One row a picture, with a field "masks"."""
        ...


@dataclass(frozen=True, slots=True)
class PartOfSet:
    """Some pictures of a set.

    Attributes:
        whole: The set.
        indices: Which of its pictures.
    """

    whole: PictureSet
    indices: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of the set."""
        return self.whole.name

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> AnnotatedPicture:
        """Give one picture of the part."""
        return self.whole[self.indices[index]]


def split_by_name(sets: Iterable[NamedSet]) -> tuple[list[PartOfSet], list[PartOfSet]]:
    """Give the parts of sets that are for training, and the parts held back for validation.

    Args:
        sets: Sets whose pictures' names, with ".jpg", decide.
    """
    training, held_back = [], []
    for whole in sets:
        is_held = [is_validation(f"{name}.jpg") for name in whole.names]
        training.append(PartOfSet(whole, tuple(i for i, held in enumerate(is_held) if not held)))
        held_back.append(PartOfSet(whole, tuple(i for i, held in enumerate(is_held) if held)))
    return training, held_back


def hold_out(
    sets: Sequence[PrintedSet], one_in: int = HELD_OUT_ONE_IN
) -> tuple[list[PartOfSet], list[PartOfSet]]:
    """Give the parts of small sets that are for training, and the parts to be measured on.

    A share of the pictures with masks is held out, chosen by a hash of their names. Pictures that
    look the same, in whatever set, stay on one side, under the first of their names.

    Args:
        sets: Sets whose pictures' names decide.
        one_in: One picture in so many is held out, and always at least one.

    Returns:
        A part of every set for training, and one to be measured on. The latter are all empty if
        there is nothing to divide: one picture, or only pictures that look the same.
    """
    places = [(number, row) for number, whole in enumerate(sets) for row in range(len(whole))]
    groups: dict[int, list[tuple[int, int]]] = {}
    for place, first in zip(places, _first_alike(sets), strict=True):
        groups.setdefault(first, []).append(place)
    masked = [(_masked(sets, group), group) for group in groups.values()]
    masked = sorted((one for one in masked if one[0]), key=lambda one: _place_of(sets, one[1]))
    wanted = max(1, sum(number for number, _ in masked) // one_in)
    held: set[tuple[int, int]] = set()
    reached = 0
    for number, group in masked[:-1]:  # one group at least is left to learn from
        if reached == 0 or reached + number <= wanted:
            held.update(group)
            reached += number
    return _parts(sets, held, is_held=False), _parts(sets, held, is_held=True)


def _first_alike(sets: Sequence[PrintedSet]) -> list[int]:
    """Give for each picture of all sets, in order, one that stands for all it looks like."""
    prints = [np.empty((0, 3), np.uint64), *(whole.fingerprints for whole in sets)]
    joined = np.concatenate(prints)
    first = list(range(len(joined)))

    def root(place: int) -> int:
        while first[place] != place:
            first[place] = first[first[place]]
            place = first[place]
        return place

    for pair in similar_pairs(joined):
        one, other = sorted((root(pair.first), root(pair.second)))
        first[other] = one
    return [root(place) for place in range(len(first))]


def _masked(sets: Sequence[PrintedSet], group: Sequence[tuple[int, int]]) -> int:
    """Give how many pictures of a group have masks."""
    return sum(int(sets[number].index[row]["masks"]) > 0 for number, row in group)


def _place_of(sets: Sequence[PrintedSet], group: Sequence[tuple[int, int]]) -> bytes:
    """Give a group's place in the order of being held out: chance, but always the same."""
    name = min(sets[number].name_of(row) for number, row in group)
    # A checksum would choose numbered pictures in a regular pattern.
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()


def _parts(
    sets: Sequence[PrintedSet], held: set[tuple[int, int]], *, is_held: bool
) -> list[PartOfSet]:
    return [
        PartOfSet(
            whole,
            tuple(row for row in range(len(whole)) if ((number, row) in held) == is_held),
        )
        for number, whole in enumerate(sets)
    ]


def spread(
    sets: Sequence[PictureSet], wanted: int, *, needs_masks: bool = True
) -> tuple[AnnotatedPicture, ...]:
    """Give some pictures, taken from all sets in turn, always the same ones.

    Args:
        sets: Sets of pictures.
        wanted: How many at most.
        needs_masks: Whether pictures without masks are passed over.
    """
    chosen: list[AnnotatedPicture] = []
    for row in range(max((len(group) for group in sets), default=0)):
        for group in sets:
            if len(chosen) == wanted:
                return tuple(chosen)
            if row < len(group) and ((picture := group[row]).runs or not needs_masks):
                chosen.append(picture)
    return tuple(chosen)

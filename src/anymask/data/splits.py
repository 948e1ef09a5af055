"""Which pictures are held back: decided by name, so that every run and machine agrees."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from anymask.data.mixing import PictureSet
from anymask.data.picture import AnnotatedPicture

HELD_BACK_ONE_IN = 10


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


def spread(sets: Sequence[PictureSet], wanted: int) -> tuple[AnnotatedPicture, ...]:
    """Give some pictures with masks, taken from all sets in turn, always the same ones.

    Args:
        sets: Sets of pictures.
        wanted: How many at most.
    """
    chosen: list[AnnotatedPicture] = []
    for row in range(max((len(group) for group in sets), default=0)):
        for group in sets:
            if len(chosen) == wanted:
                return tuple(chosen)
            if row < len(group) and (picture := group[row]).runs:
                chosen.append(picture)
    return tuple(chosen)

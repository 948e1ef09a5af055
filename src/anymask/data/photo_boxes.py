"""Boxes of a detector, kept by picture, and which of them belong to a photo."""

import math
import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from anymask.data.readers.listing import PICTURE_SUFFIXES
from anymask.errors import InputError
from anymask.image import display_name
from anymask.masks.problem import Problem

# COCO's own files are named so; others whose name is a number are that number.
_NUMBERED = re.compile(r"(?:COCO_\w+?_)?(\d{1,18})", re.ASCII)
_NUM_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One box that a detector found.

    Attributes:
        box: Corners (x0, y0, x1, y1), pixels of the upright photo, as the detector gave them.
        label: What it is called.
        score: How sure the detector is, or None.
    """

    box: tuple[float, float, float, float]
    label: str
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedPicture:
    """A picture as the detector's file knows it.

    Attributes:
        name: Its file name, or only its stem, "/" between folders; or None.
        number: Its id, where that is a whole number; or None.
        size_hw: The size the boxes are made for, pixels; None where the file does not say.
    """

    name: str | None = None
    number: int | None = None
    size_hw: tuple[int, int] | None = None

    @property
    def shown(self) -> str:
        """What to call it."""
        return f"image {self.number}" if self.name is None else display_name(self.name)[:80]


@dataclass(slots=True)
class BoxRows:
    """Boxes as they are read, in the order of the file."""

    picture: "array[int]" = field(default_factory=lambda: array("q"))
    label: "array[int]" = field(default_factory=lambda: array("q"))
    corners: "array[float]" = field(default_factory=lambda: array("d"))
    score: "array[float]" = field(default_factory=lambda: array("d"))
    place: "array[int]" = field(default_factory=lambda: array("q"))

    def add(
        self,
        picture: int,
        label: int,
        numbers: tuple[float, float, float, float, float],
        place: int,
    ) -> None:
        """Add a box.

        Args:
            picture: Place of its picture.
            label: Place of its class.
            numbers: x0, y0, x1, y1, and the score, not a number where there is none.
            place: Which record or line it is.
        """
        self.picture.append(picture)
        self.label.append(label)
        self.corners.extend(numbers[:4])
        self.score.append(numbers[4])
        self.place.append(place)


@dataclass(frozen=True, kw_only=True)
class Detections:
    """What a detector's file says of all its pictures.

    Attributes:
        source: The file, as it may be shown.
        pictures: Its pictures.
        labels: The names of its classes.
        categories: The same in the order of their numbers, with those that no box has.
        numbers: Ids of classes by name, where the file gives them.
        rows: Its boxes.
        is_normalized: Whether corners run from 0 to 1 instead of pixels.
        fits_any: Whether it is the text of one photo and does not say of which.
        problems: What could not be read; `place` is the record.
    """

    source: str
    pictures: tuple[DetectedPicture, ...]
    labels: tuple[str, ...]
    rows: BoxRows
    categories: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    is_normalized: bool = False
    fits_any: bool = False
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.rows.picture)

    def on(self, photo_name: str, size_hw: tuple[int, int]) -> tuple[Detection, ...]:
        """Give the boxes of a photo; none if the file does not know it.

        A photo is known by its file name with or without folders, by its stem, or by an id that
        is its name's number (000000000139.jpg is image 139).

        Args:
            photo_name: File name of the photo, with as many of its folders as are known.
            size_hw: Height and width of the upright photo, pixels.

        Returns:
            The usable boxes in the order of the file.

        Raises:
            InputError: If several pictures of the file fit equally well, or the boxes are made
                for another size.
        """
        return self._split(photo_name, size_hw)[0]

    def number_of(self, photo_name: str) -> int | None:
        """Give the id under which the file knows a photo; None if it does not, or has no ids.

        Args:
            photo_name: As for `on`.

        Raises:
            InputError: If several pictures of the file fit equally well.
        """
        found = None if self.fits_any else self._find(photo_name)
        return None if found is None else self.pictures[found].number

    def misfits(self, photo_name: str, size_hw: tuple[int, int]) -> tuple[Problem, ...]:
        """Say which boxes of a photo lie wholly outside it.

        Args:
            photo_name: As for `on`.
            size_hw: Likewise.

        Returns:
            One problem a box, code "outside"; `place` is the record.

        Raises:
            InputError: As for `on`.
        """
        return self._split(photo_name, size_hw)[1]

    def unmatched(self, photo_names: Iterable[str]) -> tuple[str, ...]:
        """Say which pictures of the file are none of these photos.

        Args:
            photo_names: File names of all photos there are.

        Returns:
            Names as they may be shown, in the order of the file.

        Raises:
            InputError: If several pictures fit a photo equally well.
        """
        if self.fits_any:
            return ()
        found = {self._find(name) for name in photo_names}
        return tuple(
            picture.shown for place, picture in enumerate(self.pictures) if place not in found
        )

    def _split(
        self, photo_name: str, size_hw: tuple[int, int]
    ) -> tuple[tuple[Detection, ...], tuple[Problem, ...]]:
        found = 0 if self.fits_any else self._find(photo_name)
        if found is None:
            return (), ()
        self._check_size(self.pictures[found], photo_name, size_hw)
        order, begins = self._by_picture
        (height, width), usable, outside = size_hw, list[Detection](), list[Problem]()
        scale = (width, height) * 2 if self.is_normalized else (1, 1, 1, 1)
        for row in order[begins[found] : begins[found + 1]].tolist():
            x0, y0, x1, y1 = (
                corner * factor
                for corner, factor in zip(
                    self.rows.corners[4 * row : 4 * row + 4], scale, strict=True
                )
            )
            if min(x1, y1) <= 0 or x0 >= width or y0 >= height:
                outside.append(self._outside((x0, y0, x1, y1), row, size_hw))
                continue
            score = self.rows.score[row]
            usable.append(
                Detection(
                    box=(x0, y0, x1, y1),
                    label=self.labels[self.rows.label[row]],
                    score=None if math.isnan(score) else score,
                )
            )
        return tuple(usable), tuple(outside)

    def _outside(
        self, box: tuple[float, float, float, float], row: int, size_hw: tuple[int, int]
    ) -> Problem:
        corners = ", ".join(f"{corner:g}" for corner in box)
        return Problem(
            code="outside",
            message=f"box ({corners}) lies outside {size_hw[1]}×{size_hw[0]}",
            hint="check for which picture it was made",
            place=f"{'line' if self.is_normalized else 'record'} {self.rows.place[row]}",
        )

    def _check_size(
        self, picture: DetectedPicture, photo_name: str, size_hw: tuple[int, int]
    ) -> None:
        if picture.size_hw is None or picture.size_hw == size_hw:
            return
        height, width = picture.size_hw
        hint = "run the detector on this photo"
        if (width, height) == size_hw:
            hint = "run the detector on the upright photo"
        raise InputError(
            f"{display_name(photo_name)}: is {size_hw[1]}×{size_hw[0]}, but its boxes in "
            f"{self.source} are for {width}×{height}",
            hint=hint,
        )

    def _find(self, photo_name: str) -> int | None:
        """Give the place of the picture that is the photo."""
        path = PurePosixPath(photo_name.replace("\\", "/"))
        by_name, by_stem, by_number = self._index
        fitting = by_name.get(path.name) or by_name.get(path.stem) or by_stem.get(path.stem)
        if fitting is None:
            number = _NUMBERED.fullmatch(path.stem)
            fitting = by_number.get(int(number[1])) if number else None
        if fitting is None or len(fitting) == 1:
            return fitting[0] if fitting else None
        # Of pictures of one name, the one most of whose folders are the photo's.
        shared = [_num_shared(path, self.pictures[place].name) for place in fitting]
        best = [place for place, num in zip(fitting, shared, strict=True) if num == max(shared)]
        if len(best) == 1:
            return best[0]
        names = ", ".join(self.pictures[place].shown for place in best[:_NUM_SHOWN])
        raise InputError(
            f"{display_name(photo_name)}: {len(best)} pictures of {self.source} have its name: "
            f"{names}",
            hint="give the boxes of one folder at a time",
        )

    @cached_property
    def _index(self) -> tuple[dict[str, list[int]], dict[str, list[int]], dict[int, list[int]]]:
        """Places of pictures by file name, by stem and by number."""
        by_name, by_stem = dict[str, list[int]](), dict[str, list[int]]()
        by_number = dict[int, list[int]]()
        for place, picture in enumerate(self.pictures):
            if picture.name is not None:
                path = PurePosixPath(picture.name.replace("\\", "/"))
                by_name.setdefault(path.name, []).append(place)
                if path.suffix.lower() in PICTURE_SUFFIXES:
                    by_stem.setdefault(path.stem, []).append(place)
            if picture.number is not None:
                by_number.setdefault(picture.number, []).append(place)
        return by_name, by_stem, by_number

    @cached_property
    def _by_picture(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows sorted by picture, and where each picture's begin and the last's end."""
        owner = np.array(self.rows.picture, dtype=np.int64)
        order = np.argsort(owner, kind="stable")
        begins = np.searchsorted(owner[order], np.arange(len(self.pictures) + 1))
        return order, begins


def _num_shared(path: PurePosixPath, name: str | None) -> int:
    """Count the folders at the end that two names share."""
    mine, other = path.parts[-2::-1], PurePosixPath((name or "").replace("\\", "/")).parts[-2::-1]
    num = 0
    for one, two in zip(mine, other, strict=False):
        if one != two:
            break
        num += 1
    return num

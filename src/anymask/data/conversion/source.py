"""What is converted: pictures with their objects, one after the other, and rows for the bad."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from anymask.data.opening import size_differs
from anymask.data.readers.listing import PICTURE_SUFFIXES, split_suffix, walk
from anymask.data.readers.naming import leaves_folder
from anymask.data.sample_record import BadSample
from anymask.errors import InputError
from anymask.image import display_name
from anymask.image.size import PictureSize, picture_size
from anymask.masks.annotation import AnnotatedPicture, Losses
from anymask.masks.problem import Problem

_RECEIPT = ".receipt.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where annotations are read.

    Attributes:
        path: The file or folder.
        images: The folder of the pictures, if someone named it.
        target: Where the result goes; what lies there is not read.
    """

    path: Path
    images: Path | None = None
    target: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSet:
    """Annotations of one form, opened.

    Attributes:
        items: Pictures with their objects, and rows for what cannot be used.
        categories: Names in the order of their numbers, as far as they are known before.
        numbers: Ids of classes by name, where the file gives them.
        left_out: What was left out on purpose, counted while reading.
    """

    items: Iterator[AnnotatedPicture | BadSample]
    categories: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    left_out: Losses = field(default_factory=Losses)


def files_of(place: Place, suffixes: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Give the files of a kind below a folder, or the one file that was named.

    They are listed before anything is written.

    Args:
        place: Where to look; receipts and what lies in the target are passed over.
        suffixes: What their names end in, lower case.

    Returns:
        Folder relative to `place.path` ("" for itself) and name of each, by folder and name.

    Raises:
        DataError: If a folder cannot be listed.
    """
    if not place.path.is_dir():
        return (("", place.path.name),)
    target = None if place.target is None else os.path.realpath(place.target)
    is_same = target == os.path.realpath(place.path)
    found: list[tuple[str, str]] = []
    for inside, names in walk(place.path):
        folder = os.path.realpath(place.path / inside)
        is_target = target is not None and f"{folder}{os.sep}".startswith(f"{target}{os.sep}")
        if is_target and not is_same:
            continue
        found += [
            (inside, name)
            for name in names
            if split_suffix(name)[1] in suffixes and not name.endswith(_RECEIPT)
        ]
    return tuple(found)


def root_of(place: Place) -> Path:
    """Give the folder that files are relative to.

    Args:
        place: A folder, or a file in it.
    """
    return place.path if place.path.is_dir() else place.path.parent


def find_picture(folders: tuple[Path, ...], stem: str) -> str | None:
    """Find a picture by its name without a suffix.

    Args:
        folders: Where to look.
        stem: Relative name, "/" between folders.

    Returns:
        Its relative name, or None.
    """
    for folder in folders:
        for suffix in PICTURE_SUFFIXES:
            for name in (f"{stem}{suffix}", f"{stem}{suffix.upper()}"):
                if os.path.isfile(folder / name):  # noqa: PTH113 (never raises, however odd)
                    return name
    return None


def measure(
    folders: tuple[Path, ...], file_name: str, *, is_needed: bool
) -> PictureSize | Problem | None:
    """Measure a picture, if it is at hand.

    Args:
        folders: Where to look.
        file_name: Its relative name.
        is_needed: Whether it must be at hand.

    Returns:
        Its upright size; None where it is not at hand and not needed; or what is wrong, with
        code "path-leaves-folder", "no-picture" or "unreadable-picture".
    """
    if leaves_folder(file_name):
        return Problem(
            code="path-leaves-folder",
            message=f"file_name {display_name(file_name)[:80]} leads out of the picture folder",
            hint="write it relative to the picture folder",
        )
    for folder in folders:
        file = folder / file_name
        if not os.path.isfile(file):  # noqa: PTH113 (never raises, however odd the name)
            continue
        try:
            return picture_size(file)
        except InputError as error:
            message = error.message.removeprefix(f"{display_name(file)}: ")
            return Problem(
                code="unreadable-picture",
                message=f"its picture {message}",
                hint=error.hint or "give a picture that opens",
            )
    if not is_needed:
        return None
    where = f"none of {len(folders)} folders" if len(folders) != 1 else display_name(folders[0])
    return Problem(
        code="no-picture",
        message=f"picture {display_name(file_name)[:80]} was found in {where}"
        if len(folders) > 1
        else f"has no picture {display_name(file_name)[:80]} in {where}",
        hint="name the folder of the pictures",
    )


def settled_size(
    told_hw: tuple[int, int] | None, measured: PictureSize | None
) -> tuple[int, int] | Problem | None:
    """Hold the size that a file tells against the picture's own.

    Args:
        told_hw: What the file says, pixels.
        measured: What the picture says.

    Returns:
        The size, None if nobody knows it; or a problem with code "size-differs".
    """
    if measured is None or told_hw is None or told_hw == measured.size_hw:
        return told_hw if measured is None else measured.size_hw
    message, hint = size_differs(told_hw, measured.size_hw, measured.orientation)
    return Problem(code="size-differs", message=message, hint=hint)

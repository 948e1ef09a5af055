"""Folders of one JSON a picture, opened: SA-1B and labelme."""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from anymask.data.conversion.source import (
    OpenedSet,
    Place,
    files_of,
    find_picture,
    measure,
    root_of,
    settled_size,
)
from anymask.data.readers.listing import split_suffix
from anymask.data.readers.naming import leaves_folder, set_name_of
from anymask.data.readers.problem import bad_row
from anymask.data.readers.sa1b_record import unreadable
from anymask.data.sample_record import BadSample
from anymask.image import display_name
from anymask.masks.annotation import AnnotatedPicture, Losses
from anymask.masks.forms.labelme import labelme_record, read_labelme
from anymask.masks.forms.sa1b import read_sa1b, sa1b_record
from anymask.masks.problem import Problem
from anymask.masks.segmentation import image_size

_Found = tuple[AnnotatedPicture, tuple[Problem, ...]] | Problem
_ReadText = Callable[[bytes, str, str], _Found]


def open_sa1b(place: Place) -> OpenedSet:
    """Open a folder of SA-1B records and the folders below it, or one record.

    Args:
        place: The folder or file; pictures lie beside the records, or in `place.images`.

    Returns:
        Its pictures by folder and name. Codes of bad records: "unreadable", "bad-json",
        "bad-record", "path-leaves-folder", "no-picture", "unreadable-picture", "size-differs",
        "no-size" and those of `segmentation_runs`.

    Raises:
        DataError: If a folder cannot be listed.
    """

    def read(text: bytes, inside: str, stem: str) -> _Found:
        record = sa1b_record(text)
        if isinstance(record, Problem):
            return record
        told = record["image"].get("file_name")
        name = _picture_name(place, inside, stem, told)
        measured = measure(_folders(place), name, is_needed=place.images is not None)
        if isinstance(measured, Problem):
            return measured
        size_hw = settled_size(image_size(record["image"]), measured)
        if isinstance(size_hw, Problem):
            return size_hw
        if size_hw is not None:
            record["image"] |= {"height": size_hw[0], "width": size_hw[1]}
        return read_sa1b(record, name)

    return OpenedSet(items=_pictures(place, read))


def open_labelme(place: Place) -> OpenedSet:
    """Open a folder of labelme files and the folders below it, or one file.

    Args:
        place: The folder or file; pictures lie beside the files, or in `place.images`.

    Returns:
        Its pictures by folder and name; points and lines, which have no area, are left out and
        counted. Codes of bad records: "unreadable", "bad-json", "bad-record",
        "path-leaves-folder", "no-picture", "unreadable-picture" and those of `read_labelme`.

    Raises:
        DataError: If a folder cannot be listed.
    """
    left_out = Losses()

    def read(text: bytes, inside: str, stem: str) -> _Found:
        record = labelme_record(text)
        if isinstance(record, Problem):
            return record
        name = _picture_name(place, inside, stem, record.get("imagePath"))
        measured = measure(_folders(place), name, is_needed=place.images is not None)
        if isinstance(measured, Problem):
            return measured
        told = {"height": record.get("imageHeight"), "width": record.get("imageWidth")}
        if measured is not None and measured.orientation > 1:
            # Only here can it be that somebody drew on the picture before it was turned.
            turned = settled_size(image_size(told), measured)
            if isinstance(turned, Problem) and image_size(told) == measured.size_hw[::-1]:
                return turned
        found = read_labelme(record, name, None if measured is None else measured.size_hw)
        if isinstance(found, Problem):
            return found
        left_out.update(found[2])
        return found[0], found[1]

    return OpenedSet(items=_pictures(place, read), left_out=left_out)


def _pictures(place: Place, read: _ReadText) -> Iterator[AnnotatedPicture | BadSample]:
    root, set_name = root_of(place), set_name_of(place.path)
    for inside, name in files_of(place, (".json",)):
        file = root / inside / name
        shown = display_name(file)
        try:
            found = read(file.read_bytes(), inside, split_suffix(name)[0])
        except OSError as error:
            found = unreadable(error)
        if isinstance(found, Problem):
            yield bad_row(found, set_name, shown)
            continue
        for problem in found[1]:
            yield bad_row(problem, set_name, f"{shown}: {problem.place}")
        yield found[0]


def _folders(place: Place) -> tuple[Path, ...]:
    return (root_of(place) if place.images is None else place.images,)


def _picture_name(place: Place, inside: str, stem: str, told: object) -> str:
    """Give the picture's name relative to the folder, whether or not it is there."""
    prefix = f"{inside}/" if inside else ""
    if isinstance(told, str) and told:
        name = told.replace("\\", "/")
        if place.images is not None and leaves_folder(name):
            # The folder that somebody named knows better than a path of another machine.
            name = PurePosixPath(name).name
        return name if leaves_folder(name) else f"{prefix}{PurePosixPath(name)}"
    return find_picture(_folders(place), f"{prefix}{stem}") or f"{prefix}{stem}.jpg"

"""Masks in picture files, opened: a PNG a mask, label maps, Pascal VOC trees."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from anymask.data.conversion.source import (
    OpenedSet,
    Place,
    files_of,
    find_picture,
    measure,
    root_of,
)
from anymask.data.readers.label_pairs import label_folders
from anymask.data.readers.listing import split_suffix
from anymask.data.readers.naming import set_name_of
from anymask.data.readers.problem import bad_row
from anymask.data.readers.sa1b_record import unreadable
from anymask.data.sample_record import BadSample
from anymask.image import display_name
from anymask.masks.annotation import AnnotatedPicture
from anymask.masks.forms.label_map import read_label_map
from anymask.masks.forms.png import read_png
from anymask.masks.forms.voc import (
    CLASSES,
    OBJECTS,
    VOC_CATEGORIES,
    read_category_list,
    read_voc,
)
from anymask.masks.problem import Problem

_Size = tuple[int, int]
_Found = tuple[AnnotatedPicture, tuple[Problem, ...]] | Problem
_ReadFiles = Callable[[Mapping[str, bytes], str, _Size | None], _Found]

VOC_PICTURES, VOC_NAMES = "JPEGImages", "labelmap.txt"
# How `anymask segment` names its masks: photo.jpg.mask.png, photo.jpg.2.mask.png.
SEGMENTED = re.compile(r"(?P<picture>.+?\.[A-Za-z]+)(\.\d+)?\.mask\.png")
_MAPS = (".png", ".tif", ".tiff")
# A picture of that name would be the label map itself.
_NO_FOLDERS: tuple[Path, ...] = ()


def open_png(place: Place) -> OpenedSet:
    """Open masks of one PNG each: the folder a/b/ for the picture a/b.jpg.

    Files that `anymask segment` wrote are read too: photo.jpg.mask.png.

    Args:
        place: The folder.

    Returns:
        The pictures by name. Codes of bad files: "unreadable" and those of `read_png`.

    Raises:
        DataError: If a folder cannot be listed.
    """
    groups: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for inside, name in files_of(place, (".png",)):
        segmented = SEGMENTED.fullmatch(name)
        path = f"{inside}/{name}" if inside else name
        if segmented is not None:
            picture = f"{inside}/{segmented['picture']}" if inside else segmented["picture"]
            groups.setdefault(picture, []).append(path)
            names[picture] = picture
        elif inside:
            groups.setdefault(inside, []).append(path)
    folders = _NO_FOLDERS if place.images is None else (place.images,)
    for stem in groups:
        names.setdefault(stem, find_picture(folders, stem) or f"{stem}.jpg")
    items = ((names[stem], files) for stem, files in sorted(groups.items()))
    return OpenedSet(items=_pictures(place, root_of(place), items, folders, read_png))


def open_label_maps(place: Place) -> OpenedSet:
    """Open label maps: a/b.png for the picture a/b.jpg, one number an object.

    Args:
        place: The folder, or a folder with pictures in images/ and label maps in masks/ or
            another of the usual names.

    Returns:
        The pictures by name. Codes of bad files: "unreadable" and those of `read_label_map`.

    Raises:
        DataError: If a folder cannot be listed.
    """
    usual = label_folders(place.path) if place.path.is_dir() else None
    root = root_of(place) if not usual else usual[1]
    inner = place if not usual else Place(path=root, target=place.target)
    folders = _NO_FOLDERS if not usual else (usual[0],)
    folders = folders if place.images is None else (place.images,)

    def items() -> Iterator[tuple[str, list[str]]]:
        for inside, name in files_of(inner, _MAPS):
            path = f"{inside}/{name}" if inside else name
            stem = split_suffix(path)[0]
            yield find_picture(folders, stem) or f"{stem}.jpg", [path]

    def read(files: Mapping[str, bytes], file_name: str, size_hw: _Size | None) -> _Found:
        (data,) = files.values()
        return read_label_map(data, file_name, size_hw)

    return OpenedSet(items=_pictures(place, root, items(), folders, read))


def open_voc(place: Place) -> OpenedSet:
    """Open a Pascal VOC tree: SegmentationObject/ and SegmentationClass/.

    Args:
        place: The folder around both; names of the classes lie in its labelmap.txt, else they are
            VOC's own.

    Returns:
        The pictures by name. Codes of bad files: "unreadable" and those of `read_voc`.

    Raises:
        DataError: If a folder cannot be listed.
        OSError: If labelmap.txt cannot be read.
    """
    file = place.path / VOC_NAMES
    categories = read_category_list(file.read_bytes()) if file.is_file() else VOC_CATEGORIES
    usual = place.path / VOC_PICTURES
    folders = (place.images or usual,) if place.images or usual.is_dir() else _NO_FOLDERS
    groups: dict[str, list[str]] = {}
    for folder in (OBJECTS, CLASSES):
        if (place.path / folder).is_dir():
            inner = Place(path=place.path / folder, target=place.target)
            for inside, name in files_of(inner, (".png",)):
                path = f"{inside}/{name}" if inside else name
                groups.setdefault(split_suffix(path)[0], []).append(f"{folder}/{path}")

    def read(files: Mapping[str, bytes], file_name: str, size_hw: _Size | None) -> _Found:
        parts = {path.split("/")[0]: data for path, data in files.items()}
        return read_voc(
            file_name,
            categories,
            objects=parts.get(OBJECTS),
            classes=parts.get(CLASSES),
            size_hw=size_hw,
        )

    items = (
        (find_picture(folders, stem) or f"{stem}.jpg", files)
        for stem, files in sorted(groups.items())
    )
    return OpenedSet(
        items=_pictures(place, place.path, items, folders, read), categories=tuple(categories)
    )


def _pictures(
    place: Place,
    root: Path,
    items: Iterator[tuple[str, list[str]]],
    folders: tuple[Path, ...],
    read: _ReadFiles,
) -> Iterator[AnnotatedPicture | BadSample]:
    """Read pictures, each with the files that hold its masks."""
    set_name = set_name_of(place.path)
    for file_name, paths in items:
        shown = display_name(root / paths[0])
        measured = measure(folders, file_name, is_needed=place.images is not None)
        if isinstance(measured, Problem):
            yield bad_row(measured, set_name, shown)
            continue
        try:
            files = {path: (root / path).read_bytes() for path in paths}
        except OSError as error:
            yield bad_row(unreadable(error), set_name, shown)
            continue
        found = read(files, file_name, None if measured is None else measured.size_hw)
        if isinstance(found, Problem):
            yield bad_row(found, set_name, shown)
            continue
        for problem in found[1]:
            where = problem.place if problem.place in files else ""
            named = display_name(root / where) if where else f"{shown}: {problem.place}"
            yield bad_row(problem, set_name, named)
        yield found[0]

"""COCO and panoptic files of any size, opened: one picture's records in memory at a time."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from anymask.data.conversion.source import OpenedSet, Place, measure, settled_size
from anymask.data.readers.coco_index import index_coco
from anymask.data.readers.coco_pictures import picture_folders, picture_names
from anymask.data.readers.coco_source import CocoSource, misfits, repeated_images, shown_id
from anymask.data.readers.json_stream import read_element
from anymask.data.readers.naming import set_name_of
from anymask.data.readers.problem import bad_row
from anymask.data.sample_record import BadSample
from anymask.image import display_name
from anymask.masks.annotation import AnnotatedPicture, Annotation, Losses
from anymask.masks.forms.coco import read_coco
from anymask.masks.forms.panoptic import read_panoptic
from anymask.masks.problem import Problem
from anymask.masks.segmentation import image_size

_Size = tuple[int, int]
_Found = tuple[AnnotatedPicture, tuple[Problem, ...]] | Problem
_ReadPicture = Callable[[str, _Size | None, list[Any]], _Found]

_REPEATED_IMAGE = Problem(
    code="duplicate-image-id",
    message="another image has the same id",
    hint="give every image an id of its own",
)
_REPEATED_CATEGORY = Problem(
    code="duplicate-category-id",
    message="an earlier category has the same id",
    hint="give every category an id of its own",
)
_BAD_CATEGORY = Problem(
    code="bad-record", message="its id is no number and no text", hint="number the categories"
)
_REPEATED_RECORD = Problem(
    code="duplicate-annotation",
    message="an earlier record of the annotations is of the same image",
    hint="keep one record an image",
)
_NO_NAME = Problem(
    code="bad-record", message="has no file_name", hint="add it to the record of the image"
)
_NO_SIZE = Problem(
    code="no-size",
    message="has no height and width, and its picture is not at hand",
    hint="name the folder of the pictures",
)
_NO_RECORD = Problem(
    code="no-annotation",
    message="has no record in the annotations",
    hint="add it or remove the image",
)


def open_coco(place: Place) -> OpenedSet:
    """Open a COCO or LVIS file.

    Args:
        place: The JSON file, or its folder.

    Returns:
        Its pictures in the order of the file. Codes of bad records: those of `read_coco` of the
        training readers, "unknown-category", "duplicate-category-id", "no-size", "size-differs",
        "unreadable-picture".

    Raises:
        DataError: If the file cannot be read, is not whole JSON (line and column are named), or
            is no COCO file.
    """
    source, names, bad = _indexed(place.path)

    def read(file_name: str, size_hw: _Size | None, records: list[Any]) -> _Found:
        return _objects(file_name, size_hw, records, names)

    left_out = Losses({"repeated category names": len(names) - len(set(names.values()))})
    return OpenedSet(
        items=chain(bad, _pictures(place, source, read)),
        categories=tuple(dict.fromkeys(names.values())),
        # Of several ids of one name the first.
        numbers={name: key for key, name in reversed(names.items()) if isinstance(key, int)},
        left_out=+left_out,
    )


def open_panoptic(place: Place) -> OpenedSet:
    """Open a panoptic file; its PNGs lie in the folder of its name, or beside it.

    Args:
        place: The JSON file.

    Returns:
        Its pictures in the order of the file. Codes of bad records: as for `open_coco`, and
        "no-annotation", "duplicate-annotation", "unreadable" and those of `read_panoptic`.

    Raises:
        DataError: As for `open_coco`.
    """
    source, names, bad = _indexed(place.path)
    folders = (place.path.with_suffix(""), place.path.parent)
    numbers = {key: name for key, name in names.items() if isinstance(key, int)}

    def read(file_name: str, size_hw: _Size | None, records: list[Any]) -> _Found:
        if not records:
            return _NO_RECORD
        data = _png_of(records[0], folders)
        if isinstance(data, Problem):
            return data
        found = read_panoptic(data, records[0], numbers, file_name, size_hw)
        if isinstance(found, Problem):
            return found
        # Ids of segments are unique inside an image only.
        image = f"annotation of image {display_name(repr(records[0]['image_id']))[:80]}"
        problems = [one.within(f"{image}, {one.place}") for one in found[1]]
        problems += [_REPEATED_RECORD.within(image)] * (len(records) - 1)
        return found[0], tuple(problems)

    return OpenedSet(
        items=chain(bad, _pictures(place, source, read)),
        categories=tuple(dict.fromkeys(names.values())),
    )


def _indexed(path: Path) -> tuple[CocoSource, dict[object, str], list[BadSample]]:
    """Find all records of a file, and read the names of its categories; bad ones are listed."""
    index = index_coco(path, with_categories=True)
    # Closed with the descriptor's last owner: the generator that reads the pictures.
    file = os.open(path, os.O_RDONLY)
    names: dict[object, str] = {}
    bad: list[BadSample] = []
    shown, set_name = display_name(path), set_name_of(path)
    for _, offset, num_bytes in index.categories.tolist():
        record = read_element(file, offset, num_bytes)
        identity, name = record.get("id"), record.get("name")
        if isinstance(identity, float) and identity.is_integer():
            identity = int(identity)
        if not isinstance(identity, int | str):
            bad.append(bad_row(_BAD_CATEGORY, set_name, f"{shown}: category {shown_id(record)}"))
        elif identity in names:
            where = f"{shown}: category {shown_id(record)}"
            bad.append(bad_row(_REPEATED_CATEGORY, set_name, where))
        else:
            names[identity] = name if isinstance(name, str) and name else str(identity)
    return CocoSource(set_name=set_name, shown=shown, file=file, index=index), names, bad


def _pictures(
    place: Place, source: CocoSource, read: _ReadPicture
) -> Iterator[AnnotatedPicture | BadSample]:
    index = source.index
    folders = picture_folders(place.path, place.images)
    try:
        yield from misfits(source)
        usable = index.annotations[~(index.strangers() | index.repeated_annotations())]
        usable = usable[np.argsort(usable[:, 3], kind="stable")]
        begin = np.searchsorted(usable[:, 3], index.images[:, 0], side="left")
        end = np.searchsorted(usable[:, 3], index.images[:, 0], side="right")
        repeated = repeated_images(source)
        for place_in_file, (_, offset, num_bytes) in enumerate(index.images.tolist()):
            record = read_element(source.file, offset, num_bytes)
            shown = f"{source.shown}: image {shown_id(record)}"
            if place_in_file in repeated:
                yield bad_row(_REPEATED_IMAGE, source.set_name, shown)
                continue
            rows = usable[begin[place_in_file] : end[place_in_file]]
            records = (read_element(source.file, row[1], row[2]) for row in rows.tolist())
            found = _picture(place, record, folders, records, read)
            if isinstance(found, Problem):
                yield bad_row(found, source.set_name, shown)
                continue
            for problem in found[1]:
                where = f"{source.shown}: {problem.place or shown}"
                yield bad_row(problem, source.set_name, where)
            number = record.get("id")
            yield replace(found[0], number=number if isinstance(number, int) else None)
    finally:
        os.close(source.file)


def _picture(
    place: Place,
    record: Mapping[str, object],
    folders: tuple[Path, ...],
    records: Iterator[Any],
    read: _ReadPicture,
) -> _Found:
    names = picture_names(record)
    if not names:
        return _NO_NAME
    file_name = names[0].replace("\\", "/")
    measured = measure(folders, file_name, is_needed=place.images is not None)
    if isinstance(measured, Problem):
        return measured
    size_hw = settled_size(image_size(record), measured)
    if isinstance(size_hw, Problem):
        return size_hw
    return read(file_name, size_hw, list(records))


def _objects(
    file_name: str, size_hw: _Size | None, records: list[Any], names: Mapping[object, str]
) -> _Found:
    objects: list[Annotation] = []
    problems: list[Problem] = []
    for record in records:
        found = read_coco(record, size_hw, names)
        if isinstance(found, Problem):
            problems.append(found.within(f"annotation {shown_id(record)}"))
            continue
        # The first run-length code says what the image's record does not.
        size_hw = size_hw or (found.rle["size"][0], found.rle["size"][1])
        objects.append(found)
    if size_hw is None:
        return _NO_SIZE
    picture = AnnotatedPicture(file_name=file_name, size_hw=size_hw, objects=tuple(objects))
    return picture, tuple(problems)


def _png_of(record: Mapping[str, object], folders: tuple[Path, ...]) -> bytes | Problem:
    name = record.get("file_name")
    measured = measure((), name, is_needed=False) if isinstance(name, str) and name else _NO_NAME
    if isinstance(measured, Problem):
        return measured
    for folder in folders:
        file = folder / str(name)
        if os.path.isfile(file):  # noqa: PTH113 (never raises, however odd the name)
            try:
                return file.read_bytes()
            except OSError as error:
                return Problem(
                    code="unreadable",
                    message=f"its PNG cannot be read ({error.strerror or error})",
                    hint="check the file and its permissions",
                )
    return Problem(
        code="no-labels",
        message=f"its PNG {display_name(str(name))[:80]} was found in none of 2 folders",
        hint=f"put it into {display_name(folders[0].name)}/ beside the JSON",
    )

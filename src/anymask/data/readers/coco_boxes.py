"""Boxes in COCO's JSON files: results of a detector, or annotations with a bbox."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from anymask.data.photo_boxes import BoxRows, DetectedPicture, Detections
from anymask.data.readers.json_stream import (
    Element,
    read_element,
    stream_elements,
    stream_outer_list,
)
from anymask.errors import DataError
from anymask.image import display_name
from anymask.masks.annotation import UNNAMED
from anymask.masks.problem import Problem
from anymask.masks.segmentation import image_size

_Record = Mapping[str, Any]
_Numbers = tuple[float, float, float, float, float]

_NO_IMAGE = Problem(
    code="bad-record", message="is no record with an image_id", hint="write it again"
)
_CROWD = Problem(
    code="crowd", message="is a crowd, not one object", hint="leave it out or box one object"
)
_MOST = 1 << 63


def read_box_results(path: Path) -> Detections:
    """Read COCO results: a list of image_id, category_id, bbox (x, y, width, height) and score.

    Args:
        path: The JSON file; of any size, it is streamed.

    Returns:
        The boxes; bad records are problems: codes "bad-record" and "bad-box". Classes are called
        by "category_name" if there is one, else by their number.

    Raises:
        DataError: If the file cannot be read or is not whole JSON (line and column are named).
    """
    pictures: dict[object, int] = {}
    labels: dict[str, int] = {}
    ids: dict[str, int] = {}
    rows, problems = BoxRows(), list[Problem]()
    for place, record in enumerate(_records(path, stream_outer_list(path))):
        key = _key(record.get("image_id"))
        numbers = _NO_IMAGE if key is None else _numbers(record)
        if isinstance(numbers, Problem):
            problems.append(numbers.within(f"record {place}"))
            continue
        label = _label(record.get("category_name", record.get("category_id")))
        if isinstance(category := _key(record.get("category_id")), int):
            ids.setdefault(label, category)
        picture = pictures.setdefault(key, len(pictures))
        rows.add(picture, labels.setdefault(label, len(labels)), numbers, place)
    return Detections(
        source=display_name(path),
        pictures=tuple(
            DetectedPicture(number=key) if isinstance(key, int) else DetectedPicture(name=str(key))
            for key in pictures
        ),
        labels=tuple(labels),
        rows=rows,
        numbers=ids,
        problems=tuple(problems),
    )


def read_box_annotations(path: Path) -> Detections:
    """Read COCO annotations, of which each has a bbox.

    Args:
        path: The JSON file, of any size: it is streamed twice.

    Returns:
        The boxes; bad records are problems: codes "bad-record", "bad-box", "unknown-image-id",
        "unknown-category" and "crowd".

    Raises:
        DataError: If the file cannot be read, is not whole JSON (line and column are named), or
            has no images.
    """
    pictures: dict[object, DetectedPicture] = {}
    names: dict[object, str] = {}
    for record in _records(path, stream_elements(path, ("images",))):
        if (key := _key(record.get("id"))) is not None:
            name = record.get("file_name")
            pictures[key] = DetectedPicture(
                name=name if isinstance(name, str) and name else None,
                number=key if isinstance(key, int) else None,
                size_hw=image_size(record),
            )
    if not pictures:
        raise DataError(
            f"{display_name(path)}: holds no COCO results and no images with annotations",
            hint="write a list of image_id, category_id, bbox and score",
        )
    for record in _records(path, stream_elements(path, ("categories",))):
        names[_key(record.get("id"))] = _label(record.get("name", record.get("id")))
    rows, problems = _annotations(path, pictures, names)
    return Detections(
        source=display_name(path),
        pictures=tuple(pictures.values()),
        labels=tuple(names.values()) or (UNNAMED,),
        rows=rows,
        categories=tuple(dict.fromkeys(names.values())),
        # Of several ids of one name the first.
        numbers={name: key for key, name in reversed(names.items()) if isinstance(key, int)},
        problems=problems,
    )


def _annotations(
    path: Path, pictures: Mapping[object, DetectedPicture], names: Mapping[object, str]
) -> tuple[BoxRows, tuple[Problem, ...]]:
    image_place = {key: place for place, key in enumerate(pictures)}
    label_place = {key: place for place, key in enumerate(names)}
    rows, problems = BoxRows(), list[Problem]()
    for place, record in enumerate(_records(path, stream_elements(path, ("annotations",)))):
        identity = _key(record.get("id"))
        shown = f"annotations[{place}]"
        if identity is not None:
            shown = f"annotation {display_name(str(identity))[:80]}"
        image, category = _key(record.get("image_id")), _key(record.get("category_id"))
        numbers = _NO_IMAGE if image is None else _numbers(record)
        if image is not None and image not in image_place:
            numbers = _unknown("unknown-image-id", "image", record.get("image_id"))
        elif names and category not in label_place and not isinstance(numbers, Problem):
            numbers = _unknown("unknown-category", "category", record.get("category_id"))
        if isinstance(numbers, Problem):
            problems.append(numbers.within(shown))
            continue
        number = identity if isinstance(identity, int) else place
        rows.add(image_place[image], label_place.get(category, 0), numbers, number)
    return rows, tuple(problems)


def _records(path: Path, elements: Iterator[Element]) -> Iterator[_Record]:
    """Give records with their text as it is meant; what is no record is an empty one."""
    with path.open("rb") as file:
        for element in elements:
            record = element.value
            if not isinstance(record, dict):
                yield {}
            elif all(value.isascii() for value in record.values() if isinstance(value, str)):
                yield record
            else:
                yield read_element(file.fileno(), element.offset, element.num_bytes)


def _numbers(record: _Record) -> _Numbers | Problem:
    """Give the corners and the score, which is no number where there is none."""
    if record.get("iscrowd") in (1, True, "1"):
        return _CROWD
    box, score = record.get("bbox"), record.get("score")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        return _bad_box(f"its bbox is {box!r:.60}, not x, y, width and height")
    x, y, width, height = map(float, box)
    if width <= 0 or height <= 0:
        return _bad_box(f"its bbox is {width:g} wide and {height:g} high, which holds no pixel")
    if score is not None and not _is_number(score):
        return _bad_box(f"its score is {score!r:.40}, not a number")
    return x, y, x + width, y + height, math.nan if score is None else float(score)


def _is_number(value: object) -> bool:
    is_plain = isinstance(value, int | float) and not isinstance(value, bool)
    return is_plain and -_MOST < value < _MOST  # type: ignore[operator]  # nan is not between


def _key(identity: object) -> int | str | None:
    """Give an id by which records find each other: 7, 7.0 and "7" are one."""
    if isinstance(identity, bool) or not isinstance(identity, int | float | str):
        return None
    if isinstance(identity, float):
        return int(identity) if identity.is_integer() and abs(identity) < _MOST else None
    if isinstance(identity, str) and identity.isascii() and identity.isdigit():
        return int(identity) if len(identity) <= 18 and str(int(identity)) == identity else identity
    return identity if not isinstance(identity, int) or abs(identity) < _MOST else None


def _label(name: object) -> str:
    return UNNAMED if name is None or name == "" else str(name)


def _unknown(code: str, what: str, identity: object) -> Problem:
    shown = display_name(identity if isinstance(identity, str) else repr(identity))[:80]
    return Problem(
        code=code,
        message=f"its {what}_id {shown} is no {what} of the file",
        hint=f"add the {what} or remove the annotation",
    )


def _bad_box(message: str) -> Problem:
    return Problem(
        code="bad-box", message=display_name(message), hint="write bbox as x, y, width, height"
    )

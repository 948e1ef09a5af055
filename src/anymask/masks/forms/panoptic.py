"""Panoptic segmentation as COCO has it: a colour PNG of ids, and a JSON record of the segments.

The id of a pixel is red + 256 · green + 65,536 · blue; 0 is void.

Source: COCO panoptic segmentation format (Kirillov et al., Panoptic Segmentation, 2019).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import InputError
from anymask.masks.annotation import AnnotatedPicture, Annotation, Losses
from anymask.masks.atomic import shown_name
from anymask.masks.forms.label_map import noted_png
from anymask.masks.forms.painting import paint
from anymask.masks.forms.scores import finding_of, finding_record, score_of
from anymask.masks.forms.sized import size_problem
from anymask.masks.forms.stem import stem_of
from anymask.masks.label_image import decode_colours, runs_by_number
from anymask.masks.problem import Problem
from anymask.masks.rle import RLE, area, bbox, encode_runs

_Record = dict[str, Any]

_DUPLICATE = Problem(
    code="duplicate-segment-id",
    message="an earlier segment has the same id",
    hint="give every segment an id of its own",
)
_EMPTY = Problem(
    code="empty-mask", message="its mask holds no pixel", hint="leave it out or draw it"
)
_STRAY = Problem(
    code="no-segment",
    message="has pixels, but the record does not list it",
    hint="add it to segments_info or paint it 0",
)


def write_panoptic(
    picture: AnnotatedPicture, categories: Sequence[str], image_id: int
) -> tuple[dict[str, bytes], _Record, Losses]:
    """Write the objects of a picture as a panoptic PNG and its record.

    Args:
        picture: The picture and its objects. Where they overlap, the smaller is on top.
        categories: Names of the classes; category_id 1 is the first.
        image_id: Id of the picture in the JSON file.

    Returns:
        The file by its name, "a/b.png" for a/b.jpg; the record for the "annotations" of the JSON
        file, with area and box of what is visible; and what was lost. Scores and findings are
        written into the segments, where other programs pass them over.

    Raises:
        InputError: If a label is no category.
    """
    painting = paint(picture.objects, picture.size_hw)
    numbers = {label: number for number, label in reversed([*enumerate(categories, start=1)])}
    segments = []
    for number, runs in runs_by_number(painting.labels).items():
        one = picture.objects[number - 1]
        if one.label not in numbers:
            raise InputError(
                f"{shown_name(picture.file_name)}: its label {shown_name(one.label)} is no "
                f"category of the set",
                hint="add it to the categories",
            )
        segments.append(_segment(one, encode_runs(runs, picture.size_hw), number, numbers))
    name = f"{stem_of(picture.file_name)}.png"
    record = {"image_id": image_id, "file_name": name, "segments_info": segments}
    return {name: noted_png(_coloured(painting.labels), None)}, record, painting.losses


def read_panoptic(
    data: bytes,
    record: Mapping[str, object],
    names: Mapping[int, str],
    file_name: str,
    size_hw: tuple[int, int] | None = None,
) -> tuple[AnnotatedPicture, tuple[Problem, ...]] | Problem:
    """Read the segments of a picture from its panoptic PNG.

    Args:
        data: The bytes of the PNG.
        record: Its record in the "annotations" of the JSON file. Area and box are not looked at.
        names: Names of the categories by id.
        file_name: Name of the picture.
        size_hw: Height and width of the picture, pixels; None takes those of the PNG.

    Returns:
        The picture with its objects in the order of the record, and what is wrong with single
        segments: codes "bad-record", "duplicate-segment-id", "unknown-category", "empty-mask"
        and "no-segment" (pixels of an id that the record does not have); or what is wrong with
        the file, with code "bad-record", "size-differs" or one of `decode_colours`.
    """
    listed = record.get("segments_info")
    if not isinstance(listed, list):
        return _bad_record("has no list segments_info")
    values = decode_colours(data)
    if isinstance(values, Problem):
        return values
    ids = values.astype(np.int64) @ np.array([1, 1 << 8, 1 << 16])
    shape = (ids.shape[0], ids.shape[1])
    wrong = size_problem(shape, size_hw)
    if wrong is not None:
        return wrong
    runs = runs_by_number(ids)
    objects: list[Annotation] = []
    problems: list[Problem] = []
    seen: set[int] = set()
    for place, segment in enumerate(listed):
        told = _told(segment, place, names)
        identity = segment.get("id") if isinstance(segment, dict) else None
        if isinstance(told, Problem):
            problems.append(told)
        elif told[0] in seen:
            problems.append(_DUPLICATE.within(f"segment {told[0]}"))
        elif told[0] not in runs:
            problems.append(_EMPTY.within(f"segment {told[0]}"))
        else:
            objects.append(_object(segment, told[1], encode_runs(runs[told[0]], shape)))
        if isinstance(identity, int):
            seen.add(identity)
    problems.extend(_STRAY.within(f"segment {number}") for number in runs if number not in seen)
    picture = AnnotatedPicture(file_name=file_name, size_hw=shape, objects=tuple(objects))
    return picture, tuple(problems)


def _segment(one: Annotation, rle: RLE, number: int, numbers: Mapping[str, int]) -> _Record:
    segment: _Record = {
        "id": number,
        "category_id": numbers[one.label],
        "area": area(rle),
        "bbox": list(bbox(rle)),
        "iscrowd": int(one.is_crowd),
    }
    score = {} if one.score is None else {"score": one.score}
    return segment | score | finding_record(one.finding)


def _coloured(labels: NDArray[np.int64]) -> Image.Image:
    planes = [labels & 255, labels >> 8 & 255, labels >> 16]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))


def _told(segment: object, place: int, names: Mapping[int, str]) -> tuple[int, str] | Problem:
    """Give the id of a segment and its label."""
    if not isinstance(segment, dict) or type(segment.get("id")) is not int:
        return _bad_record("has no id").within(f"segments_info[{place}]")
    category = segment.get("category_id")
    if type(category) is not int or category not in names:
        wrong = Problem(
            code="unknown-category",
            message=f"its category_id {shown_name(repr(category))[:40]} is no category of the file",
            hint="add the category or remove the segment",
        )
        return wrong.within(f"segment {segment['id']}")
    return segment["id"], names[category]


def _object(segment: Mapping[str, object], label: str, rle: RLE) -> Annotation:
    return Annotation(
        rle=rle,
        label=label,
        score=score_of(segment.get("score")),
        is_crowd=segment.get("iscrowd") in (1, True, "1"),
        finding=finding_of(segment),
    )


def _bad_record(message: str) -> Problem:
    return Problem(code="bad-record", message=message, hint="write the record again")

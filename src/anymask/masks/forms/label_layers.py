"""Label layers: pictures of numbers that lose nothing where masks overlap, and a JSON about them.

For a/b.jpg these are a/b.layer1.png, whose pixels say who is on top, a/b.layer2.png with who lies
below, and so on, 16-bit PNGs or, above 65,535 masks, 32-bit TIFFs; and a/b.layers.json, of the form
of COCO's panoptic segmentation: "images", "categories" and one annotation with "segments_info".
Each segment's id is its number in the layers; area and box are those of the whole mask.

Source: COCO panoptic segmentation format (Kirillov et al., Panoptic Segmentation, 2019).
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import DataError
from anymask.masks.annotation import AnnotatedPicture, Annotation
from anymask.masks.atomic import shown_name
from anymask.masks.forms.scores import finding_of, finding_record, score_of
from anymask.masks.forms.sized import size_problem
from anymask.masks.forms.stem import stem_of
from anymask.masks.label_image import decode_label_image, unreadable
from anymask.masks.label_layers import Layer, Policy, label_map, masks_in
from anymask.masks.part_tree import part_tree
from anymask.masks.problem import Problem, json_problem
from anymask.masks.rle import RLE, area, bbox, encode_runs
from anymask.masks.segmentation import image_size

ENDING = ".layers.json"
"""What the name of the JSON file ends in."""

_Record = dict[str, Any]
_Found = tuple[AnnotatedPicture, tuple[Problem, ...]] | Problem

_DUPLICATE = Problem(
    code="duplicate-segment-id",
    message="an earlier segment has the same id",
    hint="give every segment an id of its own",
)
_EMPTY = Problem(
    code="empty-mask", message="no layer holds a pixel of it", hint="write the layers again"
)
_STRAY = Problem(
    code="no-segment",
    message="has pixels, but the record does not list it",
    hint="add it to segments_info or paint it 0",
)


def write_label_layers(
    picture: AnnotatedPicture, policy: Policy = "smallest"
) -> Iterator[tuple[str, bytes]]:
    """Write the objects of a picture as label layers.

    Args:
        picture: The picture and its objects.
        policy: Which object lies on top where they overlap; of equal ones the later.

    Yields:
        The files by their names, one layer at a time; the JSON, which makes them whole, last.

    Raises:
        InputError: If the policy is none, or needs scores that are not there.
    """
    objects = picture.objects
    codes, scores = [one.rle for one in objects], [one.score for one in objects]
    stem, names = stem_of(picture.file_name), list[str]()
    layers = label_map(codes, scores, picture.size_hw, policy).layers
    for number, layer in enumerate(layers, start=1):
        suffix = ".png" if layer.dtype == np.uint16 else ".tif"
        name = f"{stem}.layer{number}{suffix}"
        names.append(PurePosixPath(name).name)
        yield name, _layer_bytes(layer)
    record = _record(picture, names, policy)
    yield f"{stem}{ENDING}", f"{json.dumps(record)}\n".encode("ascii")


def layers_record(text: bytes) -> _Record | Problem:
    """Read the JSON of one picture so far that its parts are what they must be.

    Args:
        text: The file's bytes.

    Returns:
        The record: one image, one annotation with names of layers beside the file, and segments;
        or what is wrong, with code "bad-json" or "bad-record".
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        return json_problem(error)
    image, told = _first_of(record, "images"), _first_of(record, "annotations")
    if image is None or told is None or not isinstance(told.get("segments_info"), list):
        return _bad_record('has not one "images" and one "annotations" with "segments_info"')
    names = told.get("layers")
    if not isinstance(names, list) or not names:
        return _bad_record('its annotation has no list of "layers"')
    for name in names:
        # A name must not lead anywhere else.
        is_name = isinstance(name, str) and not set(name) & {"/", "\\", "\0", ":"}
        if not is_name or name in ("", ".", ".."):
            return _bad_record(f"its layer {shown_name(str(name))[:40]} is no name of a file")
    return {"image": image, "annotation": told, "categories": record.get("categories")}


def read_label_layers(
    record: Mapping[str, Any],
    read_file: Callable[[str], bytes],
    file_name: str,
    size_hw: tuple[int, int] | None = None,
) -> _Found:
    """Read the objects of a picture from its layers.

    Args:
        record: What `layers_record` gave.
        read_file: Gives the bytes of a layer by its name, or raises OSError.
        file_name: Name of the picture.
        size_hw: Height and width of the picture, pixels; None takes those of the record.

    Returns:
        The picture with its objects in the order of the record, and what is wrong with single
        segments: codes "bad-record", "duplicate-segment-id", "unknown-category", "empty-mask"
        and "no-segment"; or what is wrong with the files, with code "no-size", "size-differs",
        "overlapping-layers" or one of `decode_label_image`, the place being the layer.
    """
    told_hw = image_size(record["image"])
    if told_hw is None:
        return Problem(
            code="no-size",
            message="its image has no height and width",
            hint='add "height" and "width" to the image',
        )
    wrong = size_problem(told_hw, size_hw)
    if wrong is not None:
        return wrong
    masks = _masks(record["annotation"]["layers"], read_file, told_hw)
    if isinstance(masks, Problem):
        return masks
    names = _category_names(record["categories"])
    objects, problems, seen = list[Annotation](), list[Problem](), set[int]()
    for place, segment in enumerate(record["annotation"]["segments_info"]):
        found = _object(segment, place, masks, names, told_hw)
        number = segment.get("id") if isinstance(segment, dict) else None
        if isinstance(found, Problem):
            problems.append(found)
        elif number in seen:
            problems.append(_DUPLICATE.within(f"segment {number}"))
        else:
            objects.append(found)
        if type(number) is int:
            seen.add(number)
    problems += [_STRAY.within(f"segment {number}") for number in masks if number not in seen]
    number = record["image"].get("number")
    picture = AnnotatedPicture(
        file_name=file_name,
        size_hw=told_hw,
        objects=tuple(objects),
        number=number if type(number) is int else None,
    )
    return picture, tuple(problems)


def _layer_bytes(layer: Layer) -> bytes:
    buffer = io.BytesIO()
    if layer.dtype == np.uint16:
        Image.fromarray(layer).save(buffer, format="PNG")
    else:
        Image.fromarray(layer).save(buffer, format="TIFF", compression="tiff_adobe_deflate")
    return buffer.getvalue()


def _record(picture: AnnotatedPicture, names: list[str], policy: Policy) -> _Record:
    height, width = picture.size_hw
    labels = dict.fromkeys(one.label for one in picture.objects)
    numbers = {label: number for number, label in enumerate(labels, start=1)}
    tree = part_tree([one.rle for one in picture.objects])
    segments = []
    for place, one in enumerate(picture.objects):
        parent = tree.parents[place]
        segment: _Record = {
            "id": place + 1,
            "category_id": numbers[one.label],
            "area": area(one.rle),
            "bbox": list(bbox(one.rle)),
            "iscrowd": int(one.is_crowd),
            "parent": None if parent is None else parent + 1,
            "level": tree.levels[place],
        }
        score = {} if one.score is None else {"score": float(one.score)}
        segments.append(segment | score | finding_record(one.finding))
    image_id = 1 if picture.number is None else picture.number
    image: _Record = {"id": image_id, "width": width, "height": height}
    image["file_name"] = PurePosixPath(picture.file_name).name
    if picture.number is not None:
        image["number"] = picture.number
    annotation = {
        "image_id": image_id,
        "file_name": names[0],
        "layers": names,
        "policy": policy,
        "segments_info": segments,
    }
    categories = [{"id": number, "name": label} for label, number in numbers.items()]
    return {"images": [image], "annotations": [annotation], "categories": categories}


def _first_of(record: object, name: str) -> _Record | None:
    """Give the only record of a list, if it is one."""
    listed = record.get(name) if isinstance(record, dict) else None
    is_one = isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], dict)
    return listed[0] if is_one and isinstance(listed, list) else None


def _masks(
    names: list[str], read_file: Callable[[str], bytes], size_hw: tuple[int, int]
) -> dict[int, RLE] | Problem:
    wrong: list[Problem] = []

    def layers() -> Iterator[NDArray[np.int64]]:
        for name in names:
            found = _layer(read_file, name, size_hw)
            if isinstance(found, Problem):
                wrong.append(found.within(name))
                return
            yield found

    try:
        masks = masks_in(layers(), size_hw)
    except DataError as error:
        hint = error.hint or "write the layers again"
        return Problem(code="overlapping-layers", message=error.message, hint=hint)
    return wrong[0] if wrong else masks


def _layer(
    read_file: Callable[[str], bytes], name: str, size_hw: tuple[int, int]
) -> NDArray[np.int64] | Problem:
    try:
        image = decode_label_image(read_file(name))
    except OSError as error:
        return unreadable(error)
    if isinstance(image, Problem):
        return image
    labels = image.labels
    return size_problem((labels.shape[0], labels.shape[1]), size_hw) or labels


def _category_names(listed: object) -> dict[int, str]:
    rows = listed if isinstance(listed, list) else []
    return {
        row["id"]: row["name"]
        for row in rows
        if isinstance(row, dict) and type(row.get("id")) is int and isinstance(row.get("name"), str)
    }


def _object(
    segment: object,
    place: int,
    masks: Mapping[int, RLE],
    names: Mapping[int, str],
    size_hw: tuple[int, int],
) -> Annotation | Problem:
    number = segment.get("id") if isinstance(segment, dict) else None
    if not isinstance(segment, dict) or type(number) is not int or number < 1:
        return _bad_record("has no id from 1").within(f"segments_info[{place}]")
    category = segment.get("category_id")
    if type(category) is not int or category not in names:
        return Problem(
            code="unknown-category",
            message=f"its category_id {shown_name(repr(category))[:40]} is no category of the file",
            hint="add the category or remove the segment",
            place=f"segment {number}",
        )
    rle = masks.get(number)
    if rle is None and segment.get("area") == 0:
        rle = encode_runs(np.array([size_hw[0] * size_hw[1]]), size_hw)
    if rle is None:
        return _EMPTY.within(f"segment {number}")
    return Annotation(
        rle=rle,
        label=names[category],
        score=score_of(segment.get("score")),
        is_crowd=segment.get("iscrowd") in (1, True, "1"),
        finding=finding_of(segment),
    )


def _bad_record(message: str) -> Problem:
    return Problem(code="bad-record", message=message, hint="write the record again")

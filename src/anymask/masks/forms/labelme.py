"""labelme: one JSON a picture, a list of shapes; what polygons cannot say is a mask.

A polygon's corners are corners of pixels, so the pixels 0 to 8 are the square 0 to 9. An object
of several parts is several shapes with one group number. A shape "mask" is a small PNG, its two
points are its first and its last pixel. Source: labelme's published file format.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from anymask.masks import rle as codes
from anymask.masks.annotation import UNNAMED, AnnotatedPicture, Annotation, Losses
from anymask.masks.forms.labelme_shapes import MASK, POLYGON, mask_shape, shape_runs
from anymask.masks.forms.sized import pixels_problem
from anymask.masks.outlines import part_rings
from anymask.masks.plane import BoolMask
from anymask.masks.problem import Problem, json_problem
from anymask.masks.segmentation import image_size

_VERSION = "5.5.0"
_CROWD = "crowd"
_WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})


def write_labelme(picture: AnnotatedPicture) -> tuple[bytes, Losses]:
    """Write the file of one picture, to stand beside it.

    Args:
        picture: The picture and its objects.

    Returns:
        The JSON file's bytes, and how many scores, stability scores and empty masks it cannot hold.
    """
    height, width = picture.size_hw
    shapes, lost = list[dict[str, Any]](), Losses()
    for number, one in enumerate(picture.objects, start=1):
        mask = codes.decode(one.rle)
        if not mask.any():
            lost["empty masks"] += 1
            continue
        lost["scores"] += one.score is not None
        lost["stability scores"] += one.finding is not None
        shapes += [
            {
                "label": one.label,
                "points": points,
                "group_id": group,
                "description": "",
                "shape_type": POLYGON if encoded is None else MASK,
                "flags": {_CROWD: True} if one.is_crowd else {},
                "mask": encoded,
            }
            for points, group, encoded in _shapes(mask, number)
        ]
    content: dict[str, Any] = {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": PurePosixPath(picture.file_name).name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    return f"{json.dumps(content, indent=2)}\n".encode("ascii"), +lost


def read_labelme(
    record: Mapping[str, Any], file_name: str, size_hw: tuple[int, int] | None = None
) -> tuple[AnnotatedPicture, tuple[Problem, ...], Losses] | Problem:
    """Read the file of one picture.

    Args:
        record: What `labelme_record` gave.
        file_name: Name of the picture's file.
        size_hw: Size of the upright picture, pixels; None where it is not at hand, then the file
            is believed. Another size of the same ratio is scaled to it.

    Returns:
        The picture with the objects that can be read; what is wrong with the others, by their
        place: codes "bad-polygon", "bad-mask", "bad-shape", "size-differs", "empty-mask"; and
        how many points and lines, which have no area, were left out. Or why none can be read:
        "no-size", "too-large", "size-differs".
    """
    told_hw = image_size({"height": record.get("imageHeight"), "width": record.get("imageWidth")})
    size_hw = size_hw or told_hw
    if size_hw is None:
        return Problem(
            code="no-size",
            message="has no imageHeight and imageWidth, and its picture is not at hand",
            hint="name the folder of the pictures",
        )
    wrong = pixels_problem(size_hw)
    if wrong is not None:
        return wrong
    scale = _scale(told_hw or size_hw, size_hw)
    if isinstance(scale, Problem):
        return scale
    groups: dict[object, list[tuple[Mapping[str, Any], codes.Counts]]] = {}
    problems, left_out = [], Losses()
    for number, shape in enumerate(record["shapes"], start=1):
        kind = shape.get("shape_type") if isinstance(shape, Mapping) else None
        if kind in _WITHOUT_AREA:
            left_out["shapes without area"] += 1
            continue
        found = shape_runs(shape, size_hw, scale)
        if isinstance(found, Problem):
            problems.append(found.within(f"shape {number}"))
            continue
        group = shape.get("group_id")
        # Shapes of one group and one name are the parts of one object.
        key = (str(group), str(shape.get("label"))) if group is not None else number
        groups.setdefault(key, []).append((shape, found))
    objects = tuple(_annotation(parts, size_hw) for parts in groups.values())
    picture = AnnotatedPicture(file_name=file_name, size_hw=size_hw, objects=objects)
    return picture, tuple(problems), left_out


def labelme_record(text: bytes) -> dict[str, Any] | Problem:
    """Read the JSON of one picture so far that its parts are what they must be.

    Args:
        text: The file's bytes.

    Returns:
        The record, "shapes" being a list; or what is wrong, with code "bad-json" or "bad-record".
    """
    try:
        record: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        return json_problem(error)
    if isinstance(record, dict) and isinstance(record.get("shapes"), list):
        return record
    return Problem(
        code="bad-record",
        message='is no labelme file: "shapes" is missing',
        hint="check which format it is in",
    )


def _shapes(mask: BoolMask, number: int) -> list[tuple[list[list[int]], int | None, str | None]]:
    """Give points, group and PNG of each shape of an object: polygons where they are exact."""
    rings, num_holes = part_rings(mask)
    if num_holes:
        points, encoded = mask_shape(mask)
        return [(points, None, encoded)]
    group = number if len(rings) > 1 else None
    return [(ring.tolist(), group, None) for ring in rings]


def _annotation(
    parts: list[tuple[Mapping[str, Any], codes.Counts]], size_hw: tuple[int, int]
) -> Annotation:
    shape, runs = parts[0]
    if len(parts) > 1:
        united: BoolMask = np.logical_or.reduce(
            [codes.decode(codes.encode_runs(one, size_hw)) for _, one in parts]
        )
        runs = codes.counts_of(united)
    label, flags = shape.get("label"), shape.get("flags")
    return Annotation(
        rle=codes.encode_runs(runs, size_hw),
        label=label if isinstance(label, str) and label else UNNAMED,
        is_crowd=isinstance(flags, Mapping) and flags.get(_CROWD) is True,
    )


def _scale(told_hw: tuple[int, int], size_hw: tuple[int, int]) -> float | Problem:
    """Give what the points are to be multiplied with; both sides must agree on it."""
    if told_hw == size_hw:
        return 1.0
    scale = max(size_hw) / max(told_hw)
    is_same_ratio = all(
        abs(told * scale - side) < 1 for told, side in zip(told_hw, size_hw, strict=True)
    )
    if is_same_ratio:
        return scale
    return Problem(
        code="size-differs",
        message=f"imageWidth and imageHeight are {told_hw[1]}×{told_hw[0]}, but its picture is "
        f"{size_hw[1]}×{size_hw[0]}, of another ratio",
        hint="give the picture that the shapes were drawn on",
    )

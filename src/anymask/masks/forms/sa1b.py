"""SA-1B: one JSON a picture, masks as compressed run lengths, no names of objects.

Source: the published SA-1B data set: {"image": {"image_id", "width", "height", "file_name"},
"annotations": [{"id", "segmentation", "bbox", "area", "predicted_iou", "stability_score",
"crop_box", "point_coords"}]}.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from anymask.masks import rle as codes
from anymask.masks.annotation import UNNAMED, AnnotatedPicture, Annotation, Losses
from anymask.masks.forms.scores import finding_of, finding_record, score_of
from anymask.masks.problem import Problem, json_problem
from anymask.masks.segmentation import image_size, segmentation_runs

_NO_SIZE = Problem(
    code="no-size",
    message="its image has no height and width",
    hint='add "height" and "width" to "image"',
)


def write_sa1b(picture: AnnotatedPicture, *, image_id: int, first_id: int) -> tuple[bytes, Losses]:
    """Write the record of one picture, to stand beside it.

    Args:
        picture: The picture and its objects. A score becomes "predicted_iou".
        image_id: Number of the picture.
        first_id: Number of its first object; the others follow.

    Returns:
        The JSON file's bytes, and how many names and crowd marks it cannot hold.
    """
    height, width = picture.size_hw
    lost = Losses()
    annotations = []
    for number, one in enumerate(picture.objects, start=first_id):
        record: dict[str, Any] = {
            "id": number,
            "segmentation": {"size": [height, width], "counts": one.rle["counts"]},
            "bbox": [float(side) for side in codes.bbox(one.rle)],
            "area": codes.area(one.rle),
        }
        if one.score is not None:
            record["predicted_iou"] = one.score
        annotations.append(record | finding_record(one.finding))
        lost["names"] += one.label != UNNAMED
        lost["crowd marks"] += one.is_crowd
    name = PurePosixPath(picture.file_name).name
    image = {"image_id": image_id, "width": width, "height": height, "file_name": name}
    text = json.dumps({"image": image, "annotations": annotations})
    return f"{text}\n".encode("ascii"), +lost


def read_sa1b(
    record: Mapping[str, Any], file_name: str
) -> tuple[AnnotatedPicture, tuple[Problem, ...]] | Problem:
    """Read the record of one picture.

    Args:
        record: What `sa1b_record` gave.
        file_name: Name of the picture's file, which the record may not know.

    Returns:
        The picture with the objects that can be read, and what is wrong with the others, by id,
        with the codes of `segmentation_runs`; or, where nothing says its size, code "no-size".
    """
    size_hw = image_size(record["image"])
    objects, problems = [], []
    for number, annotation in enumerate(record["annotations"]):
        is_record = isinstance(annotation, Mapping)
        found = segmentation_runs(annotation.get("segmentation") if is_record else None, size_hw)
        if isinstance(found, Problem):
            problems.append(found.within(annotation_place(annotation, number)))
            continue
        counts, size_hw = found
        rle = codes.encode_runs(counts, size_hw)
        score = score_of(annotation.get("predicted_iou"))
        objects.append(Annotation(rle=rle, score=score, finding=finding_of(annotation)))
    if size_hw is None:
        return _NO_SIZE
    picture = AnnotatedPicture(file_name=file_name, size_hw=size_hw, objects=tuple(objects))
    return picture, tuple(problems)


def sa1b_record(text: bytes) -> dict[str, Any] | Problem:
    """Read the JSON of one picture so far that its parts are what they must be.

    Args:
        text: The file's bytes.

    Returns:
        The record: "image" is an object and "annotations" a list; or what is wrong, with code
        "bad-json" or "bad-record".
    """
    try:
        record: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        return json_problem(error)
    is_right = (
        isinstance(record, dict)
        and isinstance(record.get("image"), dict)
        and isinstance(record.get("annotations"), list)
    )
    if is_right:
        return record
    return Problem(
        code="bad-record",
        message='is no SA-1B record: "image" or "annotations" is missing',
        hint="check which format it is in",
    )


def annotation_place(annotation: object, number: int) -> str:
    """Say which annotation it is: by its id, else by its place in the list.

    Args:
        annotation: Its record.
        number: Its place, from 0.
    """
    identity = annotation.get("id") if isinstance(annotation, Mapping) else None
    return f"annotation #{number}" if identity is None else f"annotation {identity!r:.40}"

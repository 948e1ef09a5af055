"""COCO: what one annotation of the JSON file says.

Source: the published COCO data format. A "score" of an annotation is the one of COCO's result
files; files of ground truth have none. How a mask was found stands in the three fields that SA-1B
has for it.
"""

from collections.abc import Mapping
from typing import Any, Literal

from anymask.masks import rle as codes
from anymask.masks.annotation import UNNAMED, Annotation, Losses
from anymask.masks.forms.scores import finding_of, finding_record, score_of
from anymask.masks.outlines import Holes, part_rings
from anymask.masks.problem import Problem
from anymask.masks.segmentation import segmentation_runs

Segmentation = Literal["rle", "counts", "polygons"]
"""How masks are written: compressed run lengths, plain run lengths, or polygons."""

_NO_RECORD = Problem(code="bad-record", message="is no record", hint="remove it or write it again")


def write_coco(
    annotation: Annotation, *, segmentation: Segmentation = "rle", holes: Holes = "drop"
) -> tuple[dict[str, Any] | None, Losses]:
    """Write one annotation, as yet without the ids of itself, its image and its category.

    Args:
        annotation: The object.
        segmentation: How to write its mask; a crowd never becomes polygons.
        holes: What becomes of holes in polygons.

    Returns:
        "segmentation", "area", "bbox" (x, y, width, height), "iscrowd" and, where they are,
        "score" and what `finding_record` gives; None for an empty mask, which no polygon can
        say; and what was lost.
    """
    rle, lost = annotation.rle, Losses()
    written: object = {"size": list(rle["size"]), "counts": rle["counts"]}
    # Read once: most of the time goes into it.
    counts = codes.runs_of(rle)
    runs = {"size": rle["size"], "counts": counts}
    if segmentation == "polygons" and not annotation.is_crowd:
        rings, num_dropped = part_rings(codes.decode(rle), holes=holes)
        if not rings:
            return None, Losses({"empty masks": 1})
        written = [ring.ravel().tolist() for ring in rings]
        if num_dropped:
            lost["holes"] = num_dropped
    elif segmentation != "rle":
        written = {"size": list(rle["size"]), "counts": counts.tolist()}
    record: dict[str, Any] = {
        "segmentation": written,
        "area": codes.area(runs),
        "bbox": list(codes.bbox(runs)),
        "iscrowd": int(annotation.is_crowd),
    }
    if annotation.score is not None:
        record["score"] = annotation.score
    return record | finding_record(annotation.finding), lost


def read_coco(
    record: object, size_hw: tuple[int, int] | None, names: Mapping[object, str]
) -> Annotation | Problem:
    """Read one annotation.

    Args:
        record: The annotation's record.
        size_hw: Size of its image, pixels; None where the file does not say.
        names: Name of each category by its id; where there are none at all, a category is called
            by its id, and 0 has no name.

    Returns:
        The object; or what is wrong, with code "bad-record", "unknown-category" or those of
        `segmentation_runs`.
    """
    if not isinstance(record, Mapping):
        return _NO_RECORD
    label = UNNAMED
    identity = record.get("category_id")
    if names and identity is not None:
        if not isinstance(identity, int | str) or identity not in names:
            return Problem(
                code="unknown-category",
                message=f"its category_id {identity!r:.40} is no category of the file",
                hint="add the category or mend the annotation",
            )
        label = names[identity]
    elif isinstance(identity, int | str) and identity not in (0, "0", ""):
        label = str(identity)
    found = segmentation_runs(record.get("segmentation"), size_hw)
    if isinstance(found, Problem):
        return found
    counts, mask_hw = found
    return Annotation(
        rle=codes.encode_runs(counts, mask_hw),
        label=label,
        score=score_of(record.get("score")),
        is_crowd=record.get("iscrowd") in (1, True, "1"),
        finding=finding_of(record),
    )

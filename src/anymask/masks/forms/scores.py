"""Scores of a mask and how it was found, as the fields of a JSON record.

Source: the published SA-1B data set: "stability_score", "point_coords" [[x, y]] and "crop_box"
(x, y, width, height), numbers of which are all floats.
"""

from collections.abc import Mapping
from typing import Any

from anymask.masks.finding import Finding


def score_of(value: object) -> float | None:
    """Read a score.

    Args:
        value: What a file holds in its place.

    Returns:
        The number, or None where it is no finite one.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number:
        return None
    number = float(str(value))
    return number if abs(number) < float("inf") else None


def finding_record(finding: Finding | None) -> dict[str, Any]:
    """Give the fields that say how a mask was found.

    Args:
        finding: How, or None.

    Returns:
        "stability_score", "crop_box" and "point_coords"; nothing for None.
    """
    if finding is None:
        return {}
    x0, y0, x1, y1 = finding.crop_box
    return {
        "stability_score": float(finding.stability_score),
        "crop_box": [float(side) for side in (x0, y0, x1 - x0, y1 - y0)],
        "point_coords": [[float(side) for side in finding.point]],
    }


def finding_of(record: Mapping[str, object]) -> Finding | None:
    """Read how a mask was found.

    Args:
        record: The record of the mask.

    Returns:
        What its three fields say; None where one of them is missing or not what it must be.
    """
    stability = score_of(record.get("stability_score"))
    points = record.get("point_coords")
    point = _numbers(points[0], 2) if isinstance(points, list) and len(points) == 1 else None
    crop = _numbers(record.get("crop_box"), 4)
    if stability is None or point is None or crop is None:
        return None
    x0, y0 = round(crop[0]), round(crop[1])
    return Finding(
        point=(point[0], point[1]),
        stability_score=stability,
        crop_box=(x0, y0, x0 + round(crop[2]), y0 + round(crop[3])),
    )


def _numbers(value: object, count: int) -> list[float] | None:
    if not isinstance(value, list) or len(value) != count:
        return None
    numbers = [number for number in map(score_of, value) if number is not None]
    return numbers if len(numbers) == count else None

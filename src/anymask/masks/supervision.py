"""Masks as the detections that the package supervision draws, counts and tracks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError, MissingExtra
from anymask.masks.annotation import UNNAMED
from anymask.masks.boxes import box_of

if TYPE_CHECKING:
    from supervision import Detections

_NAMES = "class_name"


def to_detections(
    masks: NDArray[np.bool_], scores: Sequence[float], labels: Sequence[str] | None = None
) -> "Detections":
    """Give masks as supervision's detections.

    Args:
        masks: Bool, (M, H, W).
        scores: One a mask.
        labels: What each shows; without them every mask is an "object".

    Returns:
        Detections with `mask`, `xyxy` (tight boxes, pixels, right and bottom edge exclusive),
        `confidence`, `class_id` (place among the labels in the order in which they come first)
        and `data["class_name"]`.

    Raises:
        InputError: If there is not one label a mask.
        MissingExtra: If supervision is not installed.
    """
    try:
        from supervision import Detections
    except ImportError as error:
        raise MissingExtra(
            "detections for supervision need that package",
            hint='pip install "anymask[supervision]"',
        ) from error
    if labels is not None and len(labels) != len(masks):
        raise InputError(
            f"labels must hold one name a mask, got {len(labels)} for {len(masks)} masks",
            hint="name every mask",
        )
    names = [UNNAMED] * len(masks) if labels is None else [str(label) for label in labels]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    boxes = np.array([box_of(mask) for mask in masks], dtype=np.float32).reshape(-1, 4)
    return Detections(
        xyxy=boxes,
        mask=masks,
        confidence=np.asarray(scores, dtype=np.float32),
        class_id=np.array([numbers[name] for name in names], dtype=np.int64),
        data={_NAMES: np.array(names, dtype=np.str_)},
    )

"""A detector's boxes on one photo → a question, and their names → the answer."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from anymask.cli.answer import Answer
from anymask.cli.photos import Photo
from anymask.cli.question import Coordinate, Question

if TYPE_CHECKING:
    from anymask.data.photo_boxes import Detection, Detections


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a detector's file asks about one photo.

    Attributes:
        detections: The boxes, in the order of the file.
        question: One object a box; None where there is no box.
        notes: Boxes that cannot be used, one sentence each.
    """

    detections: "tuple[Detection, ...]"
    question: Question | None
    notes: tuple[str, ...]


def asked_on(detections: "Detections", photo: Photo, size_hw: tuple[int, int]) -> Asked:
    """Give what is asked about a photo.

    Args:
        detections: The file.
        photo: The photo.
        size_hw: Its upright size, pixels.

    Returns:
        The question, and what is odd.

    Raises:
        InputError: If several pictures of the file may be this photo, or the boxes are made for
            another size.
    """
    found = detections.on(photo.path, size_hw)
    boxes = tuple(
        tuple(Coordinate(value=value, is_percent=False) for value in one.box) for one in found
    )
    notes = [
        f"{detections.source}, {bad.place}: {bad.message}"
        for bad in detections.misfits(photo.path, size_hw)
    ]
    if not found:
        notes.append(f"{detections.source} has no box for it")
    return Asked(
        detections=found,
        question=Question(boxes=boxes) if boxes else None,
        notes=tuple(notes),
    )


def named(answer: Answer, asked: Asked) -> Answer:
    """Give an answer with the detector's names and scores.

    Args:
        answer: The answer to the question.
        asked: What was asked.
    """
    return replace(
        answer,
        labels=tuple(one.label for one in asked.detections),
        found_scores=tuple(one.score for one in asked.detections),
        warnings=(*asked.notes, *answer.warnings),
    )

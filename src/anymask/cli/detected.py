"""A detector's boxes on one photo → a question, and their names → the answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from anymask.cli.answer import Answer
from anymask.cli.failures import add_failure
from anymask.cli.photos import Photo
from anymask.cli.question import Coordinate, Question
from anymask.cli.screen import Screen
from anymask.errors import InputError

if TYPE_CHECKING:
    from anymask.data.photo_boxes import Detection, Detections
    from anymask.masks.problem import Problem

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a detector's file asks about one photo.

    Attributes:
        detections: The boxes, in the order of the file.
        question: One object a box; None where there is no box.
        number: The id under which the file knows the photo, or None.
        bad: Boxes that cannot be used.
        notes: What else is odd, one sentence each.
    """

    detections: "tuple[Detection, ...]"
    question: Question | None
    number: int | None = None
    bad: "tuple[Problem, ...]" = ()
    notes: tuple[str, ...] = ()


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
    note = f"{detections.source} has no box for it"
    if all(picture.name is None for picture in detections.pictures):
        note += ": it knows photos by number alone, as 000000000139.jpg is 139"
    return Asked(
        detections=found,
        question=Question(boxes=boxes) if boxes else None,
        number=detections.number_of(photo.path),
        bad=detections.misfits(photo.path, size_hw),
        notes=() if found else (note,),
    )


def record_bad(
    detections: "Detections", problems: "Sequence[Problem]", folder: Path | None, screen: Screen
) -> None:
    """List records of a detector's file that cannot be used; the others are.

    Args:
        detections: The file.
        problems: What is wrong with them.
        folder: The folder of the outputs; None where nothing is written.
        screen: Where the first few are told.

    Raises:
        OutputError: If the list cannot be written.
    """
    for number, problem in enumerate(problems):
        shown = f"{detections.source}, {problem.place}"
        if number < _SHOWN:
            screen.failed(shown, f"{problem.message}; {problem.hint}")
        if folder is not None:
            error = InputError(problem.message, hint=problem.hint)
            record = Photo(path=shown, shown=shown, stem="")
            add_failure(folder, record, error, problem.message, problem.hint)
    if len(problems) > _SHOWN:
        screen.note(f"{len(problems) - _SHOWN} more records of {detections.source} are not used")


def named(answer: Answer, asked: Asked) -> Answer:
    """Give an answer with the detector's names and scores.

    Args:
        answer: The answer to the question.
        asked: What was asked.
    """
    return replace(
        answer,
        number=asked.number,
        labels=tuple(one.label for one in asked.detections),
        found_scores=tuple(one.score for one in asked.detections),
        warnings=(*asked.notes, *answer.warnings),
    )

"""What a picture file of masks says beside its pixels: labels, scores, crowds, how it was found.

It stands as JSON in a text chunk of a PNG or in the description of a TIFF, where other programs
pass it over: {"3": {"label": "cat", "score": 0.9, "is_crowd": true}}. What is usual is left out.
"""

import json
import re
from collections.abc import Mapping

from anymask.masks.annotation import UNNAMED, Annotation
from anymask.masks.forms.scores import finding_of, finding_record, score_of
from anymask.masks.rle import RLE

_Fields = dict[str, object]
_Note = Mapping[int, _Fields]

_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


def note_of(objects: Mapping[int, Annotation]) -> str | None:
    """Write down what the pixels do not say.

    Args:
        objects: The objects by their numbers in the picture file.

    Returns:
        ASCII text, or None if there is nothing to say.
    """
    told = {str(number): fields for number, one in objects.items() if (fields := _fields(one))}
    return json.dumps(told, separators=(",", ":")) if told else None


def read_note(text: str | None) -> _Note:
    """Read what `note_of` wrote; what is not of that form says nothing.

    Args:
        text: The text, or None.

    Returns:
        By the object's number, what is said of it.
    """
    try:
        told = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {
        int(number): fields
        for number, fields in told.items()
        if _NUMBER.fullmatch(number) and isinstance(fields, dict)
    }


def annotation(rle: RLE, note: _Note, number: int) -> Annotation:
    """Give an object with what the note says of it.

    Args:
        rle: Its mask.
        note: As `read_note` gives it.
        number: Its number in the picture file.
    """
    said = note.get(number, {})
    label = said.get("label")
    return Annotation(
        rle=rle,
        label=label if isinstance(label, str) else UNNAMED,
        score=score_of(said.get("score")),
        is_crowd=said.get("is_crowd") is True,
        finding=finding_of(said),
    )


def _fields(one: Annotation) -> _Fields:
    fields: _Fields = {}
    if one.label != UNNAMED:
        fields["label"] = one.label
    if one.score is not None:
        fields["score"] = one.score
    if one.is_crowd:
        fields["is_crowd"] = True
    return fields | finding_record(one.finding)

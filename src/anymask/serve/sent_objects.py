"""Objects as the page sends them, checked against the picture they are of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from anymask.errors import AnymaskError, InputError
from anymask.masks.annotation import UNNAMED, Annotation
from anymask.masks.atomic import shown_name
from anymask.masks.colours import Colour, colour_of
from anymask.masks.finding import Finding
from anymask.masks.rle import RLE, encode_runs, runs_of

MOST_OBJECTS: Final = 5000
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SentObject:
    """One object of a picture.

    Attributes:
        name: What it is called.
        rle: Its mask, at the picture's size.
        score: How sure the model is of it, or None.
        colour: What it is drawn in.
        source: How it was asked for, as the page wrote it down; None where nobody knows.
    """

    name: str
    rle: RLE
    score: float | None = None
    colour: Colour
    source: Mapping[str, Any] | None = field(default=None, hash=False)


def checked_object(sent: Mapping[str, Any], number: int, size_hw: tuple[int, int]) -> SentObject:
    """Check one object.

    Args:
        sent: "name", "rle", "score", "colour" and "source", of the right types.
        number: Its place among those that came together, from 0.
        size_hw: Height and width of the picture, pixels.

    Raises:
        InputError: If its mask is damaged or of another size.
    """
    name = whole_letters(str(sent.get("name") or ""))[:_LONGEST_NAME]
    who = f"object {number + 1}" + (f" ({shown_name(name[:40])})" if name else "")
    return SentObject(
        name=name or UNNAMED,
        rle=checked_mask(sent["rle"], who, size_hw),
        score=sent.get("score"),
        colour=sent.get("colour") or colour_of(number),
        source=sent.get("source"),
    )


def whole_letters(text: str) -> str:
    """Give text without halves of letters, which JSON can hold but no file and no answer can."""
    return text.encode("utf-8", "replace").decode()


def checked_mask(sent: Mapping[str, Any], who: str, size_hw: tuple[int, int]) -> RLE:
    """Check a mask.

    Args:
        sent: Its run-length code.
        who: Whose mask it is, for the sentence.
        size_hw: Height and width of the picture, pixels.

    Returns:
        The same mask, its code written as all are.

    Raises:
        InputError: If it is damaged or of another size.
    """
    height, width = size_hw
    # Before anything else, so that no memory is made for a size that nobody has.
    told = tuple(sent.get("size") or ())
    if told != (height, width):
        shown = f"{told[1]}×{told[0]}" if _is_size(told) else "of no size"
        raise InputError(
            f"{who}: its mask is {shown}, the picture {width}×{height}",
            hint="send a mask of the picture's own size",
        )
    try:
        return encode_runs(runs_of(sent), size_hw)
    except AnymaskError as error:
        raise InputError(f"{who}: its mask is damaged: {error.message}", hint=error.hint) from error


def annotations_of(
    objects: Sequence[SentObject], findings: Mapping[int, Finding]
) -> tuple[Annotation, ...]:
    """Give objects as annotation files hold them.

    Args:
        objects: The objects.
        findings: How some were found, by their places.
    """
    return tuple(
        Annotation(rle=one.rle, label=one.name, score=one.score, finding=findings.get(number))
        for number, one in enumerate(objects)
    )


def _is_size(told: tuple[Any, ...]) -> bool:
    return len(told) == 2 and all(isinstance(side, int) and abs(side) < 10**9 for side in told)

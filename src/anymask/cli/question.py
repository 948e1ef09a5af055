"""What is asked about every photo: text from the command line → prompts in a photo's pixels."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anymask.errors import PromptError
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.masks.plane import BoolMask
    from anymask.masks.resize import FloatArray
    from anymask.vocabulary import Prompt

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_LABELS = (("+", 1), ("1", 1), ("-", 0), ("0", 0))
_POINT_HINT = "write 320,240 or 50%,40%; end a point off the object in ,-"
_BOX_HINT = "write left, top, right and bottom: 60,40,420,300 or 10%,5%,90%,80%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinate:
    """A number as it was typed.

    Attributes:
        value: The number.
        is_percent: Whether it is a share of the photo's side instead of pixels.
    """

    value: float
    is_percent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked about every photo, not yet in the pixels of one.

    Attributes:
        points: (x, y) each.
        labels: 1 or 0 a point.
        boxes: (x0, y0, x1, y1) each; several ask for one object each.
        mask: A rough mask, bool (H, W); an earlier answer's logits, float32 (h, w); or None.
        mask_name: Name of its file, for messages.
        is_normalized: Whether plain numbers run from 0 to 1 instead of pixels.
    """

    points: tuple[tuple[Coordinate, ...], ...] = ()
    labels: tuple[int, ...] = ()
    boxes: tuple[tuple[Coordinate, ...], ...] = ()
    mask: "BoolMask | FloatArray | None" = None
    mask_name: str = ""
    is_normalized: bool = False

    @property
    def num_objects(self) -> int:
        """How many objects are asked for."""
        return max(1, len(self.boxes))


def read_question(
    points: Sequence[str], boxes: Sequence[str], mask: str | None, *, is_normalized: bool = False
) -> Question:
    """Read what was typed; nothing is compared with a photo yet.

    Args:
        points: "x,y", "x,y,+" or "x,y,-"; numbers are pixels, or percent with a % sign.
        boxes: "x0,y0,x1,y1".
        mask: Name of a PNG with a rough mask or of an .npy file with logits, or None.
        is_normalized: Whether plain numbers run from 0 to 1.

    Returns:
        The question.

    Raises:
        PromptError: If a value is no number, a count is wrong, nothing is asked for, or points
            or a mask come with several boxes.
        InputError: If the mask cannot be read.
    """
    typed = [_read_point(text) for text in points]
    labels = tuple(label for _, label in typed)
    if not boxes and mask is None and 1 not in labels:
        raise PromptError(
            "nothing to look for",
            hint="give --point x,y on the object, --box x0,y0,x1,y1 or --mask FILE",
        )
    if len(boxes) > 1 and (typed or mask is not None):
        what = f"{len(typed)} points" if len(typed) > 1 else "a point" if typed else "a mask"
        raise PromptError(
            f"{len(boxes)} boxes with {what}: several boxes are several objects",
            hint="give one --box, or boxes alone",
        )
    return Question(
        points=tuple(xy for xy, _ in typed),
        labels=labels,
        boxes=tuple(_read_box(text) for text in boxes),
        mask=None if mask is None else _read_mask(mask),
        mask_name="" if mask is None else shown_name(mask),
        is_normalized=is_normalized,
    )


def refuse_flat_boxes(question: Question) -> None:
    """Refuse a box that has no area on any photo.

    Args:
        question: What is asked.

    Raises:
        PromptError: If a box's corners are in the wrong order.
    """
    for number, (x0, y0, x1, y1) in enumerate(question.boxes):
        for low, high, name in ((x0, x1, "x"), (y0, y1, "y")):
            if low.is_percent == high.is_percent and high.value <= low.value:
                raise PromptError(
                    f"box {number} has no area ({name}1 ≤ {name}0)",
                    hint="boxes are x0, y0, x1, y1",
                )


def prompts_for(question: Question, size_hw: tuple[int, int]) -> tuple[list["Prompt"], bool]:
    """Put the question in the terms of one photo.

    Args:
        question: What is asked.
        size_hw: Size of the upright photo, pixels.

    Returns:
        One prompt an object; and whether their coordinates run from 0 to 1 instead of pixels.

    Raises:
        PromptError: If the rough mask has another size than the photo.
    """
    from anymask.vocabulary import Box, Prompt

    _check_mask_size(question, size_hw)
    rows = [*question.points, *question.boxes]
    in_shares = question.is_normalized or all(one.is_percent for row in rows for one in row)

    def numbers(row: tuple[Coordinate, ...]) -> list[float]:
        sides = (size_hw[1], size_hw[0]) * 2
        return [_number(one, side, in_shares=in_shares) for one, side in zip(row, sides)]  # noqa: B905

    points = tuple((x, y) for x, y in map(numbers, question.points))
    boxes: list[Box | None] = [(x0, y0, x1, y1) for x0, y0, x1, y1 in map(numbers, question.boxes)]
    prompts = [
        Prompt(points=points, labels=question.labels, box=box, mask=question.mask)
        for box in (boxes or [None])
    ]
    return prompts, in_shares


def _number(coordinate: Coordinate, side_px: int, *, in_shares: bool) -> float:
    if not coordinate.is_percent:
        return coordinate.value
    share = coordinate.value / 100
    return share if in_shares else share * side_px


def _check_mask_size(question: Question, size_hw: tuple[int, int]) -> None:
    if question.mask is None or question.mask.dtype != bool or question.mask.shape == size_hw:
        return
    (height, width), (mask_height, mask_width) = size_hw, question.mask.shape
    raise PromptError(
        f"{question.mask_name}: mask is {mask_width}×{mask_height} for a picture of "
        f"{width}×{height}",
        hint="give a mask of the picture's size",
    )


def _read_point(text: str) -> tuple[tuple[Coordinate, ...], int]:
    shown, parts = _split(text)
    if len(parts) not in (2, 3):
        raise PromptError(
            f"--point {shown}: must be x,y or x,y,-, got {_counted(parts)}", hint=_POINT_HINT
        )
    label = 1
    if len(parts) == 3:
        labels = dict(_LABELS)
        if parts[2] not in labels:
            raise PromptError(
                f"--point {shown}: ends in {shown_name(parts[2])[:20]!r}",
                hint="labels are + or 1 (add) and - or 0 (remove)",
            )
        label = labels[parts[2]]
    return tuple(_read_number(part, f"--point {shown}", _POINT_HINT) for part in parts[:2]), label


def _read_box(text: str) -> tuple[Coordinate, ...]:
    shown, parts = _split(text)
    if len(parts) != 4:
        raise PromptError(
            f"--box {shown}: must be x0,y0,x1,y1, got {_counted(parts)}", hint=_BOX_HINT
        )
    return tuple(_read_number(part, f"--box {shown}", _BOX_HINT) for part in parts)


def _split(text: str) -> tuple[str, list[str]]:
    shown = shown_name(text)
    return shown if len(shown) <= 40 else f"{shown[:40]}…", [p.strip() for p in text.split(",")]


def _counted(parts: Sequence[str]) -> str:
    return f"{len(parts)} value{'' if len(parts) == 1 else 's'}"


def _read_number(text: str, flag: str, hint: str) -> Coordinate:
    is_percent = text.endswith("%")
    digits = text.removesuffix("%").strip()
    if _NOT_FINITE.fullmatch(digits) or (
        _NUMBER.fullmatch(digits) and not math.isfinite(float(digits))
    ):
        raise PromptError(f"{flag}: {shown_name(text)[:20]} is not finite", hint=hint)
    if not _NUMBER.fullmatch(digits):
        raise PromptError(f"{flag}: {shown_name(text)[:20]!r} is not a number", hint=hint)
    value = float(digits)
    if is_percent and not 0 <= value <= 100:
        raise PromptError(f"{flag}: {text[:20]} lies outside 0% to 100%", hint=hint)
    return Coordinate(value=value, is_percent=is_percent)


def _read_mask(name: str) -> "BoolMask | FloatArray":
    from anymask.masks.logits_file import SUFFIX, load_logits
    from anymask.masks.png import load_mask

    if Path(name).suffix.lower() == SUFFIX:
        return load_logits(name)
    mask = load_mask(Path(name))
    if not mask.any():
        raise PromptError(
            f"{shown_name(name)}: mask is empty, no pixel is set", hint="draw where the object is"
        )
    return mask

"""What a person gave → a Prompt in pixels of the upright picture, or one clear sentence.

Coordinates are (x, y); boxes x0, y0, x1, y1.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from anymask.errors import PromptError
from anymask.vocabulary import Box, Point, Prompt

# Below this side a picture is so small that coordinates within 0-1 are plausible pixels.
SMALL_PICTURE_PX = 64
# No coordinate is as large; beyond it Python's whole numbers have no float.
LARGEST = 10**300


def make_prompt(
    points: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    box: ArrayLike | None = None,
    mask: object = None,
) -> Prompt:
    """Turn lists and arrays into a Prompt; nothing is compared with a picture yet.

    Args:
        points: (x, y) pairs, (N, 2); or one pair.
        labels: 1 or 0 a point, (N,); None for all 1.
        box: x0, y0, x1, y1.
        mask: Rough mask (H, W), logits (h, w) or an earlier answer; kept as it is.

    Raises:
        PromptError: If a value is no number, or counts or nesting are wrong.
    """
    rows = _numbers(points, "points", 2) if points is not None else np.zeros((0, 2))
    kinds = _labels(labels, len(rows))
    corners = None
    if box is not None:
        found = _numbers(box, "box", 4)
        if len(found) != 1:
            raise PromptError(
                f"box must be one box of 4 numbers, got {len(found)} boxes",
                hint="use predict_many with one Prompt a box",
            )
        x0, y0, x1, y1 = found[0].tolist()
        corners = (x0, y0, x1, y1)
    points_xy = tuple((x, y) for x, y in rows.tolist())
    return Prompt(points=points_xy, labels=kinds, box=corners, mask=mask)


def check_prompt(
    prompt: Prompt, size_hw: tuple[int, int], *, normalized: bool = False
) -> tuple[Prompt, tuple[str, ...]]:
    """Compare a prompt with its picture.

    Args:
        prompt: The prompt, however it was made; its mask is not looked at.
        size_hw: Size of the upright picture, pixels.
        normalized: Whether coordinates run from 0 to 1 instead of pixels.

    Returns:
        The prompt in pixels, its box clipped to the picture; and what is odd about it.

    Raises:
        PromptError: If a value is no number, nothing is asked for, or something lies outside the
            picture.
    """
    prompt = make_prompt(prompt.points, prompt.labels, prompt.box, prompt.mask)
    points, box = prompt.points, prompt.box
    if normalized:
        points, box = _to_pixels(points, box, size_hw)
    else:
        _refuse_unit_coordinates(prompt, size_hw)
    if prompt.mask is None and box is None and 1 not in prompt.labels:
        raise PromptError("nothing to look for", hint="give a point with label 1, a box or a mask")
    for number, point in enumerate(points):
        _check_point(number, point, size_hw)
    notes: list[str] = []
    if box is not None:
        box = _check_box(box, size_hw, notes)
    notes += contradictions(points, prompt.labels, box)
    checked = Prompt(points=points, labels=prompt.labels, box=box, mask=prompt.mask)
    return checked, tuple(notes)


def contradictions(points: Sequence[Point], labels: Sequence[int], box: Box | None) -> list[str]:
    """Say which points contradict each other or the box, one clause each."""
    pixels = [(int(x), int(y)) for x, y in points]
    kept = {pixel for pixel, label in zip(pixels, labels, strict=True) if label == 1}
    dropped = {pixel for pixel, label in zip(pixels, labels, strict=True) if label == 0}
    notes = [f"pixel ({x}, {y}) is both added and removed" for x, y in sorted(kept & dropped)]
    if box is not None:
        x0, y0, x1, y1 = box
        notes += [
            f"point {number} ({x:g}, {y:g}) is added but lies outside the box"
            for number, ((x, y), label) in enumerate(zip(points, labels, strict=True))
            if label == 1 and not (x0 <= x <= x1 and y0 <= y <= y1)
        ]
    return notes


def _numbers(values: ArrayLike, what: str, width: int) -> NDArray[np.float64]:
    rough = _array(values, what, f"give {width} numbers a row")
    if rough.size == 0:
        return np.zeros((0, width))
    if not (np.issubdtype(rough.dtype, np.integer) or np.issubdtype(rough.dtype, np.floating)):
        _refuse_non_numbers(values, what)
    rows = rough.astype(np.float64)
    if rows.shape == (width,):
        rows = rows[None]
    if rows.ndim != 2 or rows.shape[1] != width:
        raise PromptError(
            f"{what} must have shape (N, {width}), got {rough.shape}",
            hint=f"give {width} numbers a row",
        )
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        row = int(bad[0][0])
        raise PromptError(
            f"{what}[{row}] is ({_joined(*rows[row])}), which is not finite",
            hint="give pixel numbers",
        )
    return rows


def _array(values: ArrayLike, what: str, remedy: str) -> NDArray[np.generic]:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    try:
        return np.asarray(values)
    except ValueError as error:  # ragged nesting
        raise PromptError(f"{what} has rows of different lengths", hint=remedy) from error


def _refuse_non_numbers(values: ArrayLike, what: str) -> None:
    """Name the first value that is no number; the array made of all may have turned it to text."""
    for index, value in np.ndenumerate(np.asarray(values, dtype=object)):
        if not _is_number(value):
            place = "".join(f"[{number}]" for number in index)
            raise PromptError(
                f"{what}{place} is {_shown(value)}, not a number", hint="give pixel numbers"
            )


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return not isinstance(value, int) or abs(value) < LARGEST


def _shown(value: object) -> str:
    """Give a value as it may stand in a sentence: short, on one line."""
    if isinstance(value, int) and abs(value) >= LARGEST:
        return "too large"  # and takes long to write out
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _labels(labels: ArrayLike | None, num_points: int) -> tuple[int, ...]:
    if labels is None:
        return (1,) * num_points
    given = np.atleast_1d(_array(labels, "labels", "give one label a point")).tolist()
    if len(given) != num_points:
        raise PromptError(
            f"{num_points} points but {len(given)} labels",
            hint="give one label a point: 1 (add) or 0 (remove)",
        )
    for number, label in enumerate(given):
        if isinstance(label, list) or label not in (0, 1):
            raise PromptError(
                f"label {number} is {_shown(label)}", hint="labels are 1 (add) or 0 (remove)"
            )
    return tuple(int(label) for label in given)


def _refuse_unit_coordinates(prompt: Prompt, size_hw: tuple[int, int]) -> None:
    values = [value for point in prompt.points for value in point] + list(prompt.box or ())
    fractions = [value for value in values if 0 <= value <= 1 and value != int(value)]
    if max(size_hw) > SMALL_PICTURE_PX and values and len(fractions) == len(values):
        raise PromptError(
            f"all coordinates lie between 0 and 1 on a picture of {size_hw[1]}×{size_hw[0]}",
            hint="pass normalized=True, or give pixels",
        )


def _to_pixels(
    points: tuple[Point, ...], box: Box | None, size_hw: tuple[int, int]
) -> tuple[tuple[Point, ...], Box | None]:
    H, W = size_hw
    for number, (x, y) in enumerate(points):
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise PromptError(
                f"point {number} ({x:g}, {y:g}) lies outside 0 to 1",
                hint="with normalized=True give shares of the width and height",
            )
    if box is not None:
        x0, y0, x1, y1 = box
        # A box may reach over the edge a little, and is then clipped.
        if min(box) < -1 or max(box) > 2:
            raise PromptError(
                f"box ({_joined(*box)}) lies far outside 0 to 1",
                hint="with normalized=True give shares of the width and height",
            )
        box = (x0 * W, y0 * H, x1 * W, y1 * H)
    return tuple((x * W, y * H) for x, y in points), box


def _check_point(number: int, point: Point, size_hw: tuple[int, int]) -> None:
    (x, y), (H, W) = point, size_hw
    if 0 <= x <= W and 0 <= y <= H:
        return
    hint = "points are (x, y)"
    if 0 <= y <= W and 0 <= x <= H:
        hint = f"did you swap x and y? {hint}"
    raise PromptError(f"point {number} ({x:g}, {y:g}) lies outside {W}×{H}", hint=hint)


def _check_box(box: Box, size_hw: tuple[int, int], notes: list[str]) -> Box:
    (x0, y0, x1, y1), (H, W) = box, size_hw
    if x1 <= x0 or y1 <= y0:
        wrong = "x1 ≤ x0" if x1 <= x0 else "y1 ≤ y0"
        hint = "boxes are x0, y0, x1, y1"
        if x1 > 0 and y1 > 0 and x0 + x1 <= W and y0 + y1 <= H:
            hint += f"; if this is x, y, width, height, pass ({_joined(x0, y0, x0 + x1, y0 + y1)})"
        raise PromptError(f"box ({_joined(*box)}) has no area ({wrong})", hint=hint)
    clipped = (max(x0, 0.0), max(y0, 0.0), min(x1, float(W)), min(y1, float(H)))
    if clipped[2] <= clipped[0] or clipped[3] <= clipped[1]:
        raise PromptError(
            f"box ({_joined(*box)}) lies outside {W}×{H}", hint="boxes are x0, y0, x1, y1 in pixels"
        )
    if clipped != box:
        notes.append(f"box ({_joined(*box)}) was clipped to the picture's {W}×{H}")
    return clipped


def _joined(*numbers: float) -> str:
    return ", ".join(f"{number:g}" for number in numbers)

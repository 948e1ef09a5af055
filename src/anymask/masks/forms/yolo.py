"""YOLO segmentation: a text a picture, a line a polygon: `class x1 y1 x2 y2 …`, 0 to 1.

Corners are corners of pixels, divided by width and height. Source: the published YOLO data
format for segmentation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError
from anymask.masks import rle as codes
from anymask.masks.annotation import UNNAMED, AnnotatedPicture, Annotation, Losses
from anymask.masks.outlines import Holes, part_rings
from anymask.masks.problem import Problem
from anymask.masks.rasterize import polygon_runs

# A corner may be off by a tenth of a pixel before a filled pixel changes: at this side six
# digits are off by 0.025.
_SIX_DIGITS_UP_TO_PX = 50_000
# Corners that other tools put a rounding error outside.
_SLACK = 1e-3


def write_yolo(
    picture: AnnotatedPicture, categories: Sequence[str], *, holes: Holes = "drop"
) -> tuple[bytes, Losses]:
    """Write the text of one picture.

    Args:
        picture: The picture and its objects.
        categories: Names of the classes in the order of their numbers; holds every label.
        holes: What becomes of holes.

    Returns:
        The file's bytes, empty without objects; and what was lost: "holes", "split objects" (of
        several parts, so of several lines), "scores", "stability scores", "crowd marks", "empty
        masks".
    """
    numbers = {name: number for number, name in enumerate(categories)}
    height, width = picture.size_hw
    digits = 6 if max(height, width) <= _SIX_DIGITS_UP_TO_PX else 9
    lost, lines = Losses(), list[str]()
    for one in picture.objects:
        rings, num_dropped = part_rings(codes.decode(one.rle), holes=holes)
        lost["holes"] += num_dropped
        lost["split objects"] += len(rings) > 1
        lost["empty masks"] += not rings
        lost["scores"] += one.score is not None and bool(rings)
        lost["stability scores"] += one.finding is not None and bool(rings)
        lost["crowd marks"] += one.is_crowd and bool(rings)
        for ring in rings:
            shares = (ring / (width, height)).ravel().tolist()
            text = " ".join(_short(share, digits) for share in shares)
            lines.append(f"{numbers[one.label]} {text}\n")
    return "".join(lines).encode("ascii"), +lost


def read_yolo(
    text: bytes, *, file_name: str, size_hw: tuple[int, int], names: Sequence[str] | None
) -> tuple[AnnotatedPicture, tuple[Problem, ...]]:
    """Read the text of one picture.

    Args:
        text: The file's bytes; without any the picture has no objects.
        file_name: Name of the picture's file.
        size_hw: Size of the upright picture, pixels: the text does not know it.
        names: Names of the classes in the order of their numbers; None where nobody says, then
            class 3 is called "3".

    Returns:
        The picture with the objects that can be read, and what is wrong with the other lines:
        codes "bad-line", "bad-class", "bad-polygon", "outside", "empty-mask".
    """
    objects, problems = [], []
    for number, line in enumerate(text.decode("utf-8-sig", "replace").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        found = _object(words, size_hw, names)
        if isinstance(found, Problem):
            problems.append(found.within(f"line {number}"))
        else:
            objects.append(found)
    picture = AnnotatedPicture(file_name=file_name, size_hw=size_hw, objects=tuple(objects))
    return picture, tuple(problems)


def _object(
    words: list[str], size_hw: tuple[int, int], names: Sequence[str] | None
) -> Annotation | Problem:
    label = _label(words[0], names)
    if isinstance(label, Problem):
        return label
    shares = _shares(words[1:])
    if isinstance(shares, Problem):
        return shares
    height, width = size_hw
    corners = np.clip(shares, 0, 1).reshape(-1, 2) * (width, height)
    try:
        runs = polygon_runs([corners], size_hw)
    except InputError as error:
        return Problem(code="bad-polygon", message=error.message, hint="draw it again")
    if not runs[1::2].any():
        return Problem(
            code="empty-mask", message="its polygon holds no pixel", hint="leave it out or draw it"
        )
    return Annotation(rle=codes.encode_runs(runs, size_hw), label=label)


def _label(word: str, names: Sequence[str] | None) -> str | Problem:
    if not (word.isascii() and word.isdigit()):
        return Problem(
            code="bad-class",
            message=f"class {word!r:.40} is no whole number",
            hint="begin each line with the number of a class",
        )
    if names is None:
        return word if word != "0" else UNNAMED
    # Long digits are no class, and would be slow to read as a number.
    if len(word) > 9 or int(word) >= len(names):
        last = f"0 to {len(names) - 1}" if names else "none"
        return Problem(
            code="bad-class",
            message=f"class {word[:20]} of {len(names)} ({last})",
            hint="mend the line or the names in data.yaml",
        )
    return names[int(word)]


def _shares(words: list[str]) -> NDArray[np.float64] | Problem:
    if len(words) == 4:
        return Problem(
            code="bad-line",
            message="is a box (4 numbers), not a polygon",
            hint="make a mask of it with anymask segment --boxes",
        )
    if len(words) % 2:
        return Problem(
            code="bad-line",
            message=f"has {len(words)} numbers after the class, an odd count",
            hint="write x and y of every corner",
        )
    shares = np.empty(len(words))
    for place, word in enumerate(words):
        try:
            shares[place] = float(word)
        except ValueError:
            shares[place] = np.nan
        if not -_SLACK <= shares[place] <= 1 + _SLACK:
            return Problem(
                code="outside",
                message=f"value {word[:20]!r} at place {place + 1} is not within 0 to 1",
                hint="divide x by the width and y by the height of the picture",
            )
    return shares


def _short(share: float, digits: int) -> str:
    return f"{share:.{digits}f}".rstrip("0").rstrip(".")

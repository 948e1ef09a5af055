"""Boxes in YOLO texts: `class x y width height` and perhaps a score, or a polygon; 0 to 1."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from anymask.data.conversion.yolo_set import class_names, description_of
from anymask.data.photo_boxes import BoxRows, DetectedPicture, Detections
from anymask.data.readers.listing import split_suffix, walk
from anymask.errors import DataError
from anymask.image import display_name
from anymask.masks.annotation import UNNAMED
from anymask.masks.problem import Problem

_SUFFIX = ".txt"
_MOST_UNNAMED = 10_000
_NOT_BOXES = frozenset({"classes.txt", "labels.txt", "readme.txt", "train.txt", "val.txt"})
# Corners that other tools put a rounding error outside.
_SLACK = 1e-3
_MOST_CLASS_DIGITS = 9
_Numbers = tuple[float, float, float, float, float]


def read_yolo_boxes(path: Path) -> Detections:
    """Read the boxes of one YOLO text, or of a folder of them.

    Args:
        path: The text, or the folder, whose texts are named like the photos.

    Returns:
        The boxes, normalized; an empty text has none. Bad lines are problems: codes "bad-line",
        "bad-class" and "outside". Classes are called as data.yaml says, here or one folder up,
        else by their numbers.

    Raises:
        DataError: If a file or folder cannot be read, or data.yaml is damaged.
    """
    is_folder = path.is_dir()
    folder = path if is_folder else path.parent
    description = description_of(folder)
    names = None if description is None else class_names(description)
    texts = _texts(path) if is_folder else (path,)
    labels = dict[str, int]()
    rows, problems = BoxRows(), list[Problem]()
    for place, file in enumerate(texts):
        for number, line in enumerate(_lines(file), start=1):
            found = _box(line.split(), names)
            if isinstance(found, Problem):
                inside = f"{display_name(file.relative_to(folder))} " if is_folder else ""
                problems.append(found.within(f"{inside}line {number}"))
            elif found is not None:
                label, numbers = found
                rows.add(place, labels.setdefault(label, len(labels)), numbers, number)
    return Detections(
        source=display_name(path),
        pictures=tuple(
            DetectedPicture(name=str(file.relative_to(folder).with_suffix(""))) for file in texts
        ),
        labels=tuple(labels),
        rows=rows,
        categories=_categories(labels, names),
        is_normalized=True,
        fits_any=not is_folder,
        problems=tuple(problems),
    )


def _categories(labels: Iterable[str], names: Sequence[str] | None) -> tuple[str, ...]:
    """Give all classes in the order of their numbers; without names a class is called by its."""
    if names is not None:
        return tuple(names)
    numbers = [0 if label == UNNAMED else int(label) for label in labels]
    # A made-up number could be enormous.
    if max(numbers, default=0) > _MOST_UNNAMED:
        return ()
    return (UNNAMED, *map(str, range(1, max(numbers, default=0) + 1)))


def _texts(folder: Path) -> tuple[Path, ...]:
    found = tuple(
        folder / inside / name
        for inside, names in walk(folder)
        for name in names
        if split_suffix(name)[1] == _SUFFIX and name.lower() not in _NOT_BOXES
    )
    if not found:
        raise DataError(
            f"{display_name(folder)}: holds no YOLO texts (*.txt)",
            hint="name the folder of the labels or a JSON file",
        )
    return found


def _lines(file: Path) -> list[str]:
    try:
        return file.read_bytes().decode("utf-8-sig", "replace").splitlines()
    except OSError as error:
        raise DataError(
            f"{display_name(file)}: cannot be read ({error.strerror or error})",
            hint="check the path and its permissions",
        ) from error


def _box(
    words: Sequence[str], names: Sequence[str] | None
) -> tuple[str, _Numbers] | Problem | None:
    """Read one line; None for one without words."""
    if not words:
        return None
    label = _label(words[0], names)
    if isinstance(label, Problem):
        return label
    count = len(words) - 1
    if count < 4 or (count > 5 and count % 2):
        return Problem(
            code="bad-line",
            message=f"has {count} numbers after the class; a box has 4, or 5 with its score, a "
            "polygon two for each of 3 points or more",
            hint="write class, x, y, width and height",
        )
    shares = _shares(words[1:])
    if isinstance(shares, Problem):
        return shares
    if count > 5:
        low, high = shares.reshape(-1, 2).min(axis=0), shares.reshape(-1, 2).max(axis=0)
    else:
        low, high = shares[:2] - shares[2:4] / 2, shares[:2] + shares[2:4] / 2
    if (high <= low).any():
        return Problem(
            code="bad-line", message="its box holds no pixel", hint="leave it out or box it again"
        )
    (x0, y0), (x1, y1) = low.tolist(), high.tolist()
    return label, (x0, y0, x1, y1, float(shares[4]) if count == 5 else np.nan)


def _label(word: str, names: Sequence[str] | None) -> str | Problem:
    is_number = word.isascii() and word.isdigit() and len(word) <= _MOST_CLASS_DIGITS
    if is_number and names is None:
        return word if int(word) else UNNAMED
    if is_number and names is not None and int(word) < len(names):
        return names[int(word)]
    message = f"class {display_name(word)[:40]} is no whole number"
    if is_number and names is not None:
        message = f"class {word} of {len(names)} (0 to {len(names) - 1})"
    return Problem(
        code="bad-class", message=message, hint="mend the line or the names in data.yaml"
    )


def _shares(words: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]] | Problem:
    shares = np.empty(len(words))
    for place, word in enumerate(words):
        try:
            shares[place] = float(word)
        except ValueError:
            shares[place] = np.nan
        if not -_SLACK <= shares[place] <= 1 + _SLACK:
            return Problem(
                code="outside",
                message=f"value {display_name(word)[:20]} at place {place + 1} is not within 0 "
                "to 1",
                hint="divide x by the width and y by the height of the picture",
            )
    return shares

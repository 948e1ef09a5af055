"""YOLO segmentation, opened: data.yaml, pictures in images/, texts in labels/."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import yaml

from anymask.data.conversion.source import OpenedSet, Place, files_of, measure
from anymask.data.readers.listing import PICTURE_SUFFIXES, split_suffix, walk
from anymask.data.readers.naming import set_name_of
from anymask.data.readers.problem import bad_row
from anymask.data.readers.sa1b_record import unreadable
from anymask.data.sample_record import BadSample
from anymask.errors import DataError
from anymask.image import display_name
from anymask.masks.annotation import AnnotatedPicture
from anymask.masks.forms.yolo import read_yolo
from anymask.masks.problem import Problem

DESCRIPTION, LABELS, IMAGES = "data.yaml", "labels", "images"
_NOT_LABELS = frozenset({"classes.txt", "labels.txt", "readme.txt", "train.txt", "val.txt"})
_YAML = (".yaml", ".yml")
_MOST_YAML_BYTES = 1 << 22

_NO_PICTURE = Problem(
    code="no-picture",
    message="has no picture of its name, so nobody knows its size",
    hint="name the folder of the pictures with --images",
)


class _AliasError(yaml.YAMLError):
    """A description refers to itself."""


class _Loader(yaml.SafeLoader):
    """YAML without aliases: a few lines of them can stand for more than any memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise _AliasError
        return super().compose_node(parent, index)


def open_yolo(place: Place) -> OpenedSet:
    """Open a YOLO set: its folder, its data.yaml, or a folder of texts.

    A picture without a text has no objects. Pictures lie in images/ as the texts lie in labels/,
    or beside them, or in `place.images`.

    Args:
        place: The folder or file.

    Returns:
        Its pictures by folder and name. Codes of bad records: "unreadable", "no-picture",
        "unreadable-picture" and those of `read_yolo`.

    Raises:
        DataError: If a folder cannot be listed, or data.yaml cannot be read or names no classes.
    """
    is_description = place.path.suffix.lower() in _YAML
    root = place.path.parent if is_description or place.path.is_file() else place.path
    description = place.path if is_description else description_of(root)
    names = None if description is None else class_names(description)
    if not is_description and place.path.is_file():
        labels = Place(path=place.path, target=place.target)
    else:
        labels_root = root / LABELS if (root / LABELS).is_dir() else root
        labels = Place(path=labels_root, target=place.target)
    usual = root / IMAGES if (root / IMAGES).is_dir() else root
    items = _pictures(labels, place.images or usual, names, set_name_of(root))
    return OpenedSet(items=items, categories=names or ())


def description_of(root: Path) -> Path | None:
    """Find data.yaml in a folder or the one around it.

    Args:
        root: The folder.
    """
    for folder in (root, root.parent):
        found = [folder / f"data{suffix}" for suffix in _YAML]
        for file in found:
            if file.is_file():
                return file
    return None


def class_names(file: Path) -> tuple[str, ...]:
    """Read the names of the classes in the order of their numbers.

    Args:
        file: data.yaml.

    Raises:
        DataError: If it cannot be read, is not YAML, or does not name the classes from 0.
    """
    shown = display_name(file)
    try:
        if file.stat().st_size > _MOST_YAML_BYTES:
            raise DataError(f"{shown}: is too large for a description", hint="check the file")
        names = _names_in(yaml.load(file.read_bytes(), _Loader))
    except OSError as error:
        raise DataError(
            f"{shown}: cannot be read ({error.strerror or error})",
            hint="check the path and its permissions",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        if isinstance(error, _AliasError):
            raise DataError(f"{shown}: uses aliases (*)", hint="write the names out") from error
        where = "" if mark is None else f" at line {mark.line + 1} column {mark.column + 1}"
        raise DataError(f"{shown}: is not YAML{where}", hint="write it again") from error
    if names is not None:
        return names
    raise DataError(
        f"{shown}: its names must be a list or number the classes from 0",
        hint="write names: {0: cat, 1: dog}",
    )


def _names_in(content: object) -> tuple[str, ...] | None:
    """Give the names of a description, or None if they are none."""
    names = content.get("names") if isinstance(content, Mapping) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    # Text of a list in lists can be far longer than its file.
    if not isinstance(names, Mapping) or not all(
        isinstance(word, str | int | float | date) for pair in names.items() for word in pair
    ):
        return None
    by_key = {str(key): str(name) for key, name in names.items()}
    if len(by_key) < len(names) or not all(str(number) in by_key for number in range(len(names))):
        return None
    return tuple(by_key[str(number)] for number in range(len(names)))


def _pictures(
    labels: Place, pictures: Path, names: tuple[str, ...] | None, set_name: str
) -> Iterator[AnnotatedPicture | BadSample]:
    texts = {
        _picture_stem(inside, name): f"{inside}/{name}" if inside else name
        for inside, name in files_of(labels, (".txt",))
        if name.lower() not in _NOT_LABELS
    }
    folder = labels.path if labels.path.is_dir() else labels.path.parent
    found = _picture_names(pictures)
    if labels.path.is_file():
        found = {stem: name for stem, name in found.items() if stem in texts}
    for stem in sorted(texts.keys() | found.keys()):
        file = folder / texts.get(stem, f"{stem}.txt")
        shown = display_name(file)
        if stem not in found:
            yield bad_row(_NO_PICTURE, set_name, shown)
            continue
        try:
            text = file.read_bytes() if stem in texts else b""
        except OSError as error:
            yield bad_row(unreadable(error), set_name, shown)
            continue
        measured = measure((pictures,), found[stem], is_needed=True)
        if measured is None or isinstance(measured, Problem):
            yield bad_row(measured or _NO_PICTURE, set_name, shown)
            continue
        picture, problems = read_yolo(
            text, file_name=found[stem], size_hw=measured.size_hw, names=names
        )
        for problem in problems:
            yield bad_row(problem, set_name, f"{shown}: {problem.place}")
        yield picture


def _picture_stem(inside: str, name: str) -> str:
    """Give the name that a text's picture has: train/labels/x.txt is for train/images/x."""
    parts = [*inside.split("/"), split_suffix(name)[0]] if inside else [split_suffix(name)[0]]
    for place in reversed(range(len(parts) - 1)):
        if parts[place] == LABELS:
            parts[place] = IMAGES
            break
    return "/".join(parts)


def _picture_names(folder: Path) -> dict[str, str]:
    """Give the pictures of a folder by their names without suffix."""
    if not folder.is_dir():
        return {}
    names: dict[str, str] = {}
    for inside, files in walk(folder):
        for file in files:
            stem, suffix = split_suffix(file)
            if suffix in PICTURE_SUFFIXES:
                prefix = f"{inside}/" if inside else ""
                names.setdefault(prefix + stem, prefix + file)
    return names

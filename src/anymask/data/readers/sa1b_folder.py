"""SA-1B in a folder: a picture `name.jpg` beside its record `name.json`."""

from collections.abc import Iterator
from pathlib import Path

from anymask.data.readers.listing import PICTURE_SUFFIXES, split_suffix, walk
from anymask.data.readers.naming import picture_name, set_name_of
from anymask.data.readers.problem import bad_row
from anymask.data.readers.sa1b_record import (
    NO_PICTURE,
    NO_RECORD,
    TWO_OF_A_NAME,
    annotated_pair,
    picture_without_masks,
    unreadable,
)
from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.image import display_name
from anymask.masks.problem import Problem


def read_sa1b_folder(path: Path) -> Iterator[AnnotatedFile | BadSample]:
    """Read the pairs of a folder and the folders below it.

    Args:
        path: The folder.

    Yields:
        Pictures, folder by folder, by name; and what cannot be used: codes "no-annotation",
        "no-picture", "ambiguous-pair", "unreadable", and those of `annotated_pair`.

    Raises:
        DataError: If a folder cannot be listed.
    """
    set_name = set_name_of(path)
    for inside, files in walk(path):
        folder = path / inside
        for stem, members in _by_stem(files).items():
            records = [file for file in members if split_suffix(file)[1] == ".json"]
            pictures = [file for file in members if file not in records]
            problem = _pair_problem(len(pictures), len(records))
            if problem is not None:
                yield bad_row(problem, set_name, display_name(folder / members[0]))
                continue
            record, source = folder / records[0], folder / pictures[0]
            try:
                text = record.read_bytes()
            except OSError as error:
                yield bad_row(unreadable(error), set_name, display_name(record))
                continue
            picture = picture_without_masks(
                set_name, picture_name(inside, stem), source, display_name(source)
            )
            yield from annotated_pair(text, picture, display_name(record))


def _by_stem(files: list[str]) -> dict[str, list[str]]:
    stems: dict[str, list[str]] = {}
    for file in files:
        stem, suffix = split_suffix(file)
        if suffix == ".json" or suffix in PICTURE_SUFFIXES:
            stems.setdefault(stem, []).append(file)
    return stems


def _pair_problem(num_pictures: int, num_records: int) -> Problem | None:
    if num_records == 0:
        return NO_RECORD
    if num_pictures == 0:
        return NO_PICTURE
    return TWO_OF_A_NAME if num_pictures + num_records > 2 else None

"""Folders of label layers, opened: a JSON a picture and the layers beside it."""

from collections.abc import Iterator
from pathlib import Path

from anymask.data.conversion.source import (
    OpenedSet,
    Place,
    files_of,
    find_picture,
    measure,
    root_of,
    settled_size,
)
from anymask.data.readers.naming import leaves_folder, set_name_of
from anymask.data.readers.problem import bad_row
from anymask.data.readers.sa1b_record import unreadable
from anymask.data.sample_record import BadSample
from anymask.image import display_name
from anymask.masks.annotation import AnnotatedPicture
from anymask.masks.forms.label_layers import ENDING, layers_record, read_label_layers
from anymask.masks.problem import Problem
from anymask.masks.segmentation import image_size


def open_label_layers(place: Place) -> OpenedSet:
    """Open a folder of label layers and the folders below it, or the JSON of one picture.

    Args:
        place: The folder or file; layers lie beside the JSON, pictures too, or in `place.images`.

    Returns:
        Its pictures by folder and name. Codes of bad files: "unreadable", "path-leaves-folder",
        "no-picture", "unreadable-picture", "size-differs" and those of `layers_record` and
        `read_label_layers`.

    Raises:
        DataError: If a folder cannot be listed.
    """
    files = [one for one in files_of(place, (".json",)) if one[1].endswith(ENDING)]
    # A file that somebody named is read whatever it is called.
    files = files or ([("", place.path.name)] if not place.path.is_dir() else [])
    return OpenedSet(items=_pictures(place, files))


def _pictures(place: Place, files: list[tuple[str, str]]) -> Iterator[AnnotatedPicture | BadSample]:
    root, set_name = root_of(place), set_name_of(place.path)
    for inside, name in files:
        file = root / inside / name
        shown = display_name(file)
        try:
            found = _read(place, file, inside)
        except OSError as error:
            found = unreadable(error)
        if isinstance(found, Problem):
            layer = display_name(file.parent / found.place) if found.place else shown
            yield bad_row(found, set_name, layer)
            continue
        for problem in found[1]:
            yield bad_row(problem, set_name, f"{shown}: {problem.place}")
        yield found[0]


def _read(
    place: Place, file: Path, inside: str
) -> tuple[AnnotatedPicture, tuple[Problem, ...]] | Problem:
    record = layers_record(file.read_bytes())
    if isinstance(record, Problem):
        return record
    folders = (root_of(place) if place.images is None else place.images,)
    stem = file.name.removesuffix(ENDING)
    name = _picture_name(folders, inside, stem, record["image"].get("file_name"))
    measured = measure(folders, name, is_needed=place.images is not None)
    if isinstance(measured, Problem):
        return measured
    size_hw = settled_size(image_size(record["image"]), measured)
    if isinstance(size_hw, Problem):
        return size_hw
    return read_label_layers(
        record, lambda layer: (file.parent / layer).read_bytes(), name, size_hw
    )


def _picture_name(folders: tuple[Path, ...], inside: str, stem: str, told: object) -> str:
    """Give the picture's name relative to the folder, whether or not it is there."""
    prefix = f"{inside}/" if inside else ""
    if isinstance(told, str) and told and not leaves_folder(told):
        return f"{prefix}{told}"
    return find_picture(folders, f"{prefix}{stem}") or f"{prefix}{stem}.jpg"

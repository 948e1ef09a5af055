"""COCO and LVIS: one JSON file of images and annotations, the pictures in a folder.

Source: the published COCO data format; LVIS v1 names pictures by "coco_url" only.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anymask.data.readers.coco_index import index_coco
from anymask.data.readers.coco_pictures import picture_folders, picture_of
from anymask.data.readers.coco_source import CocoSource, misfits, repeated_images, shown_id
from anymask.data.readers.json_stream import read_element
from anymask.data.readers.listing import split_suffix
from anymask.data.readers.naming import picture_name, set_name_of
from anymask.data.readers.problem import bad_row
from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.image import display_name
from anymask.masks.problem import Problem
from anymask.masks.segmentation import image_size, segmentation_runs

_REPEATED_IMAGE = Problem(
    code="duplicate-image-id",
    message="another image has the same id",
    hint="give every image an id of its own",
)


def read_coco(
    path: Path, pictures: Path | None = None, *, left_out: Counter[str] | None = None
) -> Iterator[AnnotatedFile | BadSample]:
    """Read a COCO or LVIS file of any size; memory does not grow with its masks.

    Args:
        path: The JSON file.
        pictures: The folder of the pictures; without it the usual ones are looked through.
        left_out: Is told how many annotations were left out on purpose: key "crowd".

    Yields:
        First the records that belong to no picture, then the pictures in the order of the file,
        each after its bad masks. Codes: "bad-record", "unknown-image-id", "duplicate-image-id",
        "duplicate-annotation-id", "no-picture", "path-leaves-folder", and those of
        `segmentation_runs`.

    Raises:
        DataError: If the file cannot be read, is not whole JSON (line and column are named), or
            is no COCO file.
    """
    index = index_coco(path)
    folders = picture_folders(path, pictures)
    with path.open("rb") as file:
        source = CocoSource(
            set_name=set_name_of(path), shown=display_name(path), file=file.fileno(), index=index
        )
        is_crowd = index.annotations[:, 4] == 1
        if left_out is not None and is_crowd.any():
            left_out["crowd"] += int(is_crowd.sum())
        is_bad = index.strangers() | index.repeated_annotations()
        yield from misfits(source)
        usable = index.annotations[~is_bad & ~is_crowd]
        usable = usable[np.argsort(usable[:, 3], kind="stable")]
        begin = np.searchsorted(usable[:, 3], index.images[:, 0], side="left")
        end = np.searchsorted(usable[:, 3], index.images[:, 0], side="right")
        repeated = repeated_images(source)
        seen: set[str] = set()
        for number, (_, offset, num_bytes) in enumerate(index.images.tolist()):
            record = read_element(source.file, offset, num_bytes)
            place = f"{source.shown}: image {shown_id(record)}"
            found = _REPEATED_IMAGE if number in repeated else picture_of(record, folders)
            if isinstance(found, Problem):
                yield bad_row(found, source.set_name, place)
                continue
            name = picture_name(split_suffix(found[1])[0])
            name = f"{name}~{picture_name(str(record['id']))}" if name in seen else name
            seen.add(name)
            rows = usable[begin[number] : end[number]]
            yield from _picture(source, record, rows, (found[0], name))


def _picture(
    source: CocoSource,
    record: dict[str, object],
    rows: NDArray[np.int64],
    file_and_name: tuple[Path, str],
) -> Iterator[AnnotatedFile | BadSample]:
    size_hw = image_size(record)
    runs: list[NDArray[np.int64]] = []
    for _, offset, num_bytes, _, _ in rows.tolist():
        annotation = read_element(source.file, offset, num_bytes)
        found = segmentation_runs(annotation.get("segmentation"), size_hw)
        if isinstance(found, Problem):
            place = f"{source.shown}: annotation {shown_id(annotation)}"
            yield bad_row(found, source.set_name, place)
            continue
        counts, size_hw = found
        runs.append(counts)
    file, name = file_and_name
    yield AnnotatedFile(
        set_name=source.set_name,
        name=name,
        source=file,
        shown=display_name(os.fspath(file)),
        size_hw=size_hw,
        runs=tuple(runs),
    )

"""An open COCO file: which of its records belong together, and which to nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anymask.data.readers.coco_index import CocoIndex
from anymask.data.readers.json_stream import read_element
from anymask.data.readers.problem import bad_row
from anymask.data.sample_record import BadSample
from anymask.image import display_name
from anymask.masks.problem import Problem

_UNREADABLE = Problem(
    code="bad-record",
    message="is no record with an id and, for an annotation, an image_id",
    hint="remove it or write it again",
)
_REPEATED = Problem(
    code="duplicate-annotation-id",
    message="an earlier annotation has the same id",
    hint="give every annotation an id of its own",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoSource:
    """The open file and what is known of it.

    Attributes:
        set_name: Name of the data set.
        shown: Where the file is, for people.
        file: Its descriptor.
        index: Where its records stand.
    """

    set_name: str
    shown: str
    file: int
    index: CocoIndex


def misfits(source: CocoSource) -> Iterator[BadSample]:
    """Give the records that cannot be put to a picture.

    Args:
        source: The open file.

    Yields:
        Rows with codes "bad-record", "unknown-image-id", "duplicate-annotation-id".
    """
    index, set_name = source.index, source.set_name
    for key, number in index.unreadable:
        yield bad_row(_UNREADABLE, set_name, f"{source.shown}: {key}[{number}]")
    strange, repeated = index.strangers(), index.repeated_annotations()
    for number in np.flatnonzero(strange | repeated).tolist():
        _, offset, num_bytes = index.annotations[number, :3].tolist()
        record = read_element(source.file, offset, num_bytes)
        problem = _REPEATED
        if strange[number]:
            problem = Problem(
                code="unknown-image-id",
                message=f"its image_id {_shown(record['image_id'])} is no image of the file",
                hint="add the image or remove the annotation",
            )
        yield bad_row(problem, set_name, f"{source.shown}: annotation {shown_id(record)}")


def repeated_images(source: CocoSource) -> frozenset[int]:
    """Give the positions of images that cannot be told apart by their id.

    The first of several is kept where all name the same file: then it does not matter which.

    Args:
        source: The open file.
    """
    keys = source.index.images[:, 0]
    values, times = np.unique(keys, return_counts=True)
    repeated: set[int] = set()
    for key in values[times > 1].tolist():
        group = np.flatnonzero(keys == key)
        rows = source.index.images[group, 1:].tolist()
        files = {_file_of(read_element(source.file, *row)) for row in rows}
        repeated.update(group[1 if len(files) == 1 else 0 :].tolist())
    return frozenset(repeated)


def _file_of(record: dict[str, object]) -> str:
    return str(record.get("file_name") or record.get("coco_url"))


def shown_id(record: dict[str, object]) -> str:
    """Give the id of a record, for people.

    Args:
        record: The record.
    """
    return _shown(record.get("id"))


def _shown(identity: object) -> str:
    text = identity if isinstance(identity, str) else repr(identity)
    return display_name(text)[:80]

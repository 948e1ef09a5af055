"""Where in a COCO file each record stands, so that one picture's can be read at a time.

A record takes about fifty bytes here, so a file of 4 GB needs far less than 1 GB of memory.
"""

import hashlib
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anymask.data.readers.json_stream import Element, stream_elements
from anymask.errors import DataError
from anymask.image import display_name

_Ints = NDArray[np.int64]

_BITS_OF_AN_ID = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoIndex:
    """The records of a COCO file. Ids of any type are told apart by a number.

    Attributes:
        images: (N, 3): id, offset and length in bytes, in the order of the file.
        annotations: (M, 5): id, offset, length, id of the image, 1 for a crowd; crowds too.
        has_id: (M,) bool: whether the annotation has an id of its own.
        unreadable: (key, position in the list) of records without what every record needs.
        categories: (K, 3): id, offset and length, in the order of the file, if asked for.
    """

    images: _Ints
    annotations: _Ints
    has_id: NDArray[np.bool_]
    unreadable: tuple[tuple[str, int], ...]
    categories: _Ints

    def repeated_annotations(self) -> NDArray[np.bool_]:
        """Say which annotations have the id of an earlier one, (M,)."""
        repeated = np.zeros(len(self.annotations), np.bool_)
        with_id = np.flatnonzero(self.has_id)
        first = np.unique(self.annotations[with_id, 0], return_index=True)[1]
        repeated[with_id] = True
        repeated[with_id[first]] = False
        return repeated

    def strangers(self) -> NDArray[np.bool_]:
        """Say which annotations belong to no image of the file, (M,)."""
        return ~np.isin(self.annotations[:, 3], self.images[:, 0])


def index_coco(path: Path, *, with_categories: bool = False) -> CocoIndex:
    """Find every record of a COCO file, reading it once.

    Args:
        path: The JSON file.
        with_categories: Whether to look for categories too.

    Raises:
        DataError: If the file cannot be read, is not whole JSON, or is no COCO file.
    """
    keys = ("images", "annotations", *(("categories",) if with_categories else ()))
    numbers = {key: array("q") for key in ("images", "annotations", "categories")}
    places = dict.fromkeys(keys, 0)
    has_id, unreadable = array("b"), list[tuple[str, int]]()
    found_keys = set()
    for element in stream_elements(path, keys):
        found_keys.add(element.key)
        row = _annotation_row(element) if element.key == "annotations" else _plain_row(element)
        if row is None:
            unreadable.append((element.key, places[element.key]))
        else:
            numbers[element.key].extend(row)
            if element.key == "annotations":
                has_id.append(element.value.get("id") is not None)
        places[element.key] += 1
    if "images" not in found_keys:
        raise DataError(
            f'{display_name(path)}: is no COCO file: its "images" are missing',
            hint="check which format it is in",
        )
    return CocoIndex(
        images=np.array(numbers["images"], np.int64).reshape(-1, 3),
        annotations=np.array(numbers["annotations"], np.int64).reshape(-1, 5),
        has_id=np.array(has_id, np.bool_),
        unreadable=tuple(unreadable),
        categories=np.array(numbers["categories"], np.int64).reshape(-1, 3),
    )


def _plain_row(element: Element) -> tuple[int, ...] | None:
    record = element.value
    if not isinstance(record, dict) or record.get("id") is None:
        return None
    return _number_of(record["id"]), element.offset, element.num_bytes


def _annotation_row(element: Element) -> tuple[int, ...] | None:
    record = element.value
    if not isinstance(record, dict) or record.get("image_id") is None:
        return None
    return (
        _number_of(record.get("id")),
        element.offset,
        element.num_bytes,
        _number_of(record["image_id"]),
        int(record.get("iscrowd") in (1, True, "1")),
    )


def _number_of(identity: object) -> int:
    """Give a number for an id: a whole number itself, anything else by its hash."""
    if isinstance(identity, float) and identity.is_integer():
        identity = int(identity)
    if isinstance(identity, int) and abs(identity) < 1 << _BITS_OF_AN_ID:
        return int(identity)
    digest = hashlib.blake2b(repr(identity).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)

"""The tag directories of TIFF, which EXIF uses too: read sparingly, never trusted.

Values are read only when asked for, and never more than the metadata limit, so that a small
file cannot make a large one in memory by naming the same bytes many times.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType

from anymask.image.options import METADATA_LIMIT_BYTES

ReadAt = Callable[[int, int], bytes]

# TIFF 6.0, section 2, and BigTIFF: struct letter of each type's numbers.
TYPE_LETTERS = MappingProxyType(
    {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii",
     11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
)  # fmt: skip

_ORIENTATION = 274
_MOST_DIRECTORY_BYTES = 32 * 1024 * 1024  # some 100,000 pages


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag: the type and number of its values and where they stand."""

    type: int
    count: int
    position: int

    @property
    def num_bytes(self) -> int:
        """Size of all values."""
        return self.count * struct.calcsize(f"<{TYPE_LETTERS[self.type]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One page's tags, looked up when asked for.

    Attributes:
        read_at: Gives bytes of the file.
        order: "<" or ">", the byte order of the file.
        is_big: Whether the file is a BigTIFF.
        start: Where the entries stand in the file.
        body: The bytes of the entries.
        following: Where the next directory stands; 0 if there is none.
    """

    read_at: ReadAt
    order: str
    is_big: bool
    start: int
    body: bytes
    following: int

    def entry(self, tag: int) -> Entry | None:
        """Give the type, number and place of a tag's values; None if it is absent."""
        size, inline = (20, 8) if self.is_big else (12, 4)
        wanted = struct.pack(f"{self.order}H", tag)
        for at in range(0, len(self.body), size):
            if self.body[at : at + 2] != wanted:
                continue
            pointer = "Q" if self.is_big else "I"
            type_, count, value = struct.unpack_from(
                f"{self.order}H{pointer}{pointer}", self.body, at + 2
            )
            if type_ not in TYPE_LETTERS:
                return None
            entry = Entry(type_, count, value)
            if entry.num_bytes > inline:
                return entry
            # small values stand in the entry itself
            return Entry(type_, count, self.start + at + size - inline)
        return None

    def raw(self, tag: int) -> bytes:
        """Give the bytes of a tag's values; none if it is absent or too large."""
        entry = self.entry(tag)
        if entry is None or entry.num_bytes > METADATA_LIMIT_BYTES:
            return b""
        return self.read_at(entry.position, entry.num_bytes)

    def integers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Give a tag's values as whole numbers, or the default if it has none."""
        entry = self.entry(tag)
        letter = TYPE_LETTERS[entry.type] if entry else ""
        if entry is None or letter not in ("B", "H", "I", "Q", "h", "i"):
            return default
        data = self.raw(tag)
        num_whole = len(data) // struct.calcsize(f"<{letter}")
        return struct.unpack_from(f"{self.order}{num_whole}{letter}", data) or default

    def integer(self, tag: int, default: int = 0) -> int:
        """Give a tag's first value as a whole number, or the default."""
        return int(self.integers(tag, (default,))[0])


def directories(read_at: ReadAt) -> Iterator[Directory]:
    """Give the directories of the main chain, in order, each when it is asked for.

    Args:
        read_at: Gives up to so many bytes from an offset.

    Yields:
        The directories; none if the bytes do not begin as TIFF does. A chain that bites its
        tail ends there, and so does one with more tags than any real file has.
    """
    head = read_at(0, 16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return
    is_big = struct.unpack(f"{order}H", head[2:4])[0] == 43
    start = head[8:16] if is_big else head[4:8]
    if len(start) < (8 if is_big else 4):
        return
    (offset,) = struct.unpack(f"{order}{'Q' if is_big else 'I'}", start)
    seen: set[int] = set()
    num_bytes = 0
    while offset and offset not in seen and num_bytes < _MOST_DIRECTORY_BYTES:
        seen.add(offset)
        directory = _directory(read_at, offset, order, is_big=is_big)
        if directory is None:
            return
        yield directory
        num_bytes += len(directory.body)
        offset = directory.following


def exif_orientation(exif: bytes) -> int:
    """Give the orientation an EXIF block tells, 1 to 8; 1 if it tells none or nonsense.

    Args:
        exif: The block, with or without the "Exif" mark in front.

    Returns:
        The orientation.
    """
    data = exif.removeprefix(b"Exif\0\0")
    first = next(directories(lambda offset, count: data[offset : offset + count]), None)
    return orientation_in(first) if first else 1


def orientation_in(directory: Directory) -> int:
    """Give the orientation a directory tells, 1 to 8; 1 if it tells none or nonsense."""
    orientation = directory.integer(_ORIENTATION, 1)
    return orientation if 1 <= orientation <= 8 else 1


def _directory(read_at: ReadAt, offset: int, order: str, *, is_big: bool) -> Directory | None:
    letter, entry_size, pointer = ("Q", 20, "Q") if is_big else ("H", 12, "I")
    count_size, pointer_size = struct.calcsize(f"<{letter}"), struct.calcsize(f"<{pointer}")
    counted = read_at(offset, count_size)
    if len(counted) < count_size:
        return None
    num_entries = min(struct.unpack(f"{order}{letter}", counted)[0], 65_535)
    start = offset + count_size
    data = read_at(start, num_entries * entry_size + pointer_size)
    body, tail = data[: num_entries * entry_size], data[num_entries * entry_size :]
    if len(body) < num_entries * entry_size:
        return None
    is_whole = len(tail) == pointer_size
    return Directory(
        read_at=read_at,
        order=order,
        is_big=is_big,
        start=start,
        body=body,
        following=struct.unpack(f"{order}{pointer}", tail)[0] if is_whole else 0,
    )

"""The tag directories of TIFF, which EXIF uses too: read sparingly, never trusted.

Values are read only when asked for, and never more than the metadata limit, so that a small
file cannot make a large one in memory by naming the same bytes many times.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
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
_MOST_ENTRIES = 1_000_000


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


@dataclass(frozen=True, slots=True)
class Directory:
    """One page's tags.

    Attributes:
        read_at: Gives bytes of the file.
        order: "<" or ">", the byte order of the file.
        entries: What is there, by tag.
        following: Where the next directory stands; 0 if there is none.
    """

    read_at: ReadAt
    order: str
    entries: Mapping[int, Entry]
    following: int

    def raw(self, tag: int) -> bytes:
        """Give the bytes of a tag's values; none if it is absent or too large."""
        entry = self.entries.get(tag)
        if entry is None or entry.num_bytes > METADATA_LIMIT_BYTES:
            return b""
        return self.read_at(entry.position, entry.num_bytes)

    def integers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Give a tag's values as whole numbers, or the default if it has none."""
        entry = self.entries.get(tag)
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
    num_entries = 0
    while offset and offset not in seen and num_entries < _MOST_ENTRIES:
        seen.add(offset)
        directory = _directory(read_at, offset, order, is_big=is_big)
        if directory is None:
            return
        yield directory
        num_entries += len(directory.entries) + 1
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
    count_letter, entry_size, inline = ("Q", 20, 8) if is_big else ("H", 12, 4)
    count_size = struct.calcsize(f"<{count_letter}")
    counted = read_at(offset, count_size)
    if len(counted) < count_size:
        return None
    num_entries = min(struct.unpack(f"{order}{count_letter}", counted)[0], 65_535)
    body = read_at(offset + count_size, num_entries * entry_size + inline)
    if len(body) < num_entries * entry_size:
        return None
    pointer = "Q" if is_big else "I"
    entries: dict[int, Entry] = {}
    for index in range(num_entries):
        tag, type_, count, value = struct.unpack_from(
            f"{order}HH{pointer}{pointer}", body, index * entry_size
        )
        if type_ not in TYPE_LETTERS:
            continue
        entry = Entry(type_, count, value)
        if entry.num_bytes <= inline:  # small values stand in the entry itself
            start = offset + count_size + index * entry_size + entry_size - inline
            entry = Entry(type_, count, start)
        entries.setdefault(tag, entry)
    tail = body[num_entries * entry_size :]
    following = struct.unpack(f"{order}{pointer}", tail)[0] if len(tail) == inline else 0
    return Directory(read_at, order, entries, following)

"""One page of a TIFF: its layout, its compressed chunks, and both written anew on their own.

A page is cut out of its file before it is decoded. So a stack of many gigabytes costs one page
of memory, tags that nobody needs are never parsed, and the same pixels can be described to the
decoder in another way (see `tiff_samples`).
"""

import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from anymask.errors import ImageError
from anymask.image.limits import check_num_bytes
from anymask.image.source import Source
from anymask.image.tiff_directory import TYPE_LETTERS, Directory

# TIFF 6.0, sections 8, 13 to 15 and 22; the tags' numbers.
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
NUM_BANDS, ROWS_A_STRIP, PLANAR, PREDICTOR = 277, 278, 284, 317
TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES, SAMPLE_FORMAT = 322, 323, 338, 339
_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS = 273, 279, 324, 325

# What a decoder needs to know besides where the chunks are: also fill order, fax options,
# colour map, JPEG tables, and how luma and chroma are stored.
_KEPT = (
    WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, 266, NUM_BANDS, ROWS_A_STRIP, PLANAR, 292, 293,
    PREDICTOR, 320, TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES, SAMPLE_FORMAT, 347, 529, 530, 531, 532,
)  # fmt: skip

COMPRESSIONS = MappingProxyType(
    {1: "none", 2: "CCITT", 3: "CCITT 3", 4: "CCITT 4", 5: "LZW", 7: "JPEG", 8: "deflate",
     32773: "PackBits", 32946: "deflate", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP"}
)  # fmt: skip

_MOST_PAGE_BYTES = 4 * 10**9  # a page is written anew with offsets of 32 bits

Tags = Mapping[int, tuple[str, tuple[int, ...]]]  # by number: struct letter and values


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a page's samples are stored.

    Attributes:
        size_hw: Height and width, pixels.
        bits: Bits of a sample, one number a band.
        sample_format: 1 unsigned, 2 signed, 3 float.
        photometric: 0 and 1 grey, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr, 8 Lab.
        extra: What each band beyond the colours is: 0 anything, 1 premultiplied alpha, 2 alpha.
        compression: TIFF's number for it.
        predictor: 1 none, 2 differences, 3 differences of float bytes.
        is_planar: Whether each band is stored on its own.
        tile_hw: Size of a tile, or None for strips.
    """

    size_hw: tuple[int, int]
    bits: tuple[int, ...]
    sample_format: int
    photometric: int
    extra: tuple[int, ...]
    compression: int
    predictor: int
    is_planar: bool
    tile_hw: tuple[int, int] | None

    @property
    def num_bands(self) -> int:
        """How many samples a pixel has."""
        return len(self.bits)


def layout_of(directory: Directory) -> Layout:
    """Say how a page's samples are stored.

    Args:
        directory: The page's tags.

    Returns:
        The layout, with TIFF's defaults where tags are absent.
    """
    compression = directory.integer(COMPRESSION, 1)
    photometric = directory.integer(PHOTOMETRIC, 1)
    is_colour_jpeg = compression == 7 and photometric in (2, 6)
    num_bands = max(1, directory.integer(NUM_BANDS, 3 if is_colour_jpeg else 1))
    bits = directory.integers(BITS, (1,))
    if len(bits) < num_bands:
        bits = bits[:1] * min(num_bands, 65_535)
    tile = (directory.integer(TILE_HEIGHT), directory.integer(TILE_WIDTH))
    return Layout(
        size_hw=(directory.integer(HEIGHT), directory.integer(WIDTH)),
        bits=bits[:num_bands],
        sample_format=directory.integer(SAMPLE_FORMAT, 1),
        photometric=photometric,
        extra=directory.integers(EXTRA_SAMPLES),
        compression=compression,
        predictor=directory.integer(PREDICTOR, 1),
        is_planar=directory.integer(PLANAR, 1) == 2 and num_bands > 1,
        tile_hw=tile if min(tile) > 0 else None,
    )


def read_chunks(source: Source, directory: Directory, max_pixels: int) -> list[bytes]:
    """Give the compressed strips or tiles of a page, in order.

    Args:
        source: The opened file.
        directory: The page's tags.
        max_pixels: Largest width × height that is decoded.

    Returns:
        One block of bytes a strip or tile; shorter where the file is cut short.

    Raises:
        ImageError: If none are named, or together they claim too many bytes.
    """
    is_tiled = directory.entry(_TILE_OFFSETS) is not None
    offsets = directory.integers(_TILE_OFFSETS if is_tiled else _STRIP_OFFSETS)
    counts = directory.integers(_TILE_COUNTS if is_tiled else _STRIP_COUNTS)
    if not offsets:
        raise ImageError(
            f"{source.name}: names no place where its pixels are", hint="write it again"
        )
    if len(counts) != len(offsets):
        ends = sorted({*offsets, source.num_bytes})
        ends_after = dict(zip(ends, [*ends[1:], source.num_bytes], strict=True))
        counts = tuple(max(0, ends_after[offset] - offset) for offset in offsets)
    check_num_bytes(source.name, sum(counts), min(max_pixels, _MOST_PAGE_BYTES // 16))
    return [source.read_at(offset, count) for offset, count in zip(offsets, counts, strict=True)]


def kept_tags(directory: Directory) -> Tags:
    """Give the tags of a page that a decoder needs.

    Args:
        directory: The page's tags.

    Returns:
        Tag number to struct letter and values.
    """
    tags: dict[int, tuple[str, tuple[int, ...]]] = {}
    for tag in _KEPT:
        entry = directory.entry(tag)
        if entry is None or not (raw := directory.raw(tag)):
            continue
        letter = TYPE_LETTERS[entry.type]
        num_whole = len(raw) // struct.calcsize(f"<{letter[0]}")
        if letter in ("f", "d"):
            continue
        values = struct.unpack_from(f"{directory.order}{num_whole}{letter[0]}", raw)
        if values and max(values) < 2**32:
            tags[tag] = (letter if letter != "Q" else "I", values)
    return tags


def write_page(order: str, tags: Tags, chunks: list[bytes], *, is_tiled: bool) -> bytes:
    """Write a TIFF of one page.

    Args:
        order: "<" or ">", the byte order of the samples and the file.
        tags: Tag number to struct letter and values.
        chunks: The compressed strips or tiles, in order.
        is_tiled: Whether they are tiles.

    Returns:
        The bytes of the file.
    """
    places = (_TILE_OFFSETS, _TILE_COUNTS) if is_tiled else (_STRIP_OFFSETS, _STRIP_COUNTS)
    counts = tuple(len(chunk) for chunk in chunks)
    all_tags = {**tags, places[0]: ("I", (0,) * len(chunks)), places[1]: ("I", counts)}
    head = _header(order, all_tags)
    # The chunks come last: one that is cut short must end the file, as it did before.
    offsets = tuple(itertools.accumulate(counts, initial=len(head)))[:-1]
    return b"".join([_header(order, {**all_tags, places[0]: ("I", offsets)}), *chunks])


def _header(order: str, tags: Tags) -> bytes:
    """Write a header, its one directory and the values that do not fit into it."""
    codes = {letter: code for code, letter in sorted(TYPE_LETTERS.items(), reverse=True)}
    directory = struct.pack(f"{order}H", len(tags))
    values_at = 8 + len(directory) + 12 * len(tags) + 4
    values = b""
    for tag, (letter, numbers) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}{letter[0]}", *numbers)
        directory += struct.pack(f"{order}HHI", tag, codes[letter], len(numbers) // len(letter))
        if len(packed) <= 4:
            directory += packed.ljust(4, b"\0")
        else:
            directory += struct.pack(f"{order}I", values_at + len(values))
            values += packed + b"\0" * (len(packed) % 2)
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return start + directory + bytes(4) + values

"""The Netpbm family: PBM, PGM, PPM and PFM, plain and raw, any depth.

Read here rather than by Pillow, which cuts deep colours to 8 bits and goes through unusual
depths a pixel at a time.
"""

import re

import numpy as np
from numpy.typing import NDArray

from anymask.errors import ImageError
from anymask.image.decoded import Decoded, Samples
from anymask.image.limits import check_num_bytes, check_size
from anymask.image.options import ReadOptions
from anymask.image.pages import check_page
from anymask.image.rows import accept_rows
from anymask.image.source import Source

_HEADER_BYTES = 65_536
_COMMENT = re.compile(rb"#[^\r\n]*")
_TOKEN = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*([^\s#]+)")


def read_netpbm(source: Source, options: ReadOptions) -> Decoded:
    """Decode a PBM, PGM, PPM or PFM file.

    Args:
        source: The opened file.
        options: How to read it.

    Returns:
        The raw samples.

    Raises:
        ImageError: If it is too large, damaged, or cut short without leave.
        InputError: If a page other than 0 is asked for.
    """
    head = source.read_at(0, _HEADER_BYTES)
    magic = head[:2]
    width, height, largest, offset = _header(head, magic, source.name)
    check_size(source.name, width, height, options.max_pixels)
    check_page(source.name, options.page, 1)
    num_bands = 3 if magic in (b"P3", b"P6", b"PF") else 1
    check_num_bytes(source.name, source.num_bytes, options.max_pixels)
    body = source.read_at(offset, source.num_bytes)
    row_length = width * num_bands
    if magic in (b"Pf", b"PF"):
        flat = _whole_rows(body, np.dtype("<f4" if largest < 0 else ">f4"), row_length)
    elif magic == b"P4":
        packed = _whole_rows(body, np.dtype(np.uint8), -(-width // 8))[:height]
        flat = 1 - np.unpackbits(packed, axis=1)[:, :width]
    elif magic in (b"P5", b"P6"):
        dtype = np.dtype(np.uint8 if largest < 256 else ">u2")
        flat = _whole_rows(body, dtype, row_length)
    else:
        flat = _plain(body, magic, row_length, source.name)
    rows = flat[:height]
    notes = accept_rows(source.name, len(rows), height, options) if len(rows) < height else ()
    if magic in (b"Pf", b"PF"):  # stored from the bottom up
        return Decoded(
            raster=_samples(rows[::-1], width), mode="RGB" if num_bands == 3 else "L", notes=notes
        )
    if rows.max(initial=0) > largest:
        raise ImageError(
            f"{source.name}: holds {rows.max()}, above the {largest:g} its header allows",
            hint="write it again with the right maximum",
        )
    return Decoded(
        raster=_samples(rows, width),
        mode="RGB" if num_bands == 3 else "L",
        full_scale=int(largest),
        notes=notes,
    )


def _header(head: bytes, magic: bytes, name: str) -> tuple[int, int, float, int]:
    """Give width, height, largest value (PFM: its signed scale), and where the pixels begin."""
    numbers: list[float] = []
    offset = 2
    for _ in range(2 if magic in (b"P1", b"P4") else 3):
        token = _TOKEN.match(head, offset)
        if token is None or len(token[1]) > 40:
            raise _bad_header(name)
        try:
            numbers.append(float(token[1]) if len(numbers) == 2 else int(token[1]))
        except ValueError as error:
            raise _bad_header(name) from error
        offset = token.end()
    width, height, largest = (*numbers, 1.0)[:3]
    if magic not in (b"Pf", b"PF") and not 1 <= largest <= 65_535:
        raise _bad_header(name)
    return int(width), int(height), largest, offset + 1  # exactly one blank follows


def _bad_header(name: str) -> ImageError:
    return ImageError(f"{name}: is damaged in its PPM header", hint="write or download it again")


def _whole_rows(body: bytes, dtype: np.dtype[np.generic], row_length: int) -> Samples:
    """Give the rows that are whole, (rows, row_length)."""
    num_rows = len(body) // (row_length * dtype.itemsize)
    return np.frombuffer(body, dtype, num_rows * row_length).reshape(num_rows, row_length)


def _plain(body: bytes, magic: bytes, row_length: int, name: str) -> Samples:
    """Read samples written as decimal numbers."""
    text = _COMMENT.sub(b" ", body)
    if text.translate(None, b"0123456789 \t\r\n\v\f"):
        raise ImageError(
            f"{name}: is damaged, it holds more than numbers", hint="write or download it again"
        )
    values: NDArray[np.int64]
    if magic == b"P1":  # its digits need no blanks between them
        digits = np.frombuffer(text, np.uint8)
        values = 1 - (digits[digits > ord(" ")].astype(np.int64) - ord("0"))
        if values.min(initial=0) < 0:
            raise _bad_header(name)
    else:
        values = np.fromstring(text.decode("ascii"), np.int64, sep=" ")
    num_rows = values.size // row_length
    return values[: num_rows * row_length].reshape(num_rows, row_length)


def _samples(rows: Samples, width: int) -> Samples:
    native = rows.astype(rows.dtype.newbyteorder("="), copy=False)
    if native.dtype == np.int64:
        native = native.clip(0, 65_536).astype(np.uint32)
    return np.ascontiguousarray(native).reshape(len(rows), width, -1)

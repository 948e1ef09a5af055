"""JPEG: the header walked by hand, the pixels by Pillow.

Everything but what the decoder needs is left out before Pillow sees the file, so neither its
EXIF parser nor its list of comments can be made to grow.
"""

import io
import struct
from dataclasses import dataclass, field

from PIL import ImageChops
from PIL.JpegImagePlugin import JpegImageFile

from anymask.errors import ImageError
from anymask.image.decoded import Decoded
from anymask.image.limits import MetadataBudget, check_num_bytes, check_size
from anymask.image.options import ReadOptions
from anymask.image.pages import check_page
from anymask.image.rows import cut_in_header, load_rows
from anymask.image.source import Source
from anymask.image.tiff_directory import exif_orientation

_START_OF_SCAN = 0xDA
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})
_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})
_MOST_SEGMENTS = 20_000


@dataclass(slots=True)
class _Header:
    """What stands before the first scan."""

    size_wh: tuple[int, int] = (0, 0)
    kept: list[bytes] = field(default_factory=list)
    exif: bytes = b""
    icc_parts: dict[int, bytes] = field(default_factory=dict)
    budget: MetadataBudget = field(default_factory=MetadataBudget)
    scan_offset: int = 0
    has_adobe_mark: bool = False


def read_jpeg(source: Source, options: ReadOptions) -> Decoded:
    """Decode a JPEG file.

    Args:
        source: The opened file.
        options: How to read it.

    Returns:
        The raw picture, its profile and its orientation.

    Raises:
        ImageError: If it is too large, damaged, or cut short without leave.
        InputError: If a page other than 0 is asked for.
    """
    header = _walk(source, options.max_pixels)
    check_page(source.name, options.page, 1)
    check_num_bytes(source.name, source.num_bytes, options.max_pixels)
    scans = source.read_at(header.scan_offset, source.num_bytes)
    data = b"\xff\xd8" + b"".join(header.kept) + scans
    image, notes = load_rows(
        lambda: JpegImageFile(io.BytesIO(data)),
        lambda: JpegImageFile(io.BytesIO(data + b"\xff\xd9")),
        name=source.name,
        options=options,
    )
    if image.mode == "CMYK" and not header.has_adobe_mark:
        # Pillow takes every four-colour JPEG for one of Adobe's, which store ink upside down.
        image = ImageChops.invert(image)
    parts = [part for _, part in sorted(header.icc_parts.items())]
    return Decoded(
        raster=image,
        icc=b"".join(parts) or None,
        orientation=exif_orientation(header.exif),
        notes=(*notes, *header.budget.notes()),
    )


def read_jpeg_size(source: Source, max_pixels: int) -> tuple[tuple[int, int], int]:
    """Read the size and the EXIF orientation of a JPEG file from its header.

    Args:
        source: The opened file.
        max_pixels: Larger pictures are refused.

    Returns:
        (height, width) as stored, pixels; and the orientation, 1 to 8.

    Raises:
        ImageError: If it is too large, or its header is damaged or cut short.
    """
    header = _walk(source, max_pixels)
    width, height = header.size_wh
    return (height, width), exif_orientation(header.exif)


def _walk(source: Source, max_pixels: int) -> _Header:
    header = _Header()
    offset = 2
    for _ in range(_MOST_SEGMENTS):
        marker, start = _next_marker(source, offset)
        if marker in _WITHOUT_LENGTH:
            offset = start
            continue
        raw_length = source.read_at(start, 2)
        if len(raw_length) < 2:
            raise cut_in_header(source.name)
        (length,) = struct.unpack(">H", raw_length)
        if marker == _START_OF_SCAN:
            header.scan_offset = start - 2
            check_size(source.name, *header.size_wh, max_pixels)
            return header
        body = source.read_at(start + 2, length - 2)
        if len(body) < length - 2:
            raise cut_in_header(source.name)
        if marker in _FRAME_HEADERS and len(body) >= 5:
            height, width = struct.unpack(">HH", body[1:5])
            header.size_wh = (width, height)
            check_size(source.name, width, height, max_pixels)
        if marker not in _METADATA or _is_needed_metadata(header, marker, body):
            header.kept.append(b"\xff" + bytes([marker]) + raw_length + body)
        offset = start + max(length, 2)
    raise ImageError(f"{source.name}: its JPEG header never ends", hint="download it again")


def _next_marker(source: Source, offset: int) -> tuple[int, int]:
    """Give the next marker and where its segment's length stands, past any filling."""
    while True:
        window = source.read_at(offset, 512)
        if len(window) < 2:
            raise cut_in_header(source.name)
        for index in range(len(window) - 1):
            if window[index] == 0xFF and window[index + 1] not in (0x00, 0xFF):
                return window[index + 1], offset + index + 2
        offset += len(window) - 1


def _is_needed_metadata(header: _Header, marker: int, body: bytes) -> bool:
    """Take what is ours out of a metadata segment; say whether Pillow needs to see it."""
    if not header.budget.take(_metadata_name(marker), len(body)):
        return False
    if marker == 0xE1 and body.startswith(b"Exif\0\0") and not header.exif:
        header.exif = body
    elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
        header.icc_parts.setdefault(body[12], body[14:])
    elif marker == 0xEE and body.startswith(b"Adobe"):
        header.has_adobe_mark = True
        return True
    return marker == 0xE0 and body.startswith(b"JFIF")


def _metadata_name(marker: int) -> str:
    return "comment" if marker == 0xFE else f"APP{marker & 15}"

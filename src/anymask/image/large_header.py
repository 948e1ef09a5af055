"""What must be known of a file before its pixels are decoded in strips."""

import struct
from dataclasses import dataclass

from anymask.errors import ImageError, InputError
from anymask.image.jpeg import read_jpeg_size
from anymask.image.options import MAX_PIXELS, ReadOptions
from anymask.image.pages import check_page
from anymask.image.rows import cut_in_header
from anymask.image.source import Source
from anymask.image.tiff_directory import Directory, directories, orientation_in
from anymask.image.tiff_page import COMPRESSIONS, layout_of

FORMATS = ("JPEG", "PNG", "TIFF")
"""What can be decoded in strips."""

_ANY_SIZE = 2**63
_KIND = 254
_REDUCED_OR_MASK = 1 | 4
_READ_COLOURS = (0, 1, 2, 3, 5, 6)
_PREMULTIPLIED, _PLAIN_ALPHA = 1, 2
_LARGE_TILE_PIXELS = 4096 * 4096
_PLACES = ((273, 279), (324, 325))  # offsets and lengths of strips, of tiles
_START_OF_SCAN = 0xDA
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeHeader:
    """A file's header.

    Attributes:
        format: One of `FORMATS`.
        size_hw: Size as stored, pixels.
        is_whole_only: Whether a decoder needs memory for the whole picture at once.
        page: Which directory of a TIFF, from 0, previews counted too.
        num_bands: Samples a pixel of a TIFF; None for other formats.
        has_alpha: Whether a band beyond the colours is opacity.
        orientation: As a TIFF tells it, 1 to 8; 1 for other formats.
    """

    format: str
    size_hw: tuple[int, int]
    is_whole_only: bool = False
    page: int = 0
    num_bands: int | None = None
    has_alpha: bool = True
    orientation: int = 1


def read_large_header(
    source: Source, format_name: str, options: ReadOptions, *, max_pixels: int
) -> LargeHeader:
    """Read a header and refuse what could not be decoded in little memory.

    Args:
        source: The opened file.
        format_name: One of `FORMATS`.
        options: Which page, and whether it may be cut short.
        max_pixels: Largest width × height that is decoded.

    Returns:
        The header.

    Raises:
        ImageError: If it is damaged or cut short, claims too many pixels, or the pixels are
            stored so that they only decode as a whole, and are many.
        InputError: If there is no such page.
    """
    if format_name != "TIFF":
        check_page(source.name, options.page, 1)
    if format_name == "TIFF":
        header = _of_tiff(source, options.page, allow_truncated=options.allow_truncated)
    else:
        header = _of_jpeg(source) if format_name == "JPEG" else _of_png(source)
    height, width = header.size_hw
    if height < 1 or width < 1:
        raise ImageError(
            f"{source.name}: has no pixels ({width}x{height})", hint="download or copy it again"
        )
    if height * width > max_pixels:
        raise ImageError(
            f"{source.name}: {-(-height * width // 10**6)} megapixels, limit {max_pixels // 10**6}",
            hint="cut it into several files",
        )
    if header.is_whole_only and height * width > MAX_PIXELS:
        raise ImageError(
            f"{source.name}: {-(-height * width // 10**6)} megapixels that only decode all at once "
            "(progressive, interlaced or in one piece)",
            hint="save it as a TIFF with tiles of 256x256",
        )
    return header


def _of_jpeg(source: Source) -> LargeHeader:
    size_hw, _ = read_jpeg_size(source, _ANY_SIZE)
    return LargeHeader(format="JPEG", size_hw=size_hw, is_whole_only=_is_progressive(source))


def _is_progressive(source: Source) -> bool:
    """Look for the frame header; that the segments can be walked is known."""
    offset = 2
    while len(head := source.read_at(offset, 4)) == 4:
        if head[0] != 0xFF or head[1] == 0xFF:
            offset += 1
            continue
        if head[1] in _FRAME_HEADERS or head[1] == _START_OF_SCAN:
            return head[1] in _PROGRESSIVE
        offset += 2 + int.from_bytes(head[2:4], "big")
    return False


def _of_png(source: Source) -> LargeHeader:
    head = source.read_at(0, 33)
    if len(head) < 33 or head[12:16] != b"IHDR":
        raise cut_in_header(source.name)
    width, height, *_, interlace = struct.unpack(">IIBBBBB", head[16:29])
    return LargeHeader(format="PNG", size_hw=(height, width), is_whole_only=interlace != 0)


def _of_tiff(source: Source, page: int, *, allow_truncated: bool) -> LargeHeader:
    chain = list(enumerate(directories(source.read_at)))
    if not chain:
        raise cut_in_header(source.name)
    pages = [one for one in chain if not one[1].integer(_KIND) & _REDUCED_OR_MASK] or chain
    check_page(source.name, page, len(pages))
    number, directory = pages[page]
    layout = layout_of(directory)
    is_read = layout.compression in COMPRESSIONS and layout.photometric in _READ_COLOURS
    if not is_read or layout.extra[:1] == (_PREMULTIPLIED,):
        raise InputError(
            f"{source.name}: is a TIFF of a kind that is not read in tiles",
            hint="write it as RGB with deflate compression",
        )
    if not allow_truncated:
        _check_chunks(source, directory)
    tile = layout.tile_hw
    return LargeHeader(
        format="TIFF",
        size_hw=layout.size_hw,
        is_whole_only=tile is not None and tile[0] * tile[1] > _LARGE_TILE_PIXELS,
        page=number,
        num_bands=layout.num_bands,
        has_alpha=layout.extra[:1] == (_PLAIN_ALPHA,),
        orientation=orientation_in(directory),
    )


def _check_chunks(source: Source, directory: Directory) -> None:
    """Refuse a page whose strips or tiles reach beyond the file: its decoder makes them black."""
    for offsets_tag, lengths_tag in _PLACES:
        offsets, lengths = directory.integers(offsets_tag), directory.integers(lengths_tag)
        ends = [sum(place) for place in zip(offsets, lengths, strict=False)]
        missing = sum(end > source.num_bytes for end in ends)
        if missing:
            raise ImageError(
                f"{source.name}: cut short, {missing} of {len(ends)} strips or tiles are missing",
                hint="download it again, or use what is there with --allow-truncated",
            )

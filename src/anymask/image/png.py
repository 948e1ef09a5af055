"""PNG: the chunks walked by hand, the pixels by Pillow, deep colours by OpenCV.

Texts and profiles are unpacked here within a limit, or not at all; Pillow sees only the chunks
that make pixels.
"""

import io
import struct
import zlib

import numpy as np
from PIL.PngImagePlugin import PngImageFile

from anymask.image.animation import load_frame
from anymask.image.decoded import Decoded, Samples
from anymask.image.limits import MetadataBudget, check_num_bytes, check_size
from anymask.image.options import ReadOptions
from anymask.image.rows import cut_in_header
from anymask.image.source import Source
from anymask.image.tiff_directory import exif_orientation

_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"})
_GREY = 0  # colour type in the header


def read_png(source: Source, options: ReadOptions) -> Decoded:
    """Decode a PNG, or one frame of an animated PNG.

    Args:
        source: The opened file.
        options: How to read it.

    Returns:
        The raw picture, its profile and its orientation.

    Raises:
        ImageError: If it is too large, damaged, or cut short without leave.
        InputError: If a frame is asked for that is not there.
    """
    width, height, depth, kind = _header(source)
    check_size(source.name, width, height, options.max_pixels)
    check_num_bytes(source.name, source.num_bytes, options.max_pixels)
    budget = MetadataBudget()
    pixels_only, metadata = _without_metadata(source.read_all(), budget)
    image, notes = load_frame(lambda: PngImageFile(io.BytesIO(pixels_only)), source.name, options)
    deep = None
    if depth == 16 and kind != _GREY and not notes and options.page == 0:
        deep = _deep_samples(pixels_only)
    transparent = _transparent_grey(metadata) if kind == _GREY else None
    if transparent is not None and depth < 16 and "transparency" in image.info:
        image = image.convert("L")
        # samples were spread to 0 to 255, whatever Pillow made of the one that is transparent
        image.info["transparency"] = transparent * 255 // (2**depth - 1)
    return Decoded(
        raster=image if deep is None else deep,
        mode=None if deep is None else ("RGB" if deep.shape[2] == 3 else "RGBA"),
        full_scale=None if deep is None else 65_535,
        transparent_value=transparent if depth == 16 else None,
        icc=metadata.get(b"iCCP"),
        orientation=exif_orientation(metadata.get(b"eXIf", b"")),
        notes=(*notes, *budget.notes()),
    )


def read_png_size(source: Source, max_pixels: int) -> tuple[tuple[int, int], int]:
    """Read the size and the EXIF orientation of a PNG file; no pixel is decoded.

    Args:
        source: The opened file.
        max_pixels: Larger pictures are refused.

    Returns:
        (height, width) as stored, pixels; and the orientation, 1 to 8.

    Raises:
        ImageError: If it is too large, or its header is cut short.
    """
    width, height, _, _ = _header(source)
    check_size(source.name, width, height, max_pixels)
    check_num_bytes(source.name, source.num_bytes, max_pixels)
    metadata = _without_metadata(source.read_all(), MetadataBudget())[1]
    return (height, width), exif_orientation(metadata.get(b"eXIf", b""))


def _header(source: Source) -> tuple[int, int, int, int]:
    """Give width, height, depth and kind of colour."""
    head = source.read_at(0, 33)
    if len(head) < 33 or head[12:16] != b"IHDR":
        raise cut_in_header(source.name)
    width, height, depth, kind = struct.unpack(">IIBB", head[16:26])
    return width, height, depth, kind


def _deep_samples(data: bytes) -> Samples | None:
    """Give 16-bit RGB or RGBA samples, (H, W, 3 or 4), which Pillow would cut to 8 bits.

    Pillow has decoded the same bytes before, so they are whole; None if OpenCV disagrees.
    """
    import cv2

    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.ndim != 3:
        return None
    if decoded.shape[2] == 3:
        return np.ascontiguousarray(decoded[:, :, ::-1])
    return decoded[:, :, [2, 1, 0, 3]] if decoded.shape[2] == 4 else None


def _transparent_grey(metadata: dict[bytes, bytes]) -> int | None:
    """Give the grey sample that stands for transparent, at the file's own depth."""
    body = metadata.get(b"tRNS", b"")
    return int.from_bytes(body[:2], "big") if len(body) >= 2 else None


def _without_metadata(data: bytes, budget: MetadataBudget) -> tuple[bytes, dict[bytes, bytes]]:
    """Split a PNG into the chunks that make pixels, and its profile, EXIF and transparency."""
    view = memoryview(data)
    kept: list[memoryview] = [view[:8]]
    metadata: dict[bytes, bytes] = {}
    offset = 8
    while offset + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, offset)
        kind = data[offset + 4 : offset + 8]
        if kind in _PIXEL_CHUNKS:
            kept.append(view[offset : offset + length + 12])
        if kind not in _PIXEL_CHUNKS or kind == b"tRNS":
            body = data[offset + 8 : offset + 8 + length]
            unpacked = _unpacked(kind, body, budget)
            if unpacked is not None:
                metadata.setdefault(kind, unpacked)
        offset += length + 12
        if kind == b"IEND":
            break
    return b"".join(kept), metadata


def _unpacked(kind: bytes, body: bytes, budget: MetadataBudget) -> bytes | None:
    """Give what a chunk holds, unpacked no further than the budget; None if it is too large."""
    packed = _packed_part(kind, body)
    if packed is None:
        unpacked = body
    else:
        try:
            unpacked = zlib.decompressobj().decompress(packed, budget.left_bytes + 1)
        except zlib.error:
            # A broken profile must be noted later, where profiles are used.
            unpacked = b"broken" if kind == b"iCCP" else b""
    name = kind.decode("ascii") if kind.isalpha() and kind.isascii() else "unknown"
    return unpacked if budget.take(name, len(unpacked)) else None


def _packed_part(kind: bytes, body: bytes) -> bytes | None:
    """Give the compressed part of a chunk, or None if it has none."""
    if kind in (b"iCCP", b"zTXt"):
        return body.partition(b"\0")[2][1:]
    if kind == b"iTXt":
        rest = body.partition(b"\0")[2]
        if rest[:1] == b"\x01":
            return rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return None

"""GIF and WebP, and the choice of one frame of an animation."""

import io
import struct

from PIL import Image, ImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.WebPImagePlugin import WebPImageFile

from anymask.errors import ImageError
from anymask.image.decoded import Decoded
from anymask.image.limits import MetadataBudget, check_num_bytes, check_size
from anymask.image.options import ReadOptions
from anymask.image.pages import check_page
from anymask.image.rows import DECODER_ERRORS, OpenPlugin, cut_in_header, load_rows
from anymask.image.source import Source
from anymask.image.tiff_directory import exif_orientation


def read_gif(source: Source, options: ReadOptions) -> Decoded:
    """Decode one frame of a GIF.

    Args:
        source: The opened file.
        options: How to read it.

    Returns:
        The raw frame.

    Raises:
        ImageError: If it is too large, damaged, or cut short without leave.
        InputError: If a frame is asked for that is not there.
    """
    head = source.read_at(6, 4)
    if len(head) == 4:
        width, height = struct.unpack("<HH", head)
        check_size(source.name, width, height, options.max_pixels)
    check_num_bytes(source.name, source.num_bytes, options.max_pixels)
    data = source.read_all()
    image, notes = load_frame(lambda: GifImageFile(io.BytesIO(data)), source.name, options)
    return Decoded(raster=image, notes=notes)


def read_webp(source: Source, options: ReadOptions) -> Decoded:
    """Decode one frame of a WebP.

    Args:
        source: The opened file.
        options: How to read it.

    Returns:
        The raw frame, its profile and its orientation.

    Raises:
        ImageError: If it is too large, damaged or cut short; WebP cannot be read in part.
        InputError: If a frame is asked for that is not there.
    """
    head = source.read_at(0, 30)
    if len(head) < 30:
        raise cut_in_header(source.name)
    check_size(source.name, *_webp_size(head), options.max_pixels)
    check_num_bytes(source.name, source.num_bytes, options.max_pixels)
    told = struct.unpack("<I", head[4:8])[0] + 8
    if told > source.num_bytes + 1:  # some writers count the last padding byte they left out
        raise ImageError(
            f"{source.name}: cut short, {source.num_bytes:,} of {told:,} bytes are there",
            hint="download or copy it again",
        )
    data = source.read_all()
    image, notes = load_frame(lambda: WebPImageFile(io.BytesIO(data)), source.name, options)
    budget = MetadataBudget()
    icc, exif = (image.info.get(key, b"") for key in ("icc_profile", "exif"))
    icc = icc if budget.take("ICCP", len(icc)) else b""
    exif = exif if budget.take("EXIF", len(exif)) else b""
    return Decoded(
        raster=image,
        icc=icc or None,
        orientation=exif_orientation(exif),
        notes=(*notes, *budget.notes()),
    )


def load_frame(
    open_plugin: OpenPlugin, name: str, options: ReadOptions
) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode the frame that was asked for.

    Args:
        open_plugin: Opens the file anew; nothing is decoded by it.
        name: Name for messages, escaped.
        options: How to read it.

    Returns:
        The frame, and notes.

    Raises:
        ImageError: If it does not decode.
        InputError: If there is no such frame.
    """
    num_frames = _num_frames(open_plugin)
    check_page(name, options.page, num_frames, "frame")
    if options.page == 0:
        image, notes = load_rows(open_plugin, name=name, options=options)
        if num_frames > 1:
            notes = (*notes, f"has {num_frames} frames; use the video command for all of them")
        return image, notes
    try:
        animation = open_plugin()
        animation.seek(options.page)
        animation.load()
    except DECODER_ERRORS as error:
        raise ImageError(
            f"{name}: frame {options.page} does not decode", hint="choose an earlier frame"
        ) from error
    check_size(name, *animation.size, options.max_pixels)
    return animation, ()


def _num_frames(open_plugin: OpenPlugin) -> int:
    """Give the number of frames; 1 where the file is too damaged to count them."""
    try:
        opened: ImageFile.ImageFile = open_plugin()
        return int(getattr(opened, "n_frames", 1))
    except DECODER_ERRORS:
        return 1


def _webp_size(head: bytes) -> tuple[int, int]:
    """Give width and height of the canvas."""
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", head[26:30])
    return width & 0x3FFF, height & 0x3FFF

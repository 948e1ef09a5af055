"""The one way in: whatever a caller holds becomes a Picture."""

import os
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from PIL import Image

from anymask.errors import InputError
from anymask.image.animation import read_gif, read_webp
from anymask.image.arrays import from_array, from_pillow, from_tensor, is_tensor
from anymask.image.bmp import read_bmp
from anymask.image.finish import finish
from anymask.image.jpeg import read_jpeg
from anymask.image.names import display_name
from anymask.image.netpbm import read_netpbm
from anymask.image.options import ReadOptions
from anymask.image.picture import Picture
from anymask.image.png import read_png
from anymask.image.sniff import HEAD_BYTES, sniff, suffix_note
from anymask.image.source import Openable, Readable, open_source
from anymask.image.tiff import read_tiff

_DECODERS = MappingProxyType(
    {
        "JPEG": read_jpeg,
        "PNG": read_png,
        "WebP": read_webp,
        "GIF": read_gif,
        "BMP": read_bmp,
        "TIFF": read_tiff,
        "PPM": read_netpbm,
    }
)


def read_picture(
    source: object,
    *,
    channels: Literal["rgb", "bgr"] = "rgb",
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
) -> Picture:
    """Read any picture: upright, 8-bit, RGB.

    Args:
        source: A path, the bytes of a file, a binary file object, a Pillow image, a NumPy array
            ((H, W), (H, W, 1), (H, W, 3) or (H, W, 4); uint8, uint16, bool or floats of 0 to
            1), a torch tensor (the same, or (C, H, W)), or a Picture, which is given back.
        channels: Order of an array's or tensor's colours.
        options: How to read it.

    Returns:
        The picture. Its arrays are its own; the source is never changed.

    Raises:
        ImageError: If the picture is missing, unreadable, damaged, too large, or of a kind that
            is not read.
        InputError: If the path is no regular file, a page or band does not exist, or the source
            is nothing that could be a picture.
    """
    if channels not in ("rgb", "bgr"):
        raise InputError(f"channels is {channels!r}", hint="pass 'rgb' or 'bgr'")
    if isinstance(source, np.ndarray):
        decoded = from_array(source, channels=channels, name="array", options=options)
        return finish(decoded, name="array", options=options, format_name="array")
    if is_tensor(source):
        decoded = from_tensor(source, channels=channels, name="tensor", options=options)
        return finish(decoded, name="tensor", options=options, format_name="tensor")
    if channels == "bgr":
        raise InputError(
            "channels='bgr' is for arrays and tensors; files and images name their own order",
            hint="leave channels out",
        )
    if isinstance(source, Picture):
        return source
    if isinstance(source, Image.Image):
        filename = getattr(source, "filename", "") or "image"
        name = display_name(filename)
        decoded = from_pillow(source, name, options)
        format_name = source.format or "Pillow image"
        return finish(decoded, name=name, options=options, format_name=format_name)
    if isinstance(source, str | os.PathLike | bytes | bytearray | memoryview | Readable):
        return _read_file(source, options)
    raise InputError(
        f"a {type(source).__name__} is no picture",
        hint="pass a path, bytes, an open file, an array, a tensor or a Pillow image",
    )


def _read_file(given: Openable, options: ReadOptions) -> Picture:
    opened = open_source(given)
    with opened.file:
        format_name = sniff(opened.read_at(0, HEAD_BYTES), opened.name)
        decoded = _DECODERS[format_name](opened, options)
        picture = finish(
            decoded,
            name=opened.name,
            options=options,
            format_name=format_name,
            sha256=opened.sha256(),
            note=suffix_note(format_name, opened.suffix),
        )
    if isinstance(given, str | os.PathLike):
        return replace(picture, path=os.fspath(given))
    return picture

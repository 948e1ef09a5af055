"""The one way in: whatever a caller holds becomes a Picture."""

import hashlib
import os
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import ImageError, InputError
from anymask.image.animation import read_gif, read_webp
from anymask.image.arrays import from_array, from_pillow, from_tensor, is_tensor
from anymask.image.bmp import read_bmp
from anymask.image.colour import over_white, to_rgb
from anymask.image.decoded import Decoded, Samples
from anymask.image.depth import to_8bit
from anymask.image.jpeg import read_jpeg
from anymask.image.names import display_name
from anymask.image.netpbm import read_netpbm
from anymask.image.options import ReadOptions
from anymask.image.orient import upright
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

# One patch of the model's square: thinner pictures vanish in it.
_LONG_AND_THIN = 64


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
        return _finish(decoded, name="array", options=options, format_name="array")
    if is_tensor(source):
        decoded = from_tensor(source, channels=channels, name="tensor", options=options)
        return _finish(decoded, name="tensor", options=options, format_name="tensor")
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
        return _finish(decoded, name=name, options=options, format_name=format_name)
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
        return _finish(
            decoded,
            name=opened.name,
            options=options,
            format_name=format_name,
            sha256=opened.sha256(),
            note=suffix_note(format_name, opened.suffix),
        )


def _finish(
    decoded: Decoded,
    *,
    name: str,
    options: ReadOptions,
    format_name: str,
    sha256: str | None = None,
    note: str | None = None,
) -> Picture:
    """Put depth, colour, transparency and orientation right."""
    notes = [note] if note else []
    notes += decoded.notes
    image, no_data, depth_notes = _to_8bit_image(decoded, name, options)
    rgb, alpha, colour_notes = to_rgb(image, decoded.icc)
    if options.bands is not None and isinstance(decoded.raster, Image.Image):
        rgb = _choose_of_rgb(rgb, options.bands, name)
    if no_data is not None:
        alpha = np.full(no_data.shape, 255, np.uint8) if alpha is None else alpha
        alpha[no_data] = 0
    if alpha is not None:
        if alpha.max() == 0:
            raise ImageError(
                f"{name}: has no visible pixel", hint="give a picture that is not all transparent"
            )
        rgb = over_white(rgb, alpha)
        alpha = upright(alpha, decoded.orientation)
    pixels = upright(rgb, decoded.orientation)
    notes += [*depth_notes, *colour_notes, *_shape_notes(pixels)]
    return Picture(
        pixels=pixels,
        alpha=alpha,
        notes=tuple(notes),
        name=name,
        sha256=sha256 or _hash_of(pixels, alpha),
        format=format_name,
        orientation=decoded.orientation,
    )


def _to_8bit_image(
    decoded: Decoded, name: str, options: ReadOptions
) -> tuple[Image.Image, NDArray[np.bool_] | None, tuple[str, ...]]:
    """Give the raster as a Pillow image of 8 bits, and where it knows no colour."""
    if isinstance(decoded.raster, Image.Image) and decoded.raster.mode[0] not in "IF":
        return decoded.raster, None, ()
    samples, mode, full_scale = _samples_of(decoded)
    levels, no_data, notes = to_8bit(
        samples, mode=mode, full_scale=full_scale, value_range=options.value_range, name=name
    )
    if decoded.transparent_value is not None:
        is_hidden = samples[:, :, 0] == decoded.transparent_value
        no_data = is_hidden if no_data is None else no_data | is_hidden
    height, width = levels.shape[:2]
    image = Image.frombytes(mode, (width, height), np.ascontiguousarray(levels).tobytes())
    return image, no_data, notes


def _samples_of(decoded: Decoded) -> tuple[Samples, str, int | None]:
    """Give the samples of a raster, their mode and their full scale."""
    raster = decoded.raster
    if not isinstance(raster, Image.Image):
        return raster, decoded.mode or "RGB", decoded.full_scale
    samples = np.asarray(raster)[:, :, None]
    is_16bit = raster.mode.startswith("I;16")
    if raster.mode == "I":  # 32 bits, but Pillow keeps 16-bit pictures in it too
        is_16bit = samples.min() >= 0 and samples.max() <= 65_535
    if is_16bit:
        return samples.astype(np.uint16), "L", 65_535
    return samples, "L", None


def _choose_of_rgb(
    rgb: NDArray[np.uint8], bands: tuple[int, int, int], name: str
) -> NDArray[np.uint8]:
    if max(bands) > 3:
        raise InputError(
            f"{name}: band {max(bands)} does not exist, there are 3",
            hint="choose --bands from 1 to 3",
        )
    return rgb[:, :, [band - 1 for band in bands]]


def _shape_notes(pixels: NDArray[np.uint8]) -> tuple[str, ...]:
    height, width = pixels.shape[:2]
    if max(height, width) < _LONG_AND_THIN * min(height, width):
        return ()
    return (f"{width}x{height} is so long and thin that details are lost; cut it into tiles",)


def _hash_of(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> str:
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    if alpha is not None:
        digest.update(alpha.data)
    return digest.hexdigest()

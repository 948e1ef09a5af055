"""The last steps, the same for every source: depth, colour, transparency, orientation."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import ImageError, InputError
from anymask.image.colour import over_white, split_alpha, to_rgb
from anymask.image.decoded import Decoded, Samples
from anymask.image.depth import to_8bit
from anymask.image.options import ReadOptions
from anymask.image.orient import upright
from anymask.image.picture import Picture

# Of a picture this many times longer than wide, one patch of the model's square holds all of
# the short side.
_LONG_AND_THIN = 64


def finish(
    decoded: Decoded,
    *,
    name: str,
    options: ReadOptions,
    format_name: str,
    sha256: str | None = None,
    note: str | None = None,
) -> Picture:
    """Put depth, colour, transparency and orientation right.

    Args:
        decoded: What a decoder gave.
        name: Name for messages, escaped.
        options: How to read it.
        format_name: What the source was.
        sha256: Hex digest of the source's bytes; None for size and pixels to be hashed.
        note: What else was noticed, or None.

    Returns:
        The picture; its arrays share no memory with the source.

    Raises:
        ImageError: If values need a range and none is given, or no pixel is visible.
        InputError: If a band is asked for that is not there.
    """
    notes = [note] if note else []
    notes += decoded.notes
    raster = decoded.raster
    no_data = None
    if isinstance(raster, Image.Image) and raster.mode[0] not in "IF":  # modes of 16 and 32 bits
        rgb, alpha, more_notes = to_rgb(raster, decoded.icc)
    else:
        rgb, alpha, no_data, more_notes = _from_samples(decoded, name, options)
    if options.bands is not None and not decoded.is_band_choice:
        rgb = _choose_of_rgb(rgb, options.bands, name)
    if alpha is not None:
        if alpha.max() == 0:
            raise ImageError(
                f"{name}: has no visible pixel", hint="give a picture that is not all transparent"
            )
        rgb = over_white(rgb, alpha)
        alpha = upright(alpha, decoded.orientation)
    pixels = upright(rgb, decoded.orientation)
    notes += [*more_notes, *_shape_notes(pixels)]
    return Picture(
        pixels=pixels,
        alpha=alpha,
        notes=tuple(notes),
        name=name,
        sha256=sha256 or _hash_of(pixels, alpha),
        format=format_name,
        orientation=decoded.orientation,
        options=options,
        no_data=None if no_data is None else upright(no_data, decoded.orientation),
    )


def _from_samples(
    decoded: Decoded, name: str, options: ReadOptions
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, NDArray[np.bool_] | None, tuple[str, ...]]:
    """Give samples as sRGB, alpha, which is 0 where they know no colour, and where they are NaN."""
    samples, mode, full_scale = _samples_of(decoded)
    levels, no_data, notes = to_8bit(
        samples, mode=mode, full_scale=full_scale, value_range=options.value_range, name=name
    )
    is_hidden = no_data
    if decoded.transparent_value is not None:
        is_transparent = samples[:, :, 0] == decoded.transparent_value
        is_hidden = is_transparent if no_data is None else no_data | is_transparent
    if decoded.icc is None and mode in ("L", "LA", "RGB", "RGBA"):
        rgb, alpha = split_alpha(levels)
    else:
        height, width = levels.shape[:2]
        image = Image.frombytes(mode, (width, height), np.ascontiguousarray(levels).tobytes())
        rgb, alpha, colour_notes = to_rgb(image, decoded.icc)
        notes = (*notes, *colour_notes)
    if is_hidden is not None:
        alpha = np.full(is_hidden.shape, 255, np.uint8) if alpha is None else alpha
        alpha[is_hidden] = 0
    return rgb, alpha, no_data, notes


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

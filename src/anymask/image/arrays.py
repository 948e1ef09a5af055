"""Arrays, tensors and Pillow images that a caller already holds."""

from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import ImageError, InputError
from anymask.image.decoded import Decoded, Samples
from anymask.image.limits import check_size
from anymask.image.options import ReadOptions
from anymask.image.rows import DECODER_ERRORS

if TYPE_CHECKING:
    from torch import Tensor

_MODES = ("L", "RGB", "RGBA")
_CHANNELS = (1, 3, 4)


def is_tensor(given: object) -> TypeGuard["Tensor"]:
    """Say whether something is a torch tensor, without importing torch."""
    is_torch = any(kind.__module__.partition(".")[0] == "torch" for kind in type(given).__mro__)
    return is_torch and hasattr(given, "detach")


def from_array(array: NDArray[Any], *, channels: str, name: str, options: ReadOptions) -> Decoded:
    """Take a NumPy array as a picture.

    Args:
        array: uint8, uint16, bool or float of 0 to 1; (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4). With `options.bands`, (H, W, C) of any C.
        channels: "rgb" or "bgr", the order of its colours.
        name: Name for messages, escaped.
        options: How to read it.

    Returns:
        The raw samples; they may share the caller's memory, and are not written to.

    Raises:
        ImageError: If it is empty, or of a shape or type that is not taken.
        InputError: If a band is asked for that is not there.
    """
    samples = array[:, :, None] if array.ndim == 2 else array
    if array.size == 0:
        raise ImageError(f"{name}: is empty (shape {array.shape})", hint="pass at least one pixel")
    _check_shape(samples, array.shape, name, options)
    if options.bands is not None:
        samples = _choose_bands(samples, options.bands, name)
    elif channels == "bgr" and samples.shape[2] >= 3:
        samples = samples[:, :, [2, 1, 0, *range(3, samples.shape[2])]]
    full_scale: int | None = None
    if samples.dtype == np.bool_:
        samples, full_scale = samples.view(np.uint8), 1
    elif samples.dtype.kind == "u" and samples.dtype.itemsize <= 2:
        full_scale = int(np.iinfo(samples.dtype).max)
    elif samples.dtype.kind != "f":
        raise ImageError(
            f"{name}: dtype {samples.dtype} is not taken",
            hint="convert it to uint8, uint16, or floats of 0 to 1",
        )
    else:
        samples = _checked_floats(samples, name, options)
    mode = _MODES[_CHANNELS.index(samples.shape[2])]
    return Decoded(
        raster=samples,
        mode=mode,
        full_scale=full_scale,
        is_band_choice=options.bands is not None,
    )


def from_tensor(tensor: "Tensor", *, channels: str, name: str, options: ReadOptions) -> Decoded:
    """Take a torch tensor as a picture.

    Args:
        tensor: Like an array, but (C, H, W) too, as torch has it; on any device.
        channels: "rgb" or "bgr", the order of its colours.
        name: Name for messages, escaped.
        options: How to read it.

    Returns:
        The raw samples.

    Raises:
        ImageError: If it is empty, or of a shape or type that is not taken.
        InputError: If a band is asked for that is not there.
    """
    plain = tensor.detach().cpu()
    if "bfloat16" in str(plain.dtype):  # NumPy has no such type
        plain = plain.float()
    array = np.asarray(plain.numpy())
    if array.ndim == 3 and array.shape[0] in _CHANNELS:
        array = array.transpose(1, 2, 0)
    return from_array(array, channels=channels, name=name, options=options)


def from_pillow(image: Image.Image, name: str, options: ReadOptions) -> Decoded:
    """Take a Pillow image as a picture, turned upright by its EXIF.

    Args:
        image: Of any mode, decoded or not.
        name: Name for messages, escaped.
        options: How to read it.

    Returns:
        The raw picture, its profile and its orientation.

    Raises:
        ImageError: If it is too large or does not decode.
    """
    check_size(name, image.width, image.height, options.max_pixels)
    try:
        image.load()
        orientation = image.getexif().get(274, 1)
    except DECODER_ERRORS as error:
        raise ImageError(
            f"{name}: does not decode ({error})", hint="pass its path to learn more"
        ) from error
    is_known = isinstance(orientation, int) and 1 <= orientation <= 8
    orientation = orientation if is_known else 1
    icc = image.info.get("icc_profile")
    notes = (f"turned upright by its EXIF orientation {orientation}",) if orientation > 1 else ()
    transparent = image.info.get("transparency") if image.mode.startswith("I;16") else None
    return Decoded(
        raster=image,
        transparent_value=transparent,
        icc=icc or None,
        orientation=orientation,
        notes=notes,
    )


def _check_shape(samples: Samples, shape: tuple[int, ...], name: str, options: ReadOptions) -> None:
    if samples.ndim == 4 and samples.shape[0] == 1:
        raise ImageError(f"{name}: shape {shape} is a batch", hint="pass one picture, array[0]")
    if samples.ndim != 3:
        raise ImageError(
            f"{name}: shape {shape} is no picture", hint="pass (H, W), (H, W, 3) or (H, W, 4)"
        )
    if options.bands is not None or samples.shape[2] in _CHANNELS:
        return
    if shape[0] in _CHANNELS:
        expected = (*shape[1:], shape[0])
        raise ImageError(f"{name}: shape {shape} looks like CHW", hint=f"pass {expected}")
    if samples.shape[2] > 4:
        raise ImageError(
            f"{name}: {samples.shape[2]} bands",
            hint="choose three with --bands 4,3,2 (bands=(4, 3, 2))",
        )
    raise ImageError(f"{name}: shape {shape} has 2 channels", hint="pass 1, 3 or 4 channels")


def _choose_bands(samples: Samples, bands: tuple[int, int, int], name: str) -> Samples:
    if max(bands) > samples.shape[2]:
        raise InputError(
            f"{name}: band {max(bands)} does not exist, there are {samples.shape[2]}",
            hint=f"choose bands from 1 to {samples.shape[2]}",
        )
    return samples[:, :, [band - 1 for band in bands]]


def _checked_floats(samples: Samples, name: str, options: ReadOptions) -> Samples:
    """Refuse floats of 0 to 255 with the remedy for arrays; other ranges are told later."""
    if options.value_range is not None:
        return samples
    finite = samples[np.isfinite(samples)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if low >= 0 and 1.001 < high <= 255:
        raise ImageError(
            f"{name}: float values from {low:.6g} to {high:.6g}, expected 0 to 1",
            hint="divide by 255, or convert to uint8",
        )
    return samples

"""Samples of any depth, to 8 bits: scaled by their bit depth, never cut off."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anymask.errors import ImageError
from anymask.image.decoded import Samples

# Below this share of the bit depth's range a picture is black to the eye, and to the model.
_FLAT_SHARE = 0.05
_FLOAT_SLACK = 1e-3  # resampling overshoots 0 and 1 a little


def to_8bit(
    samples: Samples,
    *,
    mode: str,
    full_scale: int | None,
    value_range: tuple[float, float] | None,
    name: str,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None, tuple[str, ...]]:
    """Bring samples to 0 to 255.

    Args:
        samples: Integers or floats, (H, W, C).
        mode: Pillow's name for what the channels mean.
        full_scale: Largest value the bit depth allows; None for floats and signed integers.
        value_range: Values that become black and white, or None.
        name: Name for messages, escaped.

    Returns:
        uint8, (H, W, C); where no colour is known (NaN), bool, (H, W), or None; and notes.

    Raises:
        ImageError: If floats or signed integers lie outside 0 to 1 and no range is given.
    """
    has_alpha = mode[-1] in "Aa"
    num_colours = samples.shape[2] - has_alpha
    colours = samples[:, :, :num_colours]
    if full_scale is None:
        levels, no_data, notes = _from_open_range(colours, value_range, name)
    else:
        levels, notes = _from_bit_depth(colours, full_scale, value_range)
        no_data = None
    if has_alpha:
        alpha = _scaled(samples[:, :, num_colours:], 0.0, float(full_scale or 1))
        levels = np.concatenate([levels, alpha], axis=2)
    return levels, no_data, notes


def _from_bit_depth(
    colours: Samples, full_scale: int, value_range: tuple[float, float] | None
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    if full_scale == 255:
        return colours.astype(np.uint8, copy=False), ()
    low, high = 0.0, float(full_scale)
    notes: tuple[str, ...] = ()
    if full_scale > 255:
        largest = int(colours.max())
        if value_range is not None:
            low, high = value_range
        elif 0 < largest < _FLAT_SHARE * full_scale:
            high = float(largest)
            share = 100 * largest / full_scale
            bits = full_scale.bit_length()
            notes = (f"uses only {share:.2g} % of its {bits}-bit range; stretched to all of it",)
    if full_scale > 65_535:
        return _scaled(colours, low, high), notes
    table = _scaled(np.arange(full_scale + 1), low, high)
    return table[colours], notes


def _from_open_range(
    colours: Samples, value_range: tuple[float, float] | None, name: str
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None, tuple[str, ...]]:
    is_nan = np.isnan(colours)
    no_data: NDArray[np.bool_] | None = np.any(is_nan, axis=2) if is_nan.any() else None
    notes: tuple[str, ...] = ()
    if no_data is not None:
        notes = (f"{np.count_nonzero(no_data):,} pixels hold no data (NaN)",)
    if value_range is None:
        _check_within_0_1(colours, is_nan, name)
    low, high = value_range or (0.0, 1.0)
    return _scaled(colours, low, high), no_data, notes


def _check_within_0_1(colours: Samples, is_nan: NDArray[np.bool_], name: str) -> None:
    is_infinite = np.isinf(colours)
    finite = colours[~(is_nan | is_infinite)]
    low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
    if low >= -_FLOAT_SLACK and high <= 1 + _FLOAT_SLACK and not is_infinite.any():
        return
    counts = (("NaN", np.count_nonzero(is_nan)), ("infinite", np.count_nonzero(is_infinite)))
    others = ", ".join(f"{count:,} {what}" for what, count in counts if count)
    raise ImageError(
        f"{name}: values from {low:.6g} to {high:.6g}{f' ({others})' if others else ''}, "
        "expected 0 to 1",
        hint="say what becomes black and white with --range lo,hi (value_range=)",
    )


def _scaled(samples: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Map low to 0 and high to 255, rounded and clipped; NaN to 255."""
    is_fine = samples.dtype.itemsize > (4 if samples.dtype.kind == "f" else 2)
    wide = np.dtype(np.float64 if is_fine else np.float32)
    levels: NDArray[Any] = samples.astype(wide)
    levels -= low
    levels /= high - low
    levels *= 255
    np.nan_to_num(levels, copy=False, nan=255.0, posinf=255.0, neginf=0.0)
    np.clip(levels, 0, 255, out=levels)
    np.rint(levels, out=levels)
    return levels.astype(np.uint8)

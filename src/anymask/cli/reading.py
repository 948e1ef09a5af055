"""Flags about reading photos → the options of the picture reader."""

import re
from typing import TYPE_CHECKING

from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.image.options import ReadOptions

_WHOLE = re.compile(r"\d{1,4}", re.ASCII)


def read_options(
    *,
    allow_truncated: bool = False,
    max_pixels: int | None = None,
    page: int = 0,
    bands: str | None = None,
    value_range: str | None = None,
) -> "ReadOptions":
    """Read what was typed.

    Args:
        allow_truncated: Whether the rows there are of a picture cut short are used.
        max_pixels: Largest width × height; None for the usual limit.
        page: Page or frame, from 0.
        bands: "4,3,2", or None.
        value_range: "lo,hi", or None.

    Returns:
        The options.

    Raises:
        ConfigError: If a value cannot be used.
    """
    from anymask.image.options import MAX_PIXELS, ReadOptions

    return ReadOptions(
        allow_truncated=allow_truncated,
        max_pixels=MAX_PIXELS if max_pixels is None else max_pixels,
        page=page,
        bands=None if bands is None else _bands(bands),
        value_range=None if value_range is None else _range(value_range),
    )


def _bands(text: str) -> tuple[int, int, int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(map(_WHOLE.fullmatch, parts)):
        raise ConfigError(
            f"--bands {shown_name(text)[:40]}: must be three whole numbers from 1",
            hint="choose red, green and blue as in 4,3,2",
        )
    red, green, blue = map(int, parts)
    return red, green, blue


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"--range {shown_name(text)[:40]}: must be two numbers, the lower first",
            hint="give what becomes black, then what becomes white, as in 0,4000",
        ) from error
    return low, high

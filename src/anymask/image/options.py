"""What a caller may choose about reading a picture."""

import math
from dataclasses import dataclass

from anymask.errors import ConfigError

# Where Pillow by itself refuses too.
MAX_PIXELS = 178_956_970

# What profiles, EXIF and texts of one picture may hold together, unpacked.
METADATA_LIMIT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How a picture is read.

    Attributes:
        allow_truncated: Use the rows that decode of a picture that is cut short.
        max_pixels: Largest width × height that is decoded.
        page: Page of a TIFF or frame of an animation, from 0.
        bands: Which three bands become red, green and blue, from 1; None for the usual ones.
        value_range: Values that become black and white, for samples deeper than 8 bits; None
            for the whole range of the bit depth, or 0 to 1 for floats.
    """

    allow_truncated: bool = False
    max_pixels: int = MAX_PIXELS
    page: int = 0
    bands: tuple[int, int, int] | None = None
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.max_pixels < 1:
            raise ConfigError(
                f"max_pixels must be at least 1, got {self.max_pixels}",
                hint="give the largest number of pixels to decode",
            )
        if self.page < 0:
            raise ConfigError(f"page must be 0 or more, got {self.page}", hint="count from 0")
        if self.bands is not None and (len(self.bands) != 3 or min(self.bands) < 1):
            raise ConfigError(
                f"bands must be three numbers from 1, got {self.bands}",
                hint="choose red, green and blue as in 4,3,2",
            )
        if self.value_range is not None:
            low, high = self.value_range
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ConfigError(
                    f"value_range must be two numbers, the lower first, got {low:g},{high:g}",
                    hint="give what becomes black, then what becomes white",
                )

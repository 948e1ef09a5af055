"""What a decoder hands on, before depth, colour and orientation are put right."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from PIL import Image

Samples = NDArray[Any]  # (H, W, C): integers or floats of any depth


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """The raw picture of a file or array.

    Attributes:
        raster: A Pillow image of 8 bits a channel or less, in any mode; or samples of any
            depth, (H, W, C).
        mode: Pillow's name for what the channels of samples mean; None for a Pillow image.
        full_scale: Largest value the samples' bit depth allows; None for floats and signed
            integers, whose range nothing tells.
        transparent_value: Grey sample that stands for transparent, or None.
        icc: ICC profile of the colours, or None.
        orientation: EXIF orientation, 1 to 8.
        is_band_choice: Whether the samples are the three bands the caller chose.
        notes: What was noticed so far.
    """

    raster: Image.Image | Samples
    mode: str | None = None
    full_scale: int | None = None
    transparent_value: int | None = None
    icc: bytes | None = None
    orientation: int = 1
    is_band_choice: bool = False
    notes: tuple[str, ...] = ()

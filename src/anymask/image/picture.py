"""A picture as the rest of anymask sees it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from anymask.image.options import ReadOptions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """An upright 8-bit sRGB picture and where it came from.

    Attributes:
        pixels: uint8, (H, W, 3), RGB, upright; over white where the source is transparent.
        alpha: Opacity, uint8, (H, W); 0 also where the source says "no data" (NaN). None when
            every pixel is opaque.
        notes: What was noticed or assumed while reading, one clause each.
        name: Name for messages, already escaped.
        sha256: Hex digest of the source's bytes; of size and pixels for arrays, tensors and
            Pillow images.
        format: What the source was: "JPEG", "PNG", "array", ...
        orientation: EXIF orientation found and undone, 1 to 8; 1 if none.
        path: Where it was read from, as it was given; None for what came from memory.
        options: How it was read.
        no_data: Where the source holds no value (NaN), bool (H, W): never inside a mask. None
            when every pixel has one.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()
    name: str = "picture"
    sha256: str | None = None
    format: str = "array"
    orientation: int = 1
    path: str | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    no_data: NDArray[np.bool_] | None = None

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the upright picture, pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

"""One annotated picture, as training and evaluation hold it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedPicture:
    """One picture with its masks, as small as they are stored.

    Attributes:
        set_name: Name of the data set.
        name: Name of the picture inside the set, without a suffix.
        encoded: The picture's file, bytes: upright, 8-bit, JPEG or PNG.
        size_hw: Size in pixels.
        runs: One array of column-major run lengths a mask, starting with zeros.
        pseudo: Whether each mask was made by a model and seen by nobody, one a mask; None where
            people made all of them.
    """

    set_name: str
    name: str
    encoded: bytes
    size_hw: tuple[int, int]
    runs: tuple[NDArray[np.int64], ...]
    pseudo: tuple[bool, ...] | None = None

    def mask(self, index: int) -> NDArray[np.bool_]:
        """Give one mask, bool (H, W)."""
        runs = self.runs[index]
        values = np.arange(len(runs)) % 2 == 1
        return np.repeat(values, runs).reshape(self.size_hw[::-1]).T

    def is_pseudo(self, index: int) -> bool:
        """Say whether a mask was made by a model and seen by nobody."""
        return self.pseudo is not None and self.pseudo[index]

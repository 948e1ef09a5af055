"""Masks of candidates on their way: run lengths made at once, or logits to draw later from.

Shape letters: h w low resolution of a crop's answer.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from anymask.everything.spool import Spool
from anymask.masks.boxes import IntBox, box_of
from anymask.masks.measured import Measured, measure_mask
from anymask.masks.plane import BoolMask
from anymask.masks.rle import compress, counts_within
from anymask.vocabulary import ImageFrame

# Far below any cutoff: no cell outside the part that was kept makes a pixel.
_OUTSIDE_LOGIT = -1e4
# Both resizes together mix at most three neighbouring cells along an axis.
_REACH_CELLS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crop:
    """A part of the picture that was looked at.

    Attributes:
        number: Its place among the crops of the picture.
        box: Where it lies in the picture, pixels.
        frame: Where it lies in the model's square.
        picture_hw: Size of the whole picture.
        no_data: Where the whole picture holds no value, bool (H, W), or None.
    """

    number: int
    box: IntBox
    frame: ImageFrame
    picture_hw: tuple[int, int]
    no_data: BoolMask | None = None

    def measure(self, low_res: NDArray[np.float32], offset_logit: float) -> Measured:
        """Measure a mask of this crop, its box in pixels of the picture.

        Args:
            low_res: Logits, float32 (h, w), covering the crop's padded square.
            offset_logit: For the stability score.
        """
        inside, box, stability = measure_mask(low_res, self.frame, offset_logit)
        if box[2] == 0:
            return Measured(inside, box, stability)
        x, y = self.box[:2]
        box = (box[0] + x, box[1] + y, box[2] + x, box[3] + y)
        if self.no_data is not None:
            inside = inside & ~self.no_data[box[1] : box[3], box[0] : box[2]]
            x0, y0, x1, y1 = box_of(inside)
            inside = inside[y0:y1, x0:x1]
            x, y = box[:2]
            box = (x0 + x, y0 + y, x1 + x, y1 + y) if x1 else (0, 0, 0, 0)
        return Measured(inside, box, stability)

    def code(self, measured: Measured) -> str:
        """Give a mask's compressed run lengths at the size of the picture.

        Args:
            measured: As `measure` gives it.
        """
        return compress(counts_within(measured.inside, measured.box[:2], self.picture_hw))


class _OneByOne(Sequence[str]):
    """Texts of which one at a time is fetched or made."""

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            return [self._one(number) for number in numbers]
        return self._one(numbers)

    @abstractmethod
    def _one(self, number: int) -> str:
        """Give the text of a number, counted from 0."""


class Codes(_OneByOne):
    """Run lengths that are made already.

    Args:
        in_memory_bytes: How much of them may lie in memory.
    """

    def __init__(self, in_memory_bytes: int) -> None:
        self._spool = Spool(in_memory_bytes)

    def __len__(self) -> int:
        return len(self._spool)

    def _one(self, number: int) -> str:
        return str(self._spool[number], "ascii")

    def append(self, code: str) -> None:
        """Add one."""
        self._spool.append(code.encode("ascii"))


class LaterCodes(_OneByOne):
    """Run lengths that are made from the low-resolution logits when somebody asks for them.

    Args:
        in_memory_bytes: How much of the logits may lie in memory.
    """

    def __init__(self, in_memory_bytes: int) -> None:
        self._spool = Spool(in_memory_bytes)
        self._places: list[tuple[Crop, tuple[int, int], IntBox]] = []

    def __len__(self) -> int:
        return len(self._places)

    def _one(self, number: int) -> str:
        crop, low_hw, (x0, y0, x1, y1) = self._places[number]
        plane = np.full(low_hw, _OUTSIDE_LOGIT, np.float32)
        kept = np.frombuffer(self._spool[number], np.float32)
        plane[y0:y1, x0:x1] = kept.reshape(y1 - y0, x1 - x0)
        return crop.code(crop.measure(plane, 1.0))

    def append(self, crop: Crop, low_res: NDArray[np.float32]) -> None:
        """Add one.

        Args:
            crop: Which crop it is of.
            low_res: Its logits, float32 (h, w); kept where they matter for the mask.
        """
        height, width = low_res.shape
        x0, y0, x1, y1 = box_of(low_res > 0)
        if x1:
            x0, y0 = max(x0 - _REACH_CELLS, 0), max(y0 - _REACH_CELLS, 0)
            x1, y1 = min(x1 + _REACH_CELLS, width), min(y1 + _REACH_CELLS, height)
        self._spool.append(np.ascontiguousarray(low_res[y0:y1, x0:x1]).tobytes())
        self._places.append((crop, (height, width), (x0, y0, x1, y1)))

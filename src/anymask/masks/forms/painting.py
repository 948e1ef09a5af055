"""Objects painted into one picture of numbers, where a pixel can belong to one object only."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anymask.masks.annotation import Annotation, Losses
from anymask.masks.rle import Counts, runs_of

EMPTY, HIDDEN, OVERLAPPED = "empty masks", "hidden objects", "overlapped objects"
PIXELS = "overlapped pixels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Painting:
    """Objects as numbers of pixels.

    Attributes:
        labels: int64, (H, W): 0, or the object's place in the list, from 1.
        lost_px: Pixels of each object that others hide, int64, (N,).
        losses: The same summed up, and how many objects are wholly hidden or had no pixel.
    """

    labels: NDArray[np.int64]
    lost_px: NDArray[np.int64]
    losses: Losses


def paint(objects: Sequence[Annotation], size_hw: tuple[int, int]) -> Painting:
    """Paint objects over each other, the smaller on top; of equal ones the later.

    Args:
        objects: The objects; numbers are their places, from 1.
        size_hw: Height and width of the picture, pixels.

    Returns:
        The numbers, and what is hidden.
    """
    height, width = size_hw
    columns = np.zeros(height * width, dtype=np.int64)
    runs = [runs_of(one.rle) for one in objects]
    areas = np.array([counts[1::2].sum() for counts in runs], dtype=np.int64)
    for index in np.argsort(-areas, kind="stable").tolist():
        columns[_pixels(runs[index])] = index + 1
    visible = np.bincount(columns, minlength=len(objects) + 1)[1:]
    losses = Counter(
        {
            PIXELS: int((areas - visible).sum()),
            OVERLAPPED: int(((visible < areas) & (visible > 0)).sum()),
            HIDDEN: int(((visible == 0) & (areas > 0)).sum()),
            EMPTY: int((areas == 0).sum()),
        }
    )
    labels = np.ascontiguousarray(columns.reshape(width, height).T)
    return Painting(labels=labels, lost_px=areas - visible, losses=+losses)


def _pixels(counts: Counts) -> NDArray[np.int64]:
    """Give the column-major places of the pixels of a mask."""
    ends = np.cumsum(counts)[1::2]
    lengths = counts[1::2]
    done = np.cumsum(lengths)
    num_pixels = int(done[-1]) if len(done) else 0
    return np.arange(num_pixels) + np.repeat(ends - done, lengths)

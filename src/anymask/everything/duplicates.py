"""Non-maximum suppression: of boxes that overlap much only the best stays."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Suppressed(NamedTuple):
    """What suppression did.

    Attributes:
        kept: Places of the boxes that stay, best first, int64 (K,).
        rival: Place of the box that removed each, int64 (N,); -1 for those that stay.
        overlap: IoU with that box, float32 (N,); 0 for those that stay.
    """

    kept: NDArray[np.int64]
    rival: NDArray[np.int64]
    overlap: NDArray[np.float32]


def suppress(
    boxes: NDArray[np.integer], scores: NDArray[np.floating], threshold: float
) -> Suppressed:
    """Go through boxes from the best to the worst and drop what overlaps a better one.

    Args:
        boxes: Corners x0, y0, x1, y1, (N, 4); a side's length is the difference of its corners.
        scores: One a box, (N,); of equal ones the earlier is the better.
        threshold: Boxes whose IoU with a better one is larger are dropped.

    Returns:
        What stays, and why the others do not.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix B; float32 as torchvision computes it.
    """
    corners = boxes.astype(np.float32)
    x0, y0, x1, y1 = corners.T
    areas = (x1 - x0) * (y1 - y0)
    rival = np.full(len(boxes), -1, np.int64)
    overlap = np.zeros(len(boxes), np.float32)
    waiting = np.argsort(-scores.astype(np.float64), kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        width = np.minimum(x1[best], x1[waiting]) - np.maximum(x0[best], x0[waiting])
        height = np.minimum(y1[best], y1[waiting]) - np.maximum(y0[best], y0[waiting])
        common = np.maximum(width, 0) * np.maximum(height, 0)
        # Two boxes without area share nothing that could be measured: both stay.
        with np.errstate(invalid="ignore"):
            share = common / (areas[best] + areas[waiting] - common)
        # Compared in double precision, as the published operator does.
        is_dropped = share.astype(np.float64) > threshold
        dropped = waiting[is_dropped]
        rival[dropped], overlap[dropped] = best, share[is_dropped]
        waiting = waiting[~is_dropped]
    return Suppressed(np.array(kept, np.int64), rival, overlap)

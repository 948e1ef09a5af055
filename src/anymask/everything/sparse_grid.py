"""Adaptive prompting: a coarse grid first, then only points where something may be missing.

The points of a regular grid are asked in levels: every fourth of a row and column, then every
second, then all. Three kinds of points are left out:

- Those inside something small whose mask is as sure as the published thresholds ask for: small
  things mostly have no parts.
- Those inside a mask that many answers agree on already: one more witness changes nothing. What is
  large and plain is soon agreed on; what is small or disputed is asked about by every point.
- In the last level, those around which no point had a mask near the threshold.

How many witnesses, and how near, was measured with the model inside the package on held-out
training pictures: fewer points lose the better drawing of a thing rather than the thing.
"""

import numpy as np
from numpy.typing import NDArray

from anymask.everything.grid import Points
from anymask.masks.boxes import IntBox, box_iou
from anymask.masks.measured import Measured

STRIDES = (4, 2, 1)
SMALL_SHARE = 0.05  # of the crop
SURE_IOU, SURE_STABILITY = 0.88, 0.95
NUM_WITNESSES = 32
SAME_BOX_IOU = 0.8
# Of the threshold of predicted IoU: below this share there is no hope around a point.
HOPEFUL_SHARE = 0.8

Numbers = NDArray[np.int64]


def levels_of(num_points: int) -> list[Numbers]:
    """Give the numbers of a square grid's points in the order in which they are asked.

    Args:
        num_points: Points of the grid, a square number.

    Returns:
        Numbers of the points of each level; each point once.
    """
    side = round(num_points**0.5)
    row, column = np.divmod(np.arange(num_points), side)
    level = np.full(num_points, len(STRIDES) - 1)
    for number, stride in reversed(list(enumerate(STRIDES[:-1]))):
        start = stride // 2
        level[(row % stride == start) & (column % stride == start)] = number
    return [np.flatnonzero(level == number) for number in range(len(STRIDES))]


class SparseGrid:
    """What is known so far about the points of a crop.

    Args:
        points: All its points, a square grid, (x, y), pixels of the picture, (N, 2).
        crop_area: Pixels of the crop.
        pred_iou_thresh: What a mask's predicted IoU must be above.
    """

    def __init__(self, points: Points, crop_area: int, pred_iou_thresh: float) -> None:
        self._small_area = SMALL_SHARE * crop_area
        self._points = np.floor(points).astype(np.int64)
        self._hopeful = HOPEFUL_SHARE * pred_iou_thresh
        self._best = np.full(len(points), np.nan, np.float32)
        self._is_settled = np.zeros(len(points), np.bool_)
        self._boxes: list[IntBox] = []
        self._inside: list[Numbers] = []

    def wanted(self, level: Numbers, *, is_last: bool) -> Numbers:
        """Give the points of a level that are worth asking.

        Args:
            level: Their numbers.
            is_last: Whether no finer level follows.
        """
        self._settle()
        left = level[~self._is_settled[level]]
        return left[self._has_hope()[left]] if is_last else left

    def note(self, numbers: Numbers, iou: NDArray[np.float32]) -> None:
        """Note the scores that points got.

        Args:
            numbers: Which points.
            iou: Predicted IoU of their masks, (K, 3).
        """
        self._best[numbers] = iou.max(axis=1)

    def add(self, measured: Measured, predicted_iou: float) -> None:
        """Note a mask that was accepted.

        Args:
            measured: The mask, its box in pixels of the picture.
            predicted_iou: Its score.
        """
        x0, y0, x1, y1 = measured.box
        x, y = self._points.T
        near = np.flatnonzero((x >= x0) & (x < x1) & (y >= y0) & (y < y1))
        self._boxes.append(measured.box)
        inside = near[measured.inside[y[near] - y0, x[near] - x0]]
        self._inside.append(inside)
        is_sure = predicted_iou > SURE_IOU and measured.stability_score >= SURE_STABILITY
        if is_sure and np.count_nonzero(measured.inside) < self._small_area:
            self._is_settled[inside] = True

    def _settle(self) -> None:
        """Settle the points inside masks that have enough witnesses."""
        boxes = np.array(self._boxes).reshape(-1, 4)
        for box, inside in zip(boxes, self._inside, strict=True):
            if len(inside) >= NUM_WITNESSES and not self._is_settled[inside].all():
                num_alike = np.count_nonzero(box_iou(box[None], boxes) >= SAME_BOX_IOU)
                self._is_settled[inside] |= num_alike >= NUM_WITNESSES

    def _has_hope(self) -> NDArray[np.bool_]:
        """Say of each point whether one beside it came near the threshold, or none was asked."""
        side = round(len(self._best) ** 0.5)
        padded = np.pad(self._best.reshape(side, side), 1, constant_values=np.nan)
        shifts = [padded[i : i + side, j : j + side] for i in range(3) for j in range(3)]
        around = np.stack(shifts).reshape(9, -1)
        is_unknown = np.isnan(around).all(axis=0)
        best = np.nan_to_num(around, nan=-np.inf).max(axis=0)
        return np.asarray(is_unknown | (best >= self._hopeful))

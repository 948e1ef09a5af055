"""Candidates while they are being asked for."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anymask.everything.candidates import ROW, Floors, Rows
from anymask.everything.drawings import Codes, Crop, LaterCodes
from anymask.everything.grid import Points
from anymask.everything.settings import EverythingSettings
from anymask.everything.sparse_grid import SparseGrid
from anymask.masks.measured import measure_low_res
from anymask.predict.points import PointAnswers

PRED_IOU, STABILITY = "pred_iou_thresh", "stability_score_thresh"
NO_DATA = "no_data"
"""Masks of which nothing is left once pixels without a value are taken away."""


class Gathered:
    """The candidates of a picture so far.

    Args:
        settings: How they are measured.
        floors: Which are not kept.
        spool_bytes: How much of the masks may lie in memory.
        is_coarse: Whether they are measured at the low resolution and drawn later.

    Attributes:
        codes: Their run lengths.
        num_prompts: Points that were asked about.
        left_out: Candidates that were not kept, by the setting they missed.
    """

    def __init__(
        self, settings: EverythingSettings, floors: Floors, spool_bytes: int, *, is_coarse: bool
    ) -> None:
        self.settings, self.floors = settings, floors
        self.codes: Codes | LaterCodes = (
            LaterCodes(spool_bytes) if is_coarse else Codes(spool_bytes)
        )
        self.num_prompts = 0
        self.left_out: Counter[str] = Counter()
        self._rows: list[Rows] = []
        self._blocks_told = self._rows_told = 0

    def worth(self, iou: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Say which points have a mask above the floor, bool (p,), for predicted IoU (p, 3)."""
        passes = self._is_above(iou)
        self.num_prompts += len(iou)
        self.left_out[PRED_IOU] += int((~passes).sum())
        return np.asarray(passes.any(1))

    def add(
        self, crop: Crop, answers: PointAnswers, points: Points, sparse: SparseGrid | None
    ) -> None:
        """Measure and keep the masks of some answers.

        Args:
            crop: What they are answers about.
            answers: Those that are `worth` it.
            points: All points that were asked, (x, y), pixels of the picture; `answers.numbers`
                says which.
            sparse: Told of masks that pass the thresholds; None if nobody wants to know.
        """
        which, slots = np.nonzero(self._is_above(answers.iou))
        rows = np.zeros(len(which), ROW)
        rows["crop"], rows["slot"] = crop.number, slots
        rows["point"] = points[answers.numbers[which]]
        rows["predicted_iou"] = answers.iou[which, slots]
        planes = answers.low_res_logits[which, slots]
        codes = self.codes
        if isinstance(codes, LaterCodes):
            kept = self._measure_coarsely(crop, rows, planes, codes)
        else:
            is_kept = [
                self._measure(crop, row, plane, sparse, codes)
                for row, plane in zip(rows, planes, strict=True)
            ]
            kept = np.flatnonzero(is_kept)
        self._rows.append(rows[kept])

    def table(self) -> Rows:
        """Give what is known of all candidates, of dtype `ROW`."""
        return np.concatenate(self._rows) if self._rows else np.zeros(0, ROW)

    def take_new(self) -> tuple[Rows, Sequence[str]]:
        """Give the candidates that came since this was last called: rows, and their codes."""
        blocks, first = self._rows[self._blocks_told :], self._rows_told
        rows = np.concatenate(blocks) if blocks else np.zeros(0, ROW)
        self._blocks_told, self._rows_told = len(self._rows), first + len(rows)
        return rows, self.codes[first : self._rows_told]

    def _measure(
        self,
        crop: Crop,
        row: np.void,
        plane: NDArray[np.float32],
        sparse: SparseGrid | None,
        codes: Codes,
    ) -> bool:
        """Measure one mask at the picture's size; say whether it is kept."""
        measured = crop.measure(plane, self.settings.stability_score_offset)
        if not self._is_stable(measured.stability_score):
            self.left_out[STABILITY] += 1
            return False
        if crop.no_data is not None and measured.inside.size == 0:
            self.left_out[NO_DATA] += 1
            return False
        area = int(np.count_nonzero(measured.inside))
        row["stability_score"] = measured.stability_score
        row["box"], row["area"] = measured.box, area
        codes.append(crop.code(measured))
        if sparse is not None and self._is_accepted(row):
            sparse.add(measured, float(row["predicted_iou"]))
        return True

    def _measure_coarsely(
        self, crop: Crop, rows: Rows, planes: NDArray[np.float32], codes: LaterCodes
    ) -> NDArray[np.int64]:
        """Measure masks at the low resolution; give the places of those that are kept."""
        offset = self.settings.stability_score_offset
        stability, boxes, areas = measure_low_res(planes, crop.frame, offset)
        rows["stability_score"], rows["area"] = stability, areas
        x, y = crop.box[:2]
        rows["box"] = np.where(areas[:, None] > 0, boxes + np.array([x, y, x, y]), 0)
        kept = np.flatnonzero(self._is_stable(stability))
        self.left_out[STABILITY] += len(rows) - len(kept)
        for i in kept:
            codes.append(crop, planes[i])
        return kept

    def _is_above(self, iou: NDArray[np.float32]) -> NDArray[np.bool_]:
        floor = self.floors.pred_iou
        return iou > floor if floor > 0 else np.ones(iou.shape, np.bool_)

    def _is_stable(self, stability: NDArray[np.float32] | np.float32) -> NDArray[np.bool_]:
        floor = self.floors.stability_score
        return np.asarray(
            stability >= floor if floor > 0 else np.ones(np.shape(stability), np.bool_)
        )

    def _is_accepted(self, row: np.void) -> bool:
        is_sure = row["predicted_iou"] > self.settings.pred_iou_thresh
        return bool(is_sure and row["stability_score"] >= self.settings.stability_score_thresh)

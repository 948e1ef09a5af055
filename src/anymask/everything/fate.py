"""What became of each candidate, and because of which number."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Filter(StrEnum):
    """Why a candidate is not in the result, in the order in which that is asked.

    The values are names of settings, but for the edge of a crop, which has none.
    """

    PRED_IOU = "pred_iou_thresh"
    STABILITY = "stability_score_thresh"
    CROP_EDGE = "crop_edge"
    MIN_AREA = "min_area"
    MAX_AREA = "max_area_share"
    BOX_NMS = "box_nms_thresh"
    CROP_NMS = "crop_nms_thresh"
    REGIONS = "min_mask_region_area"
    PART = "wholes_only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one candidate.

    Attributes:
        filter: What removed it; None if it stayed.
        value: The number that decided: a score, an overlap, a distance or an area.
        threshold: What it was held against.
        rival: The candidate that took its place, where one did.
    """

    filter: Filter | None = None
    value: float = 0.0
    threshold: float = 0.0
    rival: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Which candidates make the result.

    Attributes:
        kept: Their numbers, in the order of the result, int64 (K,).
        codes: Run lengths of those that were changed, by number; the others keep their own.
        fates: What became of each candidate, in order.
    """

    kept: NDArray[np.int64]
    codes: Mapping[int, str]
    fates: tuple[Fate, ...]

    def counts(self) -> dict[Filter, int]:
        """Count the candidates that each filter removed, in the order of the filters."""
        removed = [fate.filter for fate in self.fates]
        return {one: removed.count(one) for one in Filter if one in removed}

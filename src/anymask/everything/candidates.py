"""Candidate masks: what the model answered to the points of a grid, before anything is chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anymask.everything.settings import EverythingSettings
from anymask.masks.boxes import IntBox

ROW = np.dtype(
    [
        ("crop", "<i4"),
        ("point", "<f8", (2,)),
        ("slot", "u1"),
        ("predicted_iou", "<f4"),
        ("stability_score", "<f4"),
        ("box", "<i4", (4,)),
        ("area", "<i8"),
    ]
)
"""One candidate: which crop; the point (x, y), pixels of the picture; which of the point's three
masks; both scores; corners x0, y0, x1, y1, right and bottom edge exclusive, zeros if it is empty;
pixels."""

Rows = NDArray[np.void]


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """Scores below which candidates were not even drawn.

    Attributes:
        pred_iou: Those whose predicted IoU is not above it; 0 for none.
        stability_score: Those whose stability score is below it; 0 for none.
    """

    pred_iou: float = 0.0
    stability_score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """All candidates of a picture that were drawn, in the order of crops, points and slots.

    Attributes:
        size_hw: Size of the upright picture, pixels.
        rows: What is known of each, of dtype `ROW`, (N,).
        codes: Compressed run lengths of each mask at the picture's size, (N,); made or fetched
            when asked for.
        crops: The parts of the picture that were looked at, the whole picture first.
        settings: What they were made with.
        floors: Which were not drawn.
        num_prompts: Points that were asked about.
        left_out: How many candidates were not drawn, by the name of the setting they missed.
    """

    size_hw: tuple[int, int]
    rows: Rows
    codes: Sequence[str]
    crops: tuple[IntBox, ...]
    settings: EverythingSettings
    floors: Floors
    num_prompts: int
    left_out: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.rows)

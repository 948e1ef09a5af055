"""How far scores can be believed: mean score beside mean IoU, in each tenth of the scale."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError
from anymask.evaluate.tasks.scores import ScoredAnswer
from anymask.model.score_calibration import KINDS

NUM_BINS = 10
LEAST_COUNT = 30  # masks below which a mean says little
RESAMPLINGS = 1000
_LONE_CLICK = KINDS.index("click")
_CHOSEN = "click, best guess"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredMask:
    """One mask's score and the IoU that was right.

    Attributes:
        picture: Set and name of the picture.
        group: What was asked, in a few words.
        score: Predicted IoU.
        overlap: True IoU.
    """

    picture: str
    group: str
    score: float
    overlap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One tenth of the scale.

    Attributes:
        low: Lowest score of it; what lies below 0 is counted in the first.
        count: Masks in it.
        score: Their mean score.
        overlap: Their mean IoU.
        gap_95: 95 % interval of score minus IoU, from resampling pictures.
    """

    low: float
    count: int
    score: float
    overlap: float
    gap_95: tuple[float, float]

    @property
    def gap(self) -> float:
        """Mean score minus mean IoU."""
        return self.score - self.overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How far the scores of some masks can be believed.

    Attributes:
        bins: Tenths of the scale that hold masks, lowest first.
    """

    bins: tuple[Bin, ...]

    @property
    def count(self) -> int:
        """Masks in all."""
        return sum(one.count for one in self.bins)

    @property
    def score(self) -> float:
        """Mean score of all masks."""
        return sum(one.count * one.score for one in self.bins) / self.count

    @property
    def overlap(self) -> float:
        """Mean IoU of all masks."""
        return sum(one.count * one.overlap for one in self.bins) / self.count

    @property
    def calibration_error(self) -> float:
        """Mean over masks of the size of their bin's gap: the expected calibration error."""
        return sum(one.count * abs(one.gap) for one in self.bins) / self.count

    @property
    def worst_gap(self) -> float | None:
        """Gap of the bin where it is largest, of those with enough masks; None without any."""
        gaps = [one.gap for one in self.bins if one.count >= LEAST_COUNT]
        return max(gaps, key=abs, default=None)


def reliability(rows: Sequence[ScoredMask], seed: int = 0) -> Reliability:
    """Hold scores against the truth, in tenths of the scale.

    Args:
        rows: At least one mask.
        seed: Seed of the resampling.

    Raises:
        InputError: If there is no mask.

    Source:
        Guo et al. (2017), On Calibration of Modern Neural Networks, section 2: reliability
        diagrams and the expected calibration error, with IoU in the place of accuracy.
    """
    if not rows:
        raise InputError("no mask was scored", hint="ask about at least one")
    scores = np.array([row.score for row in rows])
    overlaps = np.array([row.overlap for row in rows])
    _, pictures = np.unique([row.picture for row in rows], return_inverse=True)
    places = np.clip((scores * NUM_BINS).astype(np.int64), 0, NUM_BINS - 1)
    bins = []
    for place in np.unique(places):
        inside = places == place
        gaps = scores[inside] - overlaps[inside]
        bins.append(
            Bin(
                low=int(place) / NUM_BINS,
                count=int(inside.sum()),
                score=float(scores[inside].mean()),
                overlap=float(overlaps[inside].mean()),
                gap_95=_interval(gaps, pictures[inside], seed),
            )
        )
    return Reliability(bins=tuple(bins))


def everyday_masks(answers: Iterable[ScoredAnswer]) -> list[ScoredMask]:
    """Give the masks that people get: three guesses to a lone click, the single one otherwise.

    Args:
        answers: To prompts of any kind.

    Returns:
        One row a mask, grouped by the kind of the prompt.
    """
    rows = []
    for answer in answers:
        shown = (1, 2, 3) if answer.kind == _LONE_CLICK else (0,)
        rows += [_scored(answer, number, KINDS[answer.kind]) for number in shown]
    return rows


def chosen_guesses(answers: Iterable[ScoredAnswer]) -> list[ScoredMask]:
    """Give of each lone click the guess with the best score: what is shown first."""
    return [
        _scored(answer, 1 + int(np.argmax(answer.scores[1:])), _CHOSEN)
        for answer in answers
        if answer.kind == _LONE_CLICK
    ]


def reliability_table(found: Reliability) -> dict[str, Any]:
    """Give the tenths of the scale as columns and rows of text."""
    rows = [
        [
            f"{one.low:.1f}-{one.low + 1 / NUM_BINS:.1f}",
            str(one.count),
            f"{one.score:.3f}",
            f"{one.overlap:.3f}",
            f"{one.gap:+.3f}",
            f"{one.gap_95[0]:+.3f} to {one.gap_95[1]:+.3f}",
        ]
        for one in found.bins
    ]
    columns = ["score", "masks", "mean score", "mean IoU", "gap", "95 % interval"]
    return {"columns": columns, "rows": rows}


def kinds_table(answers: Sequence[ScoredAnswer]) -> dict[str, Any]:
    """Give a row for each kind of prompt, and one for all, as columns and rows of text."""
    return {
        "columns": ["prompt", "masks", "mean score", "mean IoU", "error", "largest gap"],
        "rows": [[name, *figures_shown(one)] for name, one in of_each_kind(answers).items()],
    }


def of_each_kind(answers: Sequence[ScoredAnswer]) -> dict[str, Reliability]:
    """Give the reliability for each kind of prompt, for what is shown first, and for all."""
    everyday = everyday_masks(answers)
    order = {name: number for number, name in enumerate((*KINDS, _CHOSEN))}
    rows = sorted([*everyday, *chosen_guesses(answers)], key=lambda row: order[row.group])
    found = {name: reliability(list(some)) for name, some in groupby(rows, lambda row: row.group)}
    found["all"] = reliability(everyday)
    return found


def figures_shown(found: Reliability) -> list[str | None]:
    """Give masks, mean score, mean IoU, error and largest gap as text."""
    return [
        str(found.count),
        f"{found.score:.3f}",
        f"{found.overlap:.3f}",
        f"{found.calibration_error:.3f}",
        None if found.worst_gap is None else f"{found.worst_gap:+.3f}",
    ]


def reliability_figures(found: Reliability) -> dict[str, Any]:
    """Give the tenths of the scale and what holds for all, rounded, ready for JSON."""
    return {
        "masks": found.count,
        "mean_score": round(found.score, 4),
        "mean_iou": round(found.overlap, 4),
        "calibration_error": round(found.calibration_error, 4),
        "largest_gap": None if found.worst_gap is None else round(found.worst_gap, 4),
        "bins": [
            {
                name: [round(side, 4) for side in value]
                if isinstance(value, tuple)
                else round(value, 4)
                for name, value in asdict(one).items()
            }
            for one in found.bins
        ],
    }


def _scored(answer: ScoredAnswer, number: int, group: str) -> ScoredMask:
    return ScoredMask(
        picture=f"{answer.set_name}/{answer.picture}",
        group=group,
        score=answer.scores[number],
        overlap=answer.overlaps[number],
    )


def _interval(
    gaps: NDArray[np.float64], pictures: NDArray[np.int64], seed: int
) -> tuple[float, float]:
    """Give a 95 % interval of the mean gap, from resampling pictures with all their masks."""
    _, picture = np.unique(pictures, return_inverse=True)
    sums, counts = np.bincount(picture, gaps), np.bincount(picture)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(RESAMPLINGS, len(sums)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), (0.025, 0.975))
    return float(low), float(high)

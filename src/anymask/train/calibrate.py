"""After training: maps from predicted to true IoU, fitted on held-back pictures.

What is reported is cross-validated: each picture's scores are mapped by what was fitted on the
others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anymask.errors import DataError
from anymask.evaluate.reliability import (
    RESAMPLINGS,
    Reliability,
    figures_shown,
    of_each_kind,
    reliability_figures,
    reliability_table,
)
from anymask.evaluate.tasks.scores import ScoredAnswer
from anymask.model.mask_decoder import NUM_MASK_TOKENS
from anymask.model.score_calibration import KINDS, MOST_KNOTS, ScoreCalibration
from anymask.train.rising_map import rising_map

NUM_FOLDS = 5
_LONE_CLICK = KINDS.index("click")
_GUESSES = slice(1, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What maps of their own for the three guesses do to the choice among them.

    Attributes:
        before: Mean IoU of the best scored guess of a lone click, by raw scores.
        after: The same by scores with a map for each guess, cross-validated.
        low: Lower end of the 95 % interval of the difference, from resampling pictures.
        high: Upper end.
    """

    before: float
    after: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What calibrating gives.

    Attributes:
        calibration: The maps, fitted on all answers.
        is_shared: Whether the three guesses share their maps.
        choice: What maps of their own would do to the choice.
        crossed: The answers with cross-validated scores.
    """

    calibration: ScoreCalibration
    is_shared: bool
    choice: Choice
    crossed: tuple[ScoredAnswer, ...]


def calibrate(answers: Sequence[ScoredAnswer], seed: int = 0) -> Calibrated:
    """Fit maps from predicted to true IoU.

    Each of the three guesses gets maps of its own where that makes the choice among them better
    on pictures the maps were not fitted on; otherwise they share theirs, which leaves every
    choice as it was.

    Args:
        answers: To prompts of every kind, with raw scores, on pictures that were not learnt from.
        seed: Seed of the division of pictures, and of the resampling.

    Raises:
        DataError: If there are too few pictures, or too few masks of a kind.
    """
    separate = crossed(answers, is_shared=False, seed=seed)
    choice = _choice(answers, separate, seed)
    is_shared = choice.after <= choice.before
    return Calibrated(
        calibration=fit_calibration(answers, is_shared=is_shared),
        is_shared=is_shared,
        choice=choice,
        crossed=tuple(
            crossed(answers, is_shared=True, seed=seed) if is_shared else separate,
        ),
    )


def fit_calibration(answers: Sequence[ScoredAnswer], *, is_shared: bool) -> ScoreCalibration:
    """Fit a map for each kind of prompt and each mask.

    Args:
        answers: To prompts of every kind, with raw scores.
        is_shared: Whether the three guesses share their maps.

    Raises:
        DataError: If there are too few masks of a kind.
    """
    calibration = ScoreCalibration(NUM_MASK_TOKENS, MOST_KNOTS)
    for kind in range(len(KINDS)):
        some = [answer for answer in answers if answer.kind == kind]
        scores = np.array([answer.scores for answer in some]).reshape(-1, NUM_MASK_TOKENS)
        overlaps = np.array([answer.overlaps for answer in some]).reshape(-1, NUM_MASK_TOKENS)
        for part in ([0], [1, 2, 3]) if is_shared else ([0], [1], [2], [3]):
            raw, true = rising_map(scores[:, part].ravel(), overlaps[:, part].ravel(), MOST_KNOTS)
            calibration.raw[kind, part] = torch.from_numpy(raw).float()
            calibration.true[kind, part] = torch.from_numpy(true).float()
    return calibration


def crossed(
    answers: Sequence[ScoredAnswer], *, is_shared: bool, seed: int = 0, by_set: bool = False
) -> list[ScoredAnswer]:
    """Map each picture's scores by what was fitted on other pictures.

    Args:
        answers: To prompts of every kind, with raw scores.
        is_shared: Whether the three guesses share their maps.
        seed: Seed of the division into parts.
        by_set: Whether whole sets are kept apart instead of pictures: how the maps serve pictures
            of another sort.

    Returns:
        The answers in their order, with mapped scores.

    Raises:
        DataError: If there are too few pictures or sets, or too few masks of a kind.
    """
    names = [one.set_name if by_set else f"{one.set_name}/{one.picture}" for one in answers]
    known, place = np.unique(names, return_inverse=True)
    if len(known) < NUM_FOLDS:
        raise DataError(
            f"scores cannot be calibrated on {len(known)} {'sets' if by_set else 'pictures'}",
            hint=f"give {NUM_FOLDS} or more",
        )
    part = np.random.default_rng(seed).permutation(len(known))[place] % NUM_FOLDS
    mapped = list(answers)
    for number in range(NUM_FOLDS):
        others = [answer for answer, of in zip(answers, part, strict=True) if of != number]
        calibration = fit_calibration(others, is_shared=is_shared)
        held = np.flatnonzero(part == number).tolist()
        for index, answer in zip(
            held, _mapped(calibration, [answers[i] for i in held]), strict=True
        ):
            mapped[index] = answer
    return mapped


def calibration_record(answers: Sequence[ScoredAnswer], found: Calibrated) -> dict[str, Any]:
    """Say in JSON's terms what was gained: figures for the weights file, and tables.

    Args:
        answers: With raw scores.
        found: Output of `calibrate`.
    """
    before, after = of_each_kind(answers), of_each_kind(found.crossed)
    return {
        "masks": len({(one.set_name, one.picture, one.mask) for one in answers}),
        "pictures": len({(one.set_name, one.picture) for one in answers}),
        "answers": len(answers),
        "guesses_share_maps": found.is_shared,
        "click": {
            "before": round(found.choice.before, 4),
            "after": round(found.choice.before if found.is_shared else found.choice.after, 4),
            "with_own_maps": round(found.choice.after, 4),
            "difference_95": [round(found.choice.low, 4), round(found.choice.high, 4)],
        },
        "calibration_error": {
            "before": round(before["all"].calibration_error, 4),
            "cross_validated": round(after["all"].calibration_error, 4),
        },
        "reliability": {
            "before": reliability_figures(before["all"]),
            "cross_validated": reliability_figures(after["all"]),
        },
        "kinds": {
            "before": {name: reliability_figures(one) for name, one in before.items()},
            "cross_validated": {name: reliability_figures(one) for name, one in after.items()},
        },
        "tables": {
            "score_calibration": {
                "columns": ["prompt", "masks", "IoU", "error", "after", "gap", "after"],
                "rows": [_gained(name, one, after[name]) for name, one in before.items()],
            },
            "score_calibration_all": reliability_table(after["all"]),
        },
    }


def _gained(name: str, before: Reliability, after: Reliability) -> list[str | None]:
    masks, _, overlap, error, gap = figures_shown(before)
    *_, new_error, new_gap = figures_shown(after)
    return [name, masks, overlap, error, new_error, gap, new_gap]


def _mapped(calibration: ScoreCalibration, answers: Sequence[ScoredAnswer]) -> list[ScoredAnswer]:
    scores = torch.tensor([[answer.scores for answer in answers]])
    kinds = torch.tensor([[answer.kind for answer in answers]])
    mapped = calibration(scores, kinds)[0].tolist()
    return [replace(answer, scores=tuple(row)) for answer, row in zip(answers, mapped, strict=True)]


def _choice(before: Sequence[ScoredAnswer], after: Sequence[ScoredAnswer], seed: int) -> Choice:
    first = [place for place, answer in enumerate(before) if answer.kind == _LONE_CLICK]
    chosen, own = (_best_guesses([rows[place] for place in first]) for rows in (before, after))
    names = [f"{before[place].set_name}/{before[place].picture}" for place in first]
    _, picture = np.unique(names, return_inverse=True)
    sums, counts = np.bincount(picture, own - chosen), np.bincount(picture)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(RESAMPLINGS, len(sums)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), (0.025, 0.975))
    return Choice(
        before=float(chosen.mean()), after=float(own.mean()), low=float(low), high=float(high)
    )


def _best_guesses(answers: Sequence[ScoredAnswer]) -> NDArray[np.float64]:
    """Give the IoU of each prompt's best scored guess."""
    return np.array(
        [one.overlaps[_GUESSES][int(np.argmax(one.scores[_GUESSES]))] for one in answers]
    )

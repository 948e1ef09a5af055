"""Scored answers → tables of reliability, and one JSON record that says how it came to be."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from anymask.evaluate.record import run_record
from anymask.evaluate.reliability import (
    Reliability,
    everyday_masks,
    figures_shown,
    kinds_table,
    of_each_kind,
    reliability,
    reliability_figures,
    reliability_table,
)
from anymask.evaluate.report import set_title
from anymask.evaluate.tasks.scores import ScoredAnswer
from anymask.weights.loaded import LoadedModel


def score_record(
    loaded: LoadedModel, answers: Sequence[ScoredAnswer], command: str, *, day: date, commit: str
) -> dict[str, Any]:
    """Give everything worth keeping of a measurement of scores, in JSON's terms.

    Args:
        loaded: The model.
        answers: What was answered.
        command: What measured it.
        day: Day of the measurement.
        commit: State of the code, or "unknown".

    Returns:
        The model, reliability in all and by set, and tables for the documentation.
    """
    found = reliability(everyday_masks(answers))
    names = sorted({answer.set_name for answer in answers})
    by_set = {
        name: reliability(everyday_masks([one for one in answers if one.set_name == name]))
        for name in names
    }
    return {
        **run_record(loaded, "scores", command, day=day, commit=commit),
        "is_calibrated": loaded.sam.mask_decoder.is_calibrated,
        "reliability": reliability_figures(found),
        "kinds": {name: reliability_figures(one) for name, one in of_each_kind(answers).items()},
        "sets": {name: reliability_figures(one) for name, one in by_set.items()},
        "tables": {
            "score_reliability": reliability_table(found),
            "score_prompts": kinds_table(answers),
            "score_sets": _sets_table(by_set),
        },
    }


def _sets_table(by_set: dict[str, Reliability]) -> dict[str, Any]:
    return {
        "columns": ["set", "masks", "mean score", "mean IoU", "error", "largest gap"],
        "rows": [[set_title(name), *figures_shown(one)] for name, one in by_set.items()],
    }

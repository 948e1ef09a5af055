"""Rows of proposals → recall with intervals, a table, and one JSON record."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np

from anymask.configuration import to_mapping
from anymask.evaluate.proposals import NUMBERS, SIZES, THRESHOLDS, Recalled, average_recall
from anymask.evaluate.record import run_record
from anymask.evaluate.report import set_title
from anymask.evaluate.tasks.proposals import PROPOSAL_SETTINGS, ProposalRow
from anymask.everything.settings import EverythingSettings
from anymask.weights.loaded import LoadedModel

SHOWN_NUMBERS = (100, 1000)
RESAMPLINGS = 1000

Cells = list[str | None]


def proposal_record(
    loaded: LoadedModel,
    rows: Sequence[ProposalRow],
    command: str,
    *,
    day: date,
    commit: str = "unknown",
    settings: EverythingSettings = PROPOSAL_SETTINGS,
) -> dict[str, Any]:
    """Give everything worth keeping of a measurement, in JSON's terms.

    Args:
        loaded: The model.
        rows: What was measured.
        command: What measured it.
        day: Day of the measurement.
        commit: State of the code.
        settings: Of everything mode.

    Returns:
        The model, the settings, recall with intervals by set and method, a table, and all rows.
    """
    return {
        **run_record(loaded, "proposals", command, day=day, commit=commit),
        "settings": to_mapping(settings),
        "thresholds": [round(share, 2) for share in THRESHOLDS],
        "recall": [_figures(*group) for group in groups_of(rows)],
        "tables": {"proposals": proposal_table(rows, loaded.name)},
        "rows": [asdict(row) | {"seconds": round(row.seconds, 2)} for row in rows],
    }


def groups_of(rows: Sequence[ProposalRow]) -> list[tuple[str, str, list[ProposalRow]]]:
    """Give set, method and rows of each, sets in the order of their names."""
    groups: dict[tuple[str, str], list[ProposalRow]] = {}
    for row in rows:
        groups.setdefault((row.set_name, row.method), []).append(row)
    return [(*key, groups[key]) for key in sorted(groups, key=lambda key: key[0])]


def proposal_table(rows: Sequence[ProposalRow], model: str) -> dict[str, Any]:
    """Give average recall as columns and rows of text; in-domain sets are marked.

    Args:
        rows: What was measured.
        model: Name of the model.
    """
    columns = ["data set", "proposals by", "looked at", "recall", "95 %", *list(SIZES)[1:]]
    methods = {"model": model, "felzenszwalb": "Felzenszwalb"}
    lines: list[Cells] = []
    for set_name, method, group in groups_of(rows):
        found = [row.recalled for row in group]
        for looked_at in SHOWN_NUMBERS:
            sizes = [_shown(average_recall(found, looked_at, size)) for size in SIZES]
            low, high = recall_interval(found, looked_at)
            lines.append(
                [
                    set_title(set_name),
                    methods[method],
                    f"{looked_at}",
                    sizes[0],
                    f"{low:.3f}–{high:.3f}",
                    *sizes[1:],
                ]
            )
    return {"columns": columns, "rows": lines}


def recall_interval(
    pictures: Sequence[Recalled], number: int, seed: int = 0
) -> tuple[float, float]:
    """Give a 95 % interval of average recall, from resampling the pictures.

    Args:
        pictures: What was found on each.
        number: How many proposals a picture may be looked at.
        seed: Seed of the resampling.

    Returns:
        Lower and upper bound; zeros where there is no object.
    """
    counts = np.array(
        [(sum(one.found["all"][number]), one.objects["all"] * len(THRESHOLDS)) for one in pictures],
        dtype=np.float64,
    )
    rng = np.random.default_rng(seed)
    drawn = counts[rng.integers(len(counts), size=(RESAMPLINGS, len(counts)))].sum(axis=1)
    drawn = drawn[drawn[:, 1] > 0]
    if not len(drawn):
        return 0.0, 0.0
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    return float(low), float(high)


def _figures(set_name: str, method: str, rows: Sequence[ProposalRow]) -> dict[str, Any]:
    found = [row.recalled for row in rows]
    return {
        "set": set_name,
        "method": method,
        "pictures": len(rows),
        "proposals": round(float(np.mean([row.proposals for row in rows])), 1),
        "seconds": round(float(np.median([row.seconds for row in rows])), 2),
        "objects": {size: sum(one.objects[size] for one in found) for size in SIZES},
        "average_recall": {
            str(number): {size: _rounded(average_recall(found, number, size)) for size in SIZES}
            for number in NUMBERS
        },
        "intervals_95": {
            str(number): [round(side, 4) for side in recall_interval(found, number)]
            for number in NUMBERS
        },
    }


def _shown(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

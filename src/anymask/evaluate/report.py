"""Rows → means a set, a table, and one JSON file."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from anymask.evaluate.run import Row

IN_DOMAIN = frozenset({"bsds500_val", "coco128"})
COLUMNS = MappingProxyType(
    {
        "click": "one click",
        "oracle": "best of 3",
        "clicks_3": "three clicks",
        "box": "box",
        "felzenszwalb": "Felzenszwalb, click",
        "grabcut": "GrabCut, box",
        "box_filled": "box filled",
    }
)
RESAMPLINGS = 1000


def means_by_set(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Give the mean of every figure over the masks of each set, and "mean" over the sets.

    Args:
        rows: Rows of `evaluate`.
    """
    figures = [name for name in (*COLUMNS, "score_error") if name in {**rows[0], "score_error": 0}]
    means = {}
    for name in sorted({str(row["set"]) for row in rows}):
        some = [row for row in rows if row["set"] == name]
        means[name] = {figure: _mean(some, figure) for figure in figures}
    means["mean"] = {
        figure: float(np.mean([of_set[figure] for of_set in means.values()])) for figure in figures
    }
    return means


def interval(rows: Sequence[Row], figure: str, seed: int = 0) -> tuple[float, float]:
    """Give a 95 % interval of the mean over sets, from resampling the pictures of each set.

    Args:
        rows: Rows of `evaluate`.
        figure: Name of the figure.
        seed: Seed of the resampling.
    """
    rng = np.random.default_rng(seed)
    groups: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        of_set = groups.setdefault(str(row["set"]), {})
        of_set.setdefault(str(row["picture"]), []).append(_value(row, figure))
    resampled = []
    for pictures in groups.values():
        sums = np.array([[sum(values), len(values)] for values in pictures.values()])
        drawn = sums[rng.integers(len(sums), size=(RESAMPLINGS, len(sums)))].sum(1)
        resampled.append(drawn[:, 0] / drawn[:, 1])
    low, high = np.quantile(np.mean(resampled, 0), (0.025, 0.975))
    return float(low), float(high)


def table(rows: Sequence[Row]) -> dict[str, Any]:
    """Give the table of means as columns and rows of text; in-domain sets are marked."""
    means = means_by_set(rows)
    figures = [figure for figure in COLUMNS if figure in means["mean"]]
    names = [*(name for name in means if name != "mean"), "mean"]
    return {
        "columns": ["set", "masks", *(COLUMNS[figure] for figure in figures)],
        "rows": [
            [
                set_title(name),
                str(sum(row["set"] == name or name == "mean" for row in rows)),
                *(f"{means[name][figure]:.3f}" for figure in figures),
            ]
            for name in names
        ],
    }


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Give means and 95 % intervals of the mean, rounded, ready for JSON."""
    means = means_by_set(rows)
    return {
        "means": {
            name: {figure: round(value, 4) for figure, value in of_set.items()}
            for name, of_set in means.items()
        },
        "intervals_95": {
            figure: [round(side, 4) for side in interval(rows, figure)] for figure in means["mean"]
        },
    }


def rounded(rows: Iterable[Mapping[str, float | str]]) -> list[dict[str, float | str]]:
    """Give rows with their numbers rounded to four places."""
    return [
        {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
        for row in rows
    ]


def _mean(rows: Sequence[Row], figure: str) -> float:
    return float(np.mean([_value(row, figure) for row in rows]))


def _value(row: Row, figure: str) -> float:
    if figure == "score_error":
        return abs(float(row["score"]) - float(row["click"]))
    return float(row[figure])


def set_title(name: str) -> str:
    """Give a set's name, marked where the default model was trained on pictures like its own."""
    return f"{name} (in-domain)" if name in IN_DOMAIN else name

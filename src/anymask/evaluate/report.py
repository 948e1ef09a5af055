"""Rows → means a set, a table, and one JSON file."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
MODEL_FIGURES = ("click", "oracle", "clicks_3", "box")
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
    resampled = []
    for of_set in _by_set(rows).values():
        sums = _sums_of_pictures(of_set, figure)
        drawn = sums[rng.integers(len(sums), size=(RESAMPLINGS, len(sums)))].sum(1)
        resampled.append(drawn[:, 0] / drawn[:, 1])
    low, high = np.quantile(np.mean(resampled, 0), (0.025, 0.975))
    return float(low), float(high)


def pooled_interval(rows: Sequence[Row], figure: str, seed: int = 0) -> tuple[float, float] | None:
    """Give a 95 % interval of the mean over masks, from resampling pictures of all sets together.

    Args:
        rows: Rows of `evaluate`, at least one.
        figure: Name of the figure.
        seed: Seed of the resampling.

    Returns:
        Lower and upper bound; None where all masks lie in one picture.
    """
    sums = _sums_of_pictures(rows, figure)
    if len(sums) < 2:
        return None
    rng = np.random.default_rng(seed)
    drawn = sums[rng.integers(len(sums), size=(RESAMPLINGS, len(sums)))].sum(1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    return float(low), float(high)


def sets_table(rows: Sequence[Row]) -> dict[str, Any]:
    """Give the model's own figures of each set with their 95 % intervals, as columns and rows."""
    means = means_by_set(rows)
    figures = shown_figures(means["mean"])
    groups: dict[str, Sequence[Row]] = {**_by_set(rows), "mean": rows}
    return {
        "columns": ["set", "pictures", "masks", *(COLUMNS[figure] for figure in figures)],
        "rows": [
            [
                set_title(name),
                *counts_in_words(groups[name]),
                *(
                    with_interval(of_set[figure], interval(groups[name], figure))
                    for figure in figures
                ),
            ]
            for name, of_set in means.items()
        ],
    }


def shown_figures(figures: Iterable[str]) -> list[str]:
    """Give those of the model's own figures that are there, in the order of tables."""
    there = set(figures)
    return [figure for figure in MODEL_FIGURES if figure in there]


def counts_in_words(rows: Sequence[Row]) -> tuple[str, str]:
    """Give the numbers of pictures and of masks, as text."""
    return str(len({(row["set"], row["picture"]) for row in rows})), str(len(rows))


def with_interval(mean: float, sides: tuple[float, float] | None) -> str:
    """Write a mean and its interval, such as 0.446 (0.415–0.480)."""
    return f"{mean:.3f}" if sides is None else f"{mean:.3f} ({sides[0]:.3f}–{sides[1]:.3f})"


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
    """Give means and 95 % intervals, over the sets and of each, rounded, ready for JSON."""
    means = means_by_set(rows)
    groups = _by_set(rows)
    return {
        "means": {
            name: {figure: round(value, 4) for figure, value in of_set.items()}
            for name, of_set in means.items()
        },
        "intervals_95": {
            figure: [round(side, 4) for side in interval(rows, figure)] for figure in means["mean"]
        },
        "sets": {
            name: {
                "pictures": len(_by_picture(of_set)),
                "masks": len(of_set),
                "intervals_95": {
                    figure: [round(side, 4) for side in interval(of_set, figure)]
                    for figure in means["mean"]
                },
            }
            for name, of_set in sorted(groups.items())
        },
    }


def rounded(rows: Iterable[Mapping[str, float | str]]) -> list[dict[str, float | str]]:
    """Give rows with their numbers rounded to four places."""
    return [
        {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
        for row in rows
    ]


def _by_set(rows: Sequence[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row["set"]), []).append(row)
    return groups


def _by_picture(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((str(row["set"]), str(row["picture"])), []).append(row)
    return groups


def _sums_of_pictures(rows: Sequence[Row], figure: str) -> NDArray[np.float64]:
    """Give the sum of a figure and the number of masks of each picture, (N, 2)."""
    pictures = _by_picture(rows).values()
    return np.array([[sum(_value(row, figure) for row in some), len(some)] for some in pictures])


def _mean(rows: Sequence[Row], figure: str) -> float:
    return float(np.mean([_value(row, figure) for row in rows]))


def _value(row: Row, figure: str) -> float:
    if figure == "score_error":
        return abs(float(row["score"]) - float(row["click"]))
    return float(row[figure])


def set_title(name: str) -> str:
    """Give a set's name, marked where the default model was trained on pictures like its own."""
    return f"{name} (in-domain)" if name in IN_DOMAIN else name

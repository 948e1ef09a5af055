"""How a model does with objects of each size: the share of the picture they cover decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anymask.evaluate.report import (
    COLUMNS,
    counts_in_words,
    pooled_interval,
    shown_figures,
    with_interval,
)
from anymask.evaluate.run import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Objects of about one size.

    Attributes:
        title: What tables call it.
        smallest: Share of the picture from which an object belongs here.
        below: Share of the picture from which it does not any more.
    """

    title: str
    smallest: float
    below: float


SIZES = (
    Size(title="under 0.3 %", smallest=0.0, below=0.003),
    Size(title="0.3 to 1 %", smallest=0.003, below=0.01),
    Size(title="1 to 3 %", smallest=0.01, below=0.03),
    Size(title="3 to 10 %", smallest=0.03, below=0.1),
    Size(title="10 % and more", smallest=0.1, below=float("inf")),
)


def rows_of_size(rows: Sequence[Row], size: Size) -> list[Row]:
    """Give the rows of objects of one size.

    Args:
        rows: Rows of `evaluate`.
        size: One of `SIZES`.
    """
    return [row for row in rows if size.smallest <= float(row["area_share"]) < size.below]


def size_figures(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Give the figures of each size, ready for JSON.

    Args:
        rows: Rows of `evaluate`, at least one.

    Returns:
        One record a size, the smallest first: `size`, numbers of `pictures` and `masks`, `means`
        over the masks of all sets together and their `intervals_95` (null within one picture).
        A size without masks has no means.
    """
    figures = shown_figures(rows[0])
    records = []
    for size in SIZES:
        some = rows_of_size(rows, size)
        pictures, masks = counts_in_words(some)
        record: dict[str, Any] = {
            "size": size.title,
            "pictures": int(pictures),
            "masks": int(masks),
            "means": {},
            "intervals_95": {},
        }
        for figure in figures if some else ():
            sides = pooled_interval(some, figure)
            record["means"][figure] = round(_mean(some, figure), 4)
            record["intervals_95"][figure] = sides and [round(side, 4) for side in sides]
        records.append(record)
    return records


def size_table(rows: Sequence[Row]) -> dict[str, Any]:
    """Give the figures of each size with their 95 % intervals, as columns and rows of text.

    Args:
        rows: Rows of `evaluate`, at least one.

    Returns:
        `columns` and `rows`; a figure is the mean over the masks of all sets together.
    """
    figures = shown_figures(rows[0])
    lines: list[list[str | None]] = []
    for size in SIZES:
        some = rows_of_size(rows, size)
        cells = [
            with_interval(_mean(some, figure), pooled_interval(some, figure)) if some else None
            for figure in figures
        ]
        lines.append([size.title, *counts_in_words(some), *cells])
    titles = [COLUMNS[figure] for figure in figures]
    return {"columns": ["share of the picture", "pictures", "masks", *titles], "rows": lines}


def _mean(rows: Sequence[Row], figure: str) -> float:
    return float(np.mean([float(row[figure]) for row in rows]))

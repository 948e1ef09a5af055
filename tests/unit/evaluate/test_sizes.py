"""Figures by size and their intervals are those of the right masks."""

import numpy as np
import pytest
from scipy import stats

from anymask.evaluate.report import (
    interval,
    pooled_interval,
    sets_table,
    summary,
    with_interval,
)
from anymask.evaluate.run import Row
from anymask.evaluate.sizes import SIZES, rows_of_size, size_figures, size_table


def row(picture: str, share: float, click: float, of_set: str = "a") -> Row:
    figures = {"click": click, "oracle": 0.75, "clicks_3": 0.5, "box": 0.25}
    return {
        "set": of_set,
        "picture": picture,
        "mask": 0.0,
        "area_share": share,
        "score": 0.5,
        **figures,
    }


ROWS = [
    row("p", 0.001, 0.2),
    row("q", 0.0029, 0.4),
    row("q", 0.003, 0.9),
    row("p", 0.05, 0.6, of_set="b"),
    row("p", 1.0, 0.8),
]


def test_sizes_join_without_gaps_and_hold_every_share() -> None:
    assert [size.below for size in SIZES[:-1]] == [size.smallest for size in SIZES[1:]]
    for share in (0.0, 0.003, 0.01, 0.03, 0.1, 1.0):
        assert sum(len(rows_of_size([row("p", share, 0.5)], size)) for size in SIZES) == 1


def test_a_share_at_the_bound_belongs_to_the_larger_size() -> None:
    assert rows_of_size(ROWS, SIZES[0]) == ROWS[:2]
    assert rows_of_size(ROWS, SIZES[1]) == ROWS[2:3]


def test_figures_of_each_size() -> None:
    smallest, second, third, fourth, largest = size_figures(ROWS)
    assert (smallest["size"], smallest["masks"], smallest["pictures"]) == ("under 0.3 %", 2, 2)
    assert smallest["means"] == {"click": 0.3, "oracle": 0.75, "clicks_3": 0.5, "box": 0.25}
    assert smallest["intervals_95"]["click"] == [0.2, 0.4]
    assert smallest["intervals_95"]["box"] == [0.25, 0.25]
    assert second["intervals_95"]["click"] is None
    assert (third["masks"], third["means"]) == (0, {})
    assert fourth["means"]["click"] == 0.6
    assert largest["means"]["click"] == 0.8


def test_the_table_says_where_nothing_was_measured() -> None:
    made = size_table(ROWS)
    assert made["columns"][:4] == ["share of the picture", "pictures", "masks", "one click"]
    assert made["rows"][0][:4] == ["under 0.3 %", "2", "2", "0.300 (0.200–0.400)"]
    assert made["rows"][1][3] == "0.900"
    assert made["rows"][2] == ["1 to 3 %", "0", "0", None, None, None, None]


def test_the_interval_is_scipys_where_each_picture_has_one_mask() -> None:
    values = np.random.default_rng(3).random(60)
    rows = [row(str(number), 0.5, float(value)) for number, value in enumerate(values)]
    expected = stats.bootstrap((values,), np.mean, method="percentile", rng=5).confidence_interval
    found = pooled_interval(rows, "click")
    assert found is not None
    assert found == pytest.approx((expected.low, expected.high), abs=0.01)
    assert interval(rows, "click") == pytest.approx((expected.low, expected.high), abs=0.01)


def test_pictures_are_drawn_with_all_their_masks() -> None:
    alike = [row(picture, 0.5, click) for picture, click in (("p", 0.0), ("q", 1.0)) * 50]
    assert pooled_interval(alike, "click") == (0.0, 1.0)
    same_name = [row("p", 0.5, 0.0, of_set="a"), row("p", 0.5, 1.0, of_set="b")]
    assert pooled_interval(same_name, "click") == (0.0, 1.0)


def test_every_set_has_its_interval() -> None:
    made = sets_table(ROWS)
    assert made["columns"] == [
        "set",
        "pictures",
        "masks",
        "one click",
        "best of 3",
        "three clicks",
        "box",
    ]
    a_low, a_high = interval(ROWS[:3] + ROWS[4:], "click")
    assert made["rows"][0][:4] == ["a", "2", "4", f"0.575 ({a_low:.3f}–{a_high:.3f})"]
    assert made["rows"][1][:4] == ["b", "1", "1", "0.600 (0.600–0.600)"]
    assert made["rows"][2][:3] == ["mean", "3", "5"]
    sets = summary(ROWS)["sets"]
    assert (sets["a"]["pictures"], sets["a"]["masks"]) == (2, 4)
    assert sets["a"]["intervals_95"]["click"] == [round(a_low, 4), round(a_high, 4)]
    assert with_interval(0.5, None) == "0.500"

"""Tenths of the scale: who is in which, and what their means and errors are."""

import json
from datetime import date

import numpy as np
import pytest

from anymask.errors import InputError
from anymask.evaluate.reliability import (
    ScoredMask,
    chosen_guesses,
    everyday_masks,
    kinds_table,
    reliability,
    reliability_table,
)
from anymask.evaluate.score_record import score_record
from anymask.model.score_calibration import KINDS
from tests.unit.evaluate.answers import answer, drawn_answers
from tests.unit.predict.networks import loaded, small_lite


def masks(*pairs: tuple[float, float]) -> list[ScoredMask]:
    return [
        ScoredMask(picture=f"p{number}", group="box", score=score, overlap=overlap)
        for number, (score, overlap) in enumerate(pairs)
    ]


def test_means_and_gaps_of_each_tenth():
    found = reliability(masks((0.12, 0.3), (0.18, 0.2), (0.95, 0.9)))
    assert [(one.low, one.count) for one in found.bins] == [(0.1, 2), (0.9, 1)]
    assert found.bins[0].score == pytest.approx(0.15)
    assert found.bins[0].overlap == pytest.approx(0.25)
    assert found.bins[0].gap == pytest.approx(-0.1)
    assert found.bins[1].gap == pytest.approx(0.05)
    assert found.count == 3
    assert found.calibration_error == pytest.approx((2 * 0.1 + 0.05) / 3)
    assert found.score == pytest.approx((0.12 + 0.18 + 0.95) / 3)
    assert found.overlap == pytest.approx((0.3 + 0.2 + 0.9) / 3)


def test_scores_outside_the_scale_count_at_its_ends():
    found = reliability(masks((-0.3, 0.1), (0.05, 0.1), (1.0, 0.9), (1.4, 0.9)))
    assert [(one.low, one.count) for one in found.bins] == [(0.0, 2), (0.9, 2)]


def test_a_tenth_with_few_masks_is_never_the_worst():
    few = [(0.15, 0.9)] * 29
    enough = [(0.75, 0.72)] * 30
    assert reliability(masks(*few, *enough)).worst_gap == pytest.approx(0.03)
    assert reliability(masks(*few, (0.15, 0.9), *enough)).worst_gap == pytest.approx(-0.75)
    assert reliability(masks(*few)).worst_gap is None


def test_intervals_resample_pictures_not_masks():
    rng = np.random.default_rng(1)
    of_picture = rng.normal(0, 0.1, 50)
    rows = [
        ScoredMask(picture=f"p{number}", group="box", score=0.55, overlap=0.55 - gap)
        for number, gap in enumerate(of_picture)
        for _ in range(4)
    ]
    (only,) = reliability(rows).bins
    low, high = only.gap_95
    error = of_picture.std() / np.sqrt(50)
    assert low == pytest.approx(of_picture.mean() - 1.96 * error, abs=0.006)
    assert high == pytest.approx(of_picture.mean() + 1.96 * error, abs=0.006)


def test_no_mask_is_refused():
    with pytest.raises(InputError, match="no mask was scored; ask about at least one"):
        reliability([])


def test_people_get_three_guesses_to_a_lone_click_and_one_mask_otherwise():
    click = answer((0.9, 0.1, 0.3, 0.2), (0.8, 0.2, 0.4, 0.6))
    box = answer((0.7, 0.9, 0.9, 0.9), (0.6, 0.1, 0.1, 0.1), kind="box")
    found = [(row.group, row.score, row.overlap) for row in everyday_masks([click, box])]
    assert found == [
        ("click", 0.1, 0.2),
        ("click", 0.3, 0.4),
        ("click", 0.2, 0.6),
        ("box", 0.7, 0.6),
    ]
    (chosen,) = chosen_guesses([click, box])
    assert (chosen.score, chosen.overlap) == (0.3, 0.4)


def test_tables_are_ready_for_pages():
    rows = drawn_answers(pictures=10)
    kinds = kinds_table(rows)
    assert [line[0] for line in kinds["rows"]][:3] == ["click", "clicks", "box"]
    assert [line[0] for line in kinds["rows"]][-2:] == ["click, best guess", "all"]
    assert kinds["rows"][0][1] == "90"  # 30 clicks, three guesses each
    assert kinds["rows"][-1][1] == str(90 + (len(KINDS) - 1) * 30)
    tenths = reliability_table(reliability(everyday_masks(rows)))
    assert sum(int(line[1]) for line in tenths["rows"]) == (len(KINDS) + 2) * 30
    for table in (kinds, tenths):
        assert all(len(line) == len(table["columns"]) for line in table["rows"])
    first = reliability(everyday_masks(rows)).bins[0]
    assert tenths["rows"][0][:3] == ["0.0-0.1", str(first.count), f"{first.score:.3f}"]
    assert tenths["rows"][0][4] == f"{first.gap:+.3f}"


def test_the_record_has_all_sets():
    found = score_record(
        loaded(small_lite()),
        drawn_answers(12),
        "anymask evaluate",
        day=date(2026, 1, 2),
        commit="c",
    )
    assert (found["name"], found["commit"], found["is_calibrated"]) == ("scores", "c", False)
    assert found["reliability"]["masks"] == 12 * 3 * (len(KINDS) + 2)
    assert list(found["sets"]) == [f"set{number}" for number in range(6)]
    assert sum(one["masks"] for one in found["sets"].values()) == 12 * 3 * (len(KINDS) + 2)
    bins = found["reliability"]["bins"]
    assert sum(one["count"] for one in bins) == 12 * 3 * (len(KINDS) + 2)
    assert all(len(one["gap_95"]) == 2 for one in bins)
    assert set(found["tables"]) == {"score_reliability", "score_prompts", "score_sets"}
    assert json.loads(json.dumps(found)) == found

"""Why there is no mask at a pixel."""

from dataclasses import replace

import numpy as np
import pytest

from anymask.errors import PromptError
from anymask.everything.candidates import Floors
from anymask.everything.explain import explain, reason
from anymask.everything.fate import Fate, Filter
from anymask.everything.generate import find_all
from anymask.everything.settings import EverythingSettings
from tests.unit.everything.answering import Disc, answering_model, embedded

SETTINGS = EverythingSettings(points_per_side=8)
GOOD, UNSURE, VAGUE = Disc(32, 32, 18), Disc(90, 60, 20, score=0.81), Disc(90, 20, 10, slope=0.5)


@pytest.fixture(params=["exact", "fast"])
def candidates(monkeypatch, request):
    """All candidates of a picture with one good thing, one unsure and one vague."""
    loaded = answering_model(monkeypatch, GOOD, UNSURE, VAGUE)
    settings = replace(SETTINGS, mode=request.param)
    return find_all(loaded, embedded(loaded), settings, floors=Floors()).candidates


def test_a_mask_that_stayed_is_told_first(candidates):
    told = explain(candidates, SETTINGS, (32, 32))
    assert told.verdicts[0].fate.filter is None
    assert told.sentence().startswith("1 mask here: the best has a predicted IoU of 0.95 and ")
    assert all(one.fate.filter == Filter.BOX_NMS for one in told.verdicts[1:])
    assert len(told.verdicts) > 1


def test_a_score_that_is_too_low_is_named_with_what_it_needs(candidates):
    told = explain(candidates, SETTINGS, (90, 60))
    assert {one.fate.filter for one in told.verdicts} == {Filter.PRED_IOU}
    count = len(told.verdicts)
    assert told.sentence() == (
        f"nothing here: {count} candidates, the best has a predicted IoU of 0.81, "
        "needs more than 0.88"
    )
    best = told.verdicts[0]
    assert best.area == pytest.approx(np.count_nonzero(UNSURE.mask()), rel=0.15)
    assert best.box == pytest.approx((70, 40, 110, 80), abs=3)


def test_a_mask_that_is_not_stable_is_told(candidates):
    told = explain(candidates, SETTINGS, (90, 20))
    assert told.verdicts[0].fate.filter == Filter.STABILITY
    assert "has a stability score of 0." in told.sentence()


def test_where_nothing_covers_the_pixel_the_nearest_point_is_told(candidates):
    told = explain(candidates, SETTINGS, (127, 95))
    assert told.verdicts == ()
    assert told.sentence() == "nothing here: no point of the grid gave a mask that covers it"
    assert told.nearest_point == (120.0, 90.0)


def test_what_was_dropped_unseen_is_told(monkeypatch):
    loaded = answering_model(monkeypatch, GOOD, UNSURE)
    candidates = find_all(loaded, embedded(loaded), SETTINGS).candidates
    told = explain(candidates, SETTINGS, (90, 60))
    assert told.verdicts == ()
    assert "no candidate that was kept covers it (1" in told.sentence()
    assert told.not_kept["pred_iou_thresh"] > 100


@pytest.mark.parametrize("point", [(-1, 3), (128, 3), (3, 96), (float("nan"), 1)])
def test_a_point_outside_is_refused(candidates, point):
    with pytest.raises(PromptError, match=r"lies outside 128×96; points are \(x, y\)"):
        explain(candidates, SETTINGS, point)


@pytest.mark.parametrize("point", [None, (1,), (1, 2, 3), ("a", 1), "ab", 5])
def test_what_is_no_point_is_refused(candidates, point):
    with pytest.raises(PromptError, match=r"point is .*, not \(x, y\); give two numbers"):
        explain(candidates, SETTINGS, point)


@pytest.mark.parametrize(
    ("fate", "sentence"),
    [
        (Fate(), "is in the result"),
        (
            Fate(filter=Filter.CROP_EDGE, value=4, threshold=20),
            "ends 4 px from the edge of its crop, needs more than 20",
        ),
        (
            Fate(filter=Filter.MIN_AREA, value=1200, threshold=3000),
            "has 1,200 pixels, needs 3,000",
        ),
        (
            Fate(filter=Filter.MAX_AREA, value=0.97, threshold=0.95),
            "covers 97.00 % of the picture, needs less than 95 %",
        ),
        (
            Fate(filter=Filter.BOX_NMS, value=0.9, threshold=0.7, rival=3),
            "looks like candidate 3, which was preferred (overlap of boxes 0.90, at most 0.7)",
        ),
        (
            Fate(filter=Filter.REGIONS, value=40, threshold=100),
            "has no region of 100 pixels, the largest has 40",
        ),
        (Fate(filter=Filter.PART, value=1, rival=5), "is part of candidate 5"),
    ],
)
def test_every_reason_is_a_sentence(fate, sentence):
    assert reason(fate) == sentence

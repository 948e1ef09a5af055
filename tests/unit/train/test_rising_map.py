"""A rising map through means of bins: scipy says the same of the means."""

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from anymask.errors import DataError
from anymask.train.rising_map import pooled, rising_map, with_knots


@pytest.mark.parametrize("seed", range(5))
def test_pooling_is_isotonic_regression(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=40) + np.linspace(0, 2, 40)
    weights = rng.integers(1, 9, 40).astype(np.float64)
    right = isotonic_regression(values, weights=weights).x
    np.testing.assert_allclose(pooled(values, weights), right, atol=1e-12)


def test_a_known_bend_is_found():
    rng = np.random.default_rng(0)
    raw = rng.uniform(0, 1, 4000)
    true = np.clip(raw**2 + rng.normal(0, 0.05, 4000), 0, 1)
    knots, values = rising_map(raw, true, 16)
    for score in (0.1, 0.3, 0.5, 0.7, 0.9):
        assert np.interp(score, knots, values) == pytest.approx(score**2, abs=0.025)


def test_maps_always_rise_and_stay_between_0_and_1():
    rng = np.random.default_rng(0)
    # The higher the score, the worse the mask: the best rising map is level.
    raw = rng.uniform(-0.2, 1.1, 900)
    knots, values = rising_map(raw, np.clip(0.7 - 0.4 * raw, 0, 1), 16)
    assert (np.diff(knots) > 0).all()
    assert (np.diff(values) > 0).all()
    assert (knots[-1], values[0], values[-1]) == (pytest.approx(2.1, abs=0.1), 0, 1)
    inside = np.interp([0.0, 1.0], knots, values)
    assert inside[1] - inside[0] < 0.03


def test_few_masks_give_few_bins_and_as_many_knots():
    rng = np.random.default_rng(0)
    raw = rng.uniform(0, 1, 90)
    knots, values = rising_map(raw, raw, 16)
    assert len(knots) == len(values) == 16
    assert (np.diff(knots) > 0).all()
    assert np.interp(0.5, knots, values) == pytest.approx(0.5, abs=0.07)


def test_equal_scores_give_one_value():
    knots, values = rising_map(np.full(100, 0.4), np.full(100, 0.8), 16)
    assert (np.diff(knots) > 0).all()
    assert np.interp(0.4, knots, values) == pytest.approx(0.8, abs=0.02)


def test_scores_far_outside_have_a_place():
    knots, _ = rising_map(np.linspace(-7, 9, 200), np.linspace(0, 1, 200), 16)
    assert knots[0] < -7
    assert knots[-1] > 9


def test_more_knots_change_nothing():
    raw, true = np.array([-1.0, 0.2, 2.0]), np.array([0.0, 0.5, 1.0])
    knots, values = with_knots(raw, true, 9)
    assert len(knots) == 9
    at = np.linspace(-1, 2, 50)
    np.testing.assert_allclose(np.interp(at, knots, values), np.interp(at, raw, true))


def test_too_few_masks_are_refused():
    said = "scores cannot be calibrated from 29 masks of a kind; give pictures with 30 masks"
    with pytest.raises(DataError, match=said):
        rising_map(np.zeros(29), np.zeros(29), 16)

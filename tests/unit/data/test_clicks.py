"""Simulated clicks fall where the papers say."""

import numpy as np
import pytest
from scipy import ndimage, stats

from anymask.data.clicks import (
    border_distance,
    centre_click,
    error_click,
    noisy_box,
    random_click,
    tight_box,
    uniform_click,
    uniform_error_click,
    uniformly_noisy_box,
)
from tests.scenes import disc


def test_centre_of_a_disc_is_its_centre() -> None:
    assert centre_click(disc(40, 50, 15)) == (40, 50)


def test_frame_edge_counts_as_border() -> None:
    mask = np.ones((11, 21), bool)
    x, y = centre_click(mask)
    assert y == 5
    assert 5 <= x <= 15


def test_distance_agrees_with_scipy() -> None:
    mask = disc(40, 50, 15) | disc(100, 20, 9)
    expected = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    np.testing.assert_allclose(border_distance(mask), expected, rtol=0.03, atol=0.05)


def test_random_click_is_always_inside() -> None:
    mask, rng = disc(40, 50, 6), np.random.default_rng(0)
    clicks = [random_click(mask, rng) for _ in range(200)]
    assert all(mask[y, x] for x, y in clicks)
    assert len(set(clicks)) > 40


def test_missed_part_is_added_at_its_centre() -> None:
    true = disc(30, 48, 10) | disc(90, 48, 20)
    assert error_click(disc(30, 48, 10), true) == ((90, 48), 1)


def test_part_taken_too_much_is_removed_at_its_centre() -> None:
    true = disc(30, 48, 10)
    assert error_click(true | disc(90, 48, 20), true) == ((90, 48), 0)


def test_perfect_answer_gets_a_click_inside() -> None:
    true = disc(30, 48, 10)
    assert error_click(true, true) == ((30, 48), 1)


def test_random_error_click_stays_in_the_error() -> None:
    true, rng = disc(90, 48, 20), np.random.default_rng(0)
    for _ in range(50):
        (x, y), label = error_click(np.zeros_like(true), true, rng)
        assert label == 1
        assert true[y, x]


def test_tight_box_has_exclusive_ends() -> None:
    mask = np.zeros((20, 30), bool)
    mask[4:9, 6:16] = True
    assert tight_box(mask) == (6, 4, 16, 9)


def test_box_without_noise_is_the_tight_box() -> None:
    mask = disc(60, 48, 20)
    assert noisy_box(mask, np.random.default_rng(0), 0.0) == tight_box(mask)


def test_box_noise_has_the_published_size() -> None:
    mask, rng = disc(64, 48, 25), np.random.default_rng(0)
    tight = np.array(tight_box(mask))
    offsets = np.array([noisy_box(mask, rng) for _ in range(2000)]) - tight
    assert np.std(offsets) == pytest.approx(0.1 * 51, rel=0.05)
    assert np.abs(offsets).max() <= 20


def test_noisy_box_always_has_area_inside_the_frame() -> None:
    mask, rng = disc(3, 3, 2), np.random.default_rng(0)
    for _ in range(300):
        x0, y0, x1, y1 = noisy_box(mask, rng, 0.8)
        assert 0 <= x0 < x1 <= 128
        assert 0 <= y0 < y1 <= 96


def chi_square(clicks: list[tuple[int, int]], region: np.ndarray) -> float:
    """Compare how often each pixel of a region was clicked with even chances."""
    counts = np.zeros(region.shape)
    for x, y in clicks:
        counts[y, x] += 1
    assert counts[~region].sum() == 0
    expected = len(clicks) / region.sum()
    return float(((counts[region] - expected) ** 2 / expected).sum())


def test_uniform_click_gives_every_pixel_the_same_chance() -> None:
    mask, rng = disc(20, 40, 4) | disc(90, 40, 3), np.random.default_rng(0)
    clicks = [uniform_click(mask, rng) for _ in range(8000)]
    freedom = int(mask.sum()) - 1
    assert chi_square(clicks, mask) < stats.chi2.ppf(0.999, freedom)


def test_uniform_error_click_takes_any_wrong_pixel_with_its_label() -> None:
    true, predicted = disc(20, 40, 5), disc(22, 40, 5) | disc(90, 40, 2)
    rng = np.random.default_rng(1)
    answers = [uniform_error_click(predicted, true, rng) for _ in range(8000)]
    error = predicted ^ true
    clicks = [place for place, _ in answers]
    assert chi_square(clicks, error) < stats.chi2.ppf(0.999, int(error.sum()) - 1)
    assert all(label == true[y, x] for (x, y), label in answers)
    assert {label for _, label in answers} == {0, 1}


def test_uniform_error_click_without_error_falls_on_the_background() -> None:
    true, rng = disc(20, 40, 5), np.random.default_rng(2)
    answers = [uniform_error_click(true, true, rng) for _ in range(100)]
    assert {label for _, label in answers} == {0}
    assert not any(true[y, x] for (x, y), _ in answers)
    assert len({place for place, _ in answers}) > 90


def test_uniform_error_click_without_background_falls_inside() -> None:
    full = np.ones((5, 7), bool)
    (x, y), label = uniform_error_click(full, full, np.random.default_rng(3))
    assert label == 1
    assert full[y, x]


def test_uniform_box_noise_is_that_of_sam_2() -> None:
    mask, rng = disc(64, 48, 25), np.random.default_rng(0)
    tight = np.array(tight_box(mask))
    offsets = np.array([uniformly_noisy_box(mask, rng) for _ in range(2000)]) - tight
    assert stats.kstest(offsets[:, 0], stats.uniform(-5.1, 10.2).cdf).pvalue > 0.001
    assert np.abs(offsets).max() <= 5.1
    capped = np.array([uniformly_noisy_box(mask, rng, most_px=2) for _ in range(200)]) - tight
    assert np.abs(capped).max() == 2


def test_uniformly_noisy_box_stays_in_the_frame() -> None:
    mask, rng = np.ones((96, 128), bool), np.random.default_rng(0)
    for _ in range(100):
        x0, y0, x1, y1 = uniformly_noisy_box(mask, rng)
        assert 0 <= x0 < x1 <= 128
        assert 0 <= y0 < y1 <= 96

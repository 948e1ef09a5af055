"""Rough masks are rough: never empty, never the truth, and of the kind they say."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anymask.data.clicks import tight_box
from anymask.data.rough_masks import (
    coarse_polygon,
    dilated,
    eroded,
    rough_mask,
    scribbled,
    shifted,
)
from anymask.masks.overlap import iou
from tests.scenes import disc

OBJECT = disc(40, 48, 20) | disc(60, 40, 14)


@given(seed=st.integers(0, 2**32 - 1), side=st.integers(2, 24), density=st.floats(0.01, 1.0))
def test_never_empty_and_never_the_truth(seed: int, side: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((side, side + 3)) < density
    mask[rng.integers(side), rng.integers(side + 3)] = True
    rough = rough_mask(mask, rng)
    assert rough.shape == mask.shape
    assert rough.dtype == np.bool_
    assert rough.any()
    assert (rough != mask).any()


def test_full_frame_is_drawn_smaller() -> None:
    full = np.ones((16, 16), bool)
    for seed in range(20):
        assert 0 < rough_mask(full, np.random.default_rng(seed)).sum() < 256


def test_all_ways_are_used_and_most_are_near_the_truth() -> None:
    rng = np.random.default_rng(0)
    rough = [rough_mask(OBJECT, rng) for _ in range(200)]
    overlaps = [iou(mask, OBJECT) for mask in rough]
    assert min(overlaps) < 0.5  # scribbles
    assert max(overlaps) > 0.9
    assert np.mean([(mask & ~OBJECT).any() for mask in rough]) == pytest.approx(0.6, abs=0.12)


@pytest.mark.parametrize("seed", range(5))
def test_dilated_holds_the_object(seed: int) -> None:
    grown = dilated(OBJECT, np.random.default_rng(seed))
    assert (grown & OBJECT).sum() == OBJECT.sum()
    x0, y0, x1, y1 = tight_box(OBJECT)
    left, top, right, bottom = tight_box(grown)
    added = x0 - left
    assert 1 <= added <= 0.125 * 60
    assert (y0 - top, right - x1, bottom - y1) == (added,) * 3


@pytest.mark.parametrize("way", [eroded, scribbled])
def test_eroded_and_scribbled_stay_inside(
    way: Callable[[np.ndarray, np.random.Generator], np.ndarray],
) -> None:
    for seed in range(10):
        small = way(OBJECT, np.random.default_rng(seed))
        assert not (small & ~OBJECT).any()
        assert 0 < small.sum() < OBJECT.sum()


def test_scribble_is_long() -> None:
    lengths = []
    for seed in range(10):
        x0, y0, x1, y1 = tight_box(scribbled(OBJECT, np.random.default_rng(seed)))
        lengths.append(max(x1 - x0, y1 - y0))
    assert np.mean(lengths) > 25


def test_polygon_has_few_corners_and_the_objects_place() -> None:
    for seed in range(10):
        polygon = coarse_polygon(OBJECT, np.random.default_rng(seed))
        assert 0.6 < iou(polygon, OBJECT) < 1
        # Rows of a polygon without holes are mostly one stretch.
        starts = np.diff(np.pad(polygon, ((0, 0), (1, 0))).astype(int), axis=1) == 1
        assert starts.sum(1).max() <= 2


def test_shifted_is_the_object_elsewhere() -> None:
    for seed in range(10):
        moved = shifted(OBJECT, np.random.default_rng(seed))
        (left, top, *_), (x0, y0, *_) = tight_box(moved), tight_box(OBJECT)
        dx, dy = left - x0, top - y0
        np.testing.assert_array_equal(moved, np.roll(OBJECT, (dy, dx), (0, 1)))
        assert 0 < np.hypot(dx, dy) <= 0.25 * 60

"""Polygons are filled pixel for pixel as pycocotools fills them."""

import numpy as np
import pytest
from pycocotools import mask as coco

from anymask.errors import InputError
from anymask.masks.rasterize import polygon_mask, polygon_runs

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def oracle(rings, height, width):
    codes = coco.frPyObjects([np.ravel(ring).tolist() for ring in rings], height, width)
    return coco.decode(coco.merge(codes)).astype(bool)


def random_ring(rng, height, width):
    """Corners of many kinds: inside and outside, on the grid, on a line, closed twice."""
    ring = rng.uniform(-20, 80, (int(rng.integers(3, 12)), 2))
    kind = int(rng.integers(6))
    if kind == 1:
        ring = np.round(ring)
    elif kind == 2:
        ring = np.round(ring * 2) / 2
    elif kind == 3:
        ring[:, int(rng.integers(2))] = ring[0, 0]
    elif kind == 4:
        ring = rng.uniform(-0.5, 1.5, ring.shape) * [width, height]
    elif kind == 5:
        ring = np.concatenate([ring, ring[:1], ring[:1]])
    return ring


def test_two_thousand_random_polygons_equal_pycocotools():
    rng = np.random.default_rng(0)
    for _ in range(2000):
        height, width = (int(side) for side in rng.integers(1, 60, 2))
        rings = [random_ring(rng, height, width) for _ in range(int(rng.integers(1, 4)))]
        np.testing.assert_array_equal(
            polygon_mask(rings, (height, width)), oracle(rings, height, width)
        )


def test_the_runs_are_those_of_pycocotools():
    ring = [10, 10, 30, 10, 30, 20, 10, 20]
    runs = polygon_runs([ring], (40, 50))
    assert runs[1::2].tolist() == [10] * 20
    assert runs.sum() == 2000
    assert polygon_mask([ring], (40, 50))[10:20, 10:30].all()


def test_a_square_from_0_to_9_covers_nine_by_nine():
    mask = polygon_mask([[0, 0, 9, 0, 9, 9, 0, 9]], (12, 12))
    assert mask[:9, :9].all()
    assert mask.sum() == 81


def test_a_ring_far_outside_is_clipped_and_costs_nothing():
    far = 1e15
    assert polygon_mask([[-far, -far, far, -far, far, far, -far, far]], (30, 20)).all()
    assert not polygon_mask([[far, far, far, 2 * far, 2 * far, far]], (30, 20)).any()


def test_a_crossing_ring_is_even_odd_and_two_rings_are_united():
    twice = [0, 0, 8, 0, 8, 8, 0, 8]
    assert not polygon_mask([twice + twice], (8, 8)).any()
    assert polygon_mask([twice, twice], (8, 8)).all()


def test_no_run_is_empty_but_the_first():
    below = [[0, 0, 4, 0, 4, 4, 0, 4], [0, 4, 4, 4, 4, 8, 0, 8]]
    assert polygon_runs(below, (8, 8)).tolist() == [0, 32, 32]
    everything = [0, 0, 8, 0, 8, 8, 0, 8]
    assert polygon_runs([everything], (8, 8)).tolist() == [0, 64]
    assert polygon_runs([[4, 0, 8, 0, 8, 8, 4, 8]], (8, 8)).tolist() == [32, 32]


def test_no_ring_fills_nothing():
    assert polygon_runs([], (3, 4)).tolist() == [12]


def test_pairs_and_flat_numbers_are_the_same():
    flat = [1.5, 2, 9, 3, 4, 10.25]
    pairs = [[1.5, 2.0], [9.0, 3.0], [4.0, 10.25]]
    np.testing.assert_array_equal(polygon_runs([flat], (12, 12)), polygon_runs([pairs], (12, 12)))


@pytest.mark.parametrize(
    ("ring", "sentence"),
    [
        ([1, 1, 5, 5], r"polygon 0 has 2 points, at least 3 are needed; draw it again"),
        ([1, 1, 5, 5, 2], r"polygon 0 has 5 numbers, an odd count; list x, y"),
        ([1, 1, 5, float("nan"), 2, 3], r"polygon 0 holds nan at point 1"),
        ([1, 1, 5, 5, float("inf"), 3], r"polygon 0 holds inf at point 2"),
        (["a", 1, 5, 5, 2, 3], r"polygon 0 is no list of numbers"),
        ([[1, 2], [3]], r"polygon 0 is no list of numbers"),
        ([], r"polygon 0 has 0 points"),
    ],
)
def test_what_is_no_polygon_is_refused(ring, sentence):
    with pytest.raises(InputError, match=sentence):
        polygon_mask([ring], (10, 10))

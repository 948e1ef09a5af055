"""Adaptive prompting: a coarse grid first, and points in small things found left out."""

import numpy as np
import pytest

from anymask.everything.grid import point_grid
from anymask.everything.sparse_grid import Cover, levels_of
from anymask.masks.measured import Measured


@pytest.mark.parametrize("side", [1, 2, 3, 8, 13, 32])
def test_each_point_belongs_to_one_level(side):
    levels = levels_of(side * side)
    assert sorted(np.concatenate(levels).tolist()) == list(range(side * side))


def test_the_first_level_is_a_coarse_grid_over_the_whole_picture():
    first, second, third = levels_of(32 * 32)
    assert len(first) == 8 * 8
    assert len(second) < len(third)
    places = point_grid(32)[first]
    steps = np.diff(np.unique(places[:, 0]))
    np.testing.assert_allclose(steps, 4 / 32)
    assert places.min() < 0.1
    assert places.max() > 0.9


def square(x0, y0, side):
    return Measured(np.ones((side, side), bool), (x0, y0, x0 + side, y0 + side), np.float32(1))


def test_points_in_something_small_are_covered():
    points = point_grid(10) * 100
    cover = Cover(points, 100 * 100)
    cover.add(square(20, 30, 20), 400)
    inside = (points[:, 0] >= 20) & (points[:, 0] < 40) & (points[:, 1] >= 30) & (points[:, 1] < 50)
    assert inside.sum() == 4
    np.testing.assert_array_equal(cover.is_covered, inside)


def test_points_in_something_large_are_not():
    cover = Cover(point_grid(10) * 100, 100 * 100)
    cover.add(square(0, 0, 50), 2500)
    assert not cover.is_covered.any()


def test_a_hole_does_not_cover_what_lies_in_it():
    inside = np.ones((20, 20), bool)
    inside[5:15, 5:15] = False
    cover = Cover(np.array([[10.0, 10.0], [2.0, 2.0]]), 100 * 100)
    cover.add(Measured(inside, (0, 0, 20, 20), np.float32(1)), 300)
    assert cover.is_covered.tolist() == [False, True]

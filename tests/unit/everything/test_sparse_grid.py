"""Adaptive prompting: a coarse grid first, and points that could tell nothing new left out."""

import numpy as np
import pytest

from anymask.everything.grid import point_grid
from anymask.everything.sparse_grid import NUM_WITNESSES, SparseGrid, levels_of
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


POINTS = point_grid(16) * 160
ALL = np.arange(256)


def within(x0, y0, side):
    x, y = POINTS.T
    return (x >= x0) & (x < x0 + side) & (y >= y0) & (y < y0 + side)


def grid_with(*masks, score=0.6):
    grid = SparseGrid(POINTS, 160 * 160, 0.5)
    for mask in masks:
        grid.add(mask, score)
    return grid


def test_what_is_small_and_sure_needs_no_witness():
    for side, score, is_settled in [(30, 0.9, True), (30, 0.8, False), (60, 0.9, False)]:
        asked = grid_with(square(20, 30, side), score=score).wanted(ALL, is_last=False)
        inside = np.flatnonzero(within(20, 30, side))
        assert len(inside) > 0
        assert np.isin(inside, asked).all() != is_settled
        assert len(asked) == 256 - is_settled * len(inside)


def test_what_many_points_gave_is_asked_no_more():
    grid = grid_with(*[square(20, 30, 80)] * NUM_WITNESSES)
    asked = grid.wanted(ALL, is_last=False)
    np.testing.assert_array_equal(np.setdiff1d(ALL, asked), np.flatnonzero(within(20, 30, 80)))
    assert within(20, 30, 80).sum() == 64


def test_what_too_few_points_gave_is_asked_again():
    grid = grid_with(*[square(20, 30, 80)] * (NUM_WITNESSES - 1))
    assert len(grid.wanted(ALL, is_last=False)) == 256


def test_witnesses_of_another_thing_do_not_count():
    half = NUM_WITNESSES // 2 + 1
    grid = grid_with(*[square(20, 30, 80)] * half, *[square(60, 70, 80)] * half)
    assert len(grid.wanted(ALL, is_last=False)) == 256


def test_what_is_small_is_asked_about_by_every_point():
    grid = grid_with(*[square(20, 30, 40)] * 2 * NUM_WITNESSES)
    assert within(20, 30, 40).sum() < NUM_WITNESSES
    assert len(grid.wanted(ALL, is_last=False)) == 256


def test_a_hole_is_not_settled_by_what_lies_around_it():
    ring = np.ones((120, 120), bool)
    ring[40:80, 40:80] = False
    mask = Measured(ring, (0, 0, 120, 120), np.float32(1))
    asked = grid_with(*[mask] * NUM_WITNESSES).wanted(ALL, is_last=False)
    hole = np.flatnonzero(within(40, 40, 40))
    assert np.isin(hole, asked).all()
    assert not np.isin(np.flatnonzero(within(0, 0, 40)), asked).any()


def test_the_last_level_leaves_out_points_around_which_there_is_no_hope():
    grid = SparseGrid(POINTS, 160 * 160, 0.5)
    scores = np.full((256, 3), 0.1, np.float32)
    scores[5 * 16 + 5, 2] = 0.45
    grid.note(ALL, scores)
    assert len(grid.wanted(ALL, is_last=False)) == 256
    row, column = np.divmod(grid.wanted(ALL, is_last=True), 16)
    assert sorted(set(row)) == sorted(set(column)) == [4, 5, 6]
    assert len(row) == 9


def test_where_nothing_was_asked_there_is_hope():
    assert len(SparseGrid(POINTS, 160 * 160, 0.5).wanted(ALL, is_last=True)) == 256

"""Small holes and islands; tests/reference compares thousands of masks with the published code."""

import numpy as np
import pytest

from anymask.masks.rle import counts_of, decode
from anymask.masks.small_regions import clean_regions

SIZE = (40, 60)


def drawn(*boxes, size=SIZE, start=False):
    """A plane on which each box (y0, y1, x0, x1) turns its pixels over."""
    mask = np.full(size, start)
    for y0, y1, x0, x1 in boxes:
        mask[y0:y1, x0:x1] ^= True
    return mask


def cleaned(mask, min_area):
    found = clean_regions(counts_of(mask), mask.shape, min_area)
    plane = decode({"size": list(mask.shape), "counts": found.counts})
    return plane, found.is_changed, found.largest_island_px


def test_small_holes_are_filled_and_small_islands_removed():
    mask = drawn((5, 25, 5, 25), (8, 11, 8, 11), (14, 18, 14, 18), (30, 33, 30, 33))
    plane, is_changed, largest = cleaned(mask, 10)
    assert is_changed
    assert largest == 400 - 16
    np.testing.assert_array_equal(plane, drawn((5, 25, 5, 25), (14, 18, 14, 18)))


def test_a_mask_without_small_regions_is_the_same_array():
    counts = counts_of(drawn((5, 25, 5, 25), (14, 18, 14, 18)))
    found = clean_regions(counts, SIZE, 16)
    assert found == (counts, False, 384)
    assert found.counts is counts


def test_the_largest_of_small_islands_stays_and_its_size_is_told():
    mask = drawn((2, 5, 2, 5), (10, 14, 10, 14), (30, 32, 30, 32))
    plane, is_changed, largest = cleaned(mask, 17)
    assert (is_changed, largest) == (True, 16)
    np.testing.assert_array_equal(plane, drawn((10, 14, 10, 14)))


@pytest.mark.parametrize(("top", "kept"), [(10, (6, 8)), (11, (20, 22))])
def test_of_islands_of_one_size_the_first_by_blocks_of_two_stays(top, kept):
    # The left one begins a row lower; only from an even row on both are in the same blocks.
    mask = drawn((top + 1, top + 3, 6, 8), (top, top + 2, 20, 22))
    plane, _, _ = cleaned(mask, 9)
    assert np.flatnonzero(plane.any(axis=0)).tolist() == list(range(*kept))


def test_pixels_that_touch_at_a_corner_are_one_region():
    mask = drawn((5, 8, 5, 8), (8, 11, 8, 11))
    assert cleaned(mask, 18)[1:] == (False, 18)
    assert cleaned(~mask, 18)[1:] == (False, 2400 - 18)


@pytest.mark.parametrize(("min_area", "is_filled"), [(120, False), (121, True)])
def test_a_hole_that_reaches_out_of_the_surroundings_counts_whole(min_area, is_filled):
    # A strip of 3 columns at the right edge is not in the mask; it has 120 pixels.
    mask = drawn((0, 40, 0, 57))
    plane, is_changed, _ = cleaned(mask, min_area)
    assert (is_changed, plane.all()) == (is_filled, is_filled)


@pytest.mark.parametrize(
    ("strip", "hole_px"),
    [((0, 40, 3, 60), 120), ((0, 40, 0, 57), 120), ((3, 40, 0, 60), 180), ((0, 37, 0, 60), 180)],
)
def test_a_strip_along_an_edge_is_a_hole_of_its_own(strip, hole_px):
    mask = drawn(strip)
    assert cleaned(mask, hole_px)[1:] == (False, 2400 - hole_px)
    plane, is_changed, largest = cleaned(mask, hole_px + 1)
    assert (is_changed, plane.all(), largest) == (True, True, 2400)


@pytest.mark.parametrize(
    "notch", [(12, 15, 10, 12), (12, 15, 28, 30), (10, 12, 15, 18), (28, 30, 15, 18)]
)
def test_a_notch_is_no_hole(notch):
    assert cleaned(drawn((10, 30, 10, 30), notch), 50)[1:] == (False, 394)


def test_a_small_strip_is_filled_beside_a_large_one():
    plane, is_changed, _ = cleaned(drawn((2, 40, 0, 55)), 100)
    assert is_changed is False
    plane, is_changed, _ = cleaned(drawn((0, 40, 2, 55)), 100)
    assert is_changed
    np.testing.assert_array_equal(plane, drawn((0, 40, 0, 55)))


def test_nothing_is_small_below_one_pixel():
    mask = np.random.default_rng(0).random(SIZE) < 0.5
    assert cleaned(mask, 0)[1] is False
    assert cleaned(mask, 1)[1] is False
    assert cleaned(mask, 2)[1] is True


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (2, 3)])
def test_thin_and_tiny_pictures(size):
    full = np.ones(size, dtype=bool)
    assert cleaned(full, 9)[1:] == (full.size < 9, full.size)
    empty = cleaned(~full, 9)
    # As published: what surrounds nothing is a hole, and a small one is filled.
    assert empty[0].all() == (full.size < 9)


def test_a_picture_without_pixels_has_nothing_to_clean():
    counts = np.zeros(1, dtype=np.int64)
    assert clean_regions(counts, (0, 7), 9) == (counts, False, 0)


def test_a_small_mask_of_a_scan_takes_no_plane_of_it():
    size = (200_000, 200_000)
    first = 150_000 * size[0] + 150_000
    counts = np.array([first, 1, 2, 1, size[0] * size[1] - first - 4])
    found = clean_regions(counts, size, 2)
    assert found.counts.tolist() == [first, 1, size[0] * size[1] - first - 1]
    assert found.largest_island_px == 1

"""Masks made smaller from run lengths: as by averaging areas, but nothing thin is lost."""

import cv2
import numpy as np
import pytest

from anymask.masks.rle import counts_of
from anymask.masks.shrunk import shrink


def shrunk(mask, to_hw) -> np.ndarray:
    """The whole plane of what `shrink` gives for a box."""
    inside, (x0, y0) = shrink(counts_of(mask), mask.shape, to_hw)
    plane = np.zeros(to_hw, dtype=bool)
    plane[y0 : y0 + inside.shape[0], x0 : x0 + inside.shape[1]] = inside
    return plane


def disc(size_hw, centre, radius):
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def noise(size_hw, seed):
    return np.random.default_rng(seed).random(size_hw) < 0.4


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 30), (30, 1), (20, 30), (31, 17)])
@pytest.mark.parametrize("seed", range(3))
def test_at_its_own_size_a_mask_stays_as_it_is(size_hw, seed):
    mask = noise(size_hw, seed)
    np.testing.assert_array_equal(shrunk(mask, size_hw), mask)
    assert shrunk(np.ones(size_hw, dtype=bool), size_hw).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_whole_factor_is_the_average_of_the_area(seed):
    mask = cv2.resize(noise((15, 20), seed).view(np.uint8), (160, 120)).view(bool)
    cover = cv2.resize(mask.astype(np.float32), (40, 30), interpolation=cv2.INTER_AREA)
    found = shrunk(mask, (30, 40))
    assert found[cover >= 0.5].all()
    near = cv2.dilate((cover >= 0.5).view(np.uint8), np.ones((3, 3), np.uint8)).view(bool)
    assert not found[near & (cover < 0.5)].any()
    np.testing.assert_array_equal(found[~near], cover[~near] > 0)


def test_any_factor_keeps_shape_place_and_area():
    mask = disc((1001, 1503), (400, 900), 250)
    found = shrunk(mask, (313, 470))
    expected = disc((313, 470), (400 * 313 / 1001, 900 * 470 / 1503), 250 * 313 / 1001)
    assert np.count_nonzero(found ^ expected) / np.count_nonzero(expected) < 0.02


def test_thin_lines_and_dots_stay():
    mask = np.zeros((1000, 1000), dtype=bool)
    mask[500, 100:900] = True
    mask[100:900, 300] = True
    mask[50, 950] = True
    found = shrunk(mask, (100, 100))
    assert found[50, 10:90].all()
    assert found[10:90, 30].all()
    assert found[5, 95]
    assert found.sum() == 80 + 80 - 1 + 1


def test_runs_over_several_columns_and_the_whole_plane():
    mask = np.zeros((40, 60), dtype=bool)
    mask[:, 10:20] = True
    mask[30:, 9] = True
    mask[:10, 20] = True
    expected = np.zeros((20, 30), dtype=bool)
    expected[:, 5:10] = True
    found = shrunk(mask, (20, 30))
    np.testing.assert_array_equal(found[:, 5:10], expected[:, 5:10])
    assert not found[:, :4].any()
    assert not found[:, 11:].any()
    assert shrunk(np.ones((40, 60), dtype=bool), (7, 11)).all()


def test_an_empty_mask_has_no_box():
    inside, corner = shrink(counts_of(np.zeros((9, 9), dtype=bool)), (9, 9), (3, 3))
    assert (inside.shape, corner) == ((0, 0), (0, 0))


def test_a_strip_keeps_its_one_row():
    mask = np.zeros((1, 40000), dtype=bool)
    mask[0, 10000:20000] = True
    found = shrunk(mask, (1, 1600))
    assert found[0, 400:800].all()
    assert found.sum() == 400

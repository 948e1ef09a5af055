"""Small regions, mask by mask against the published package."""

import cv2
import numpy as np
import pytest

from anymask.masks.rle import counts_of
from anymask.masks.small_regions import clean_regions
from tests.reference.torchvision_standin import import_reference

NUM_MASKS = 4_000
AREAS = (1, 2, 3, 5, 9, 20, 60, 200, 2000)


@pytest.fixture(scope="module")
def remove_small_regions():
    return import_reference("segment_anything.utils.amg").remove_small_regions


def noise(random, shape):
    return random.random(shape) < random.random()


def noise_in_a_box(random, shape):
    mask = np.zeros(shape, dtype=bool)
    y0, x0 = random.integers(0, shape)
    y1, x1 = random.integers((y0, x0), shape) + 1
    mask[y0:y1, x0:x1] = noise(random, (y1 - y0, x1 - x0))
    return mask


def everything_but_holes(random, shape):
    return ~squares_of_one_size(random, shape, random.integers(1, 6))


def squares_of_one_size(random, shape, side=2):
    """Islands of which many are the largest."""
    mask = np.zeros(shape, dtype=bool)
    for y, x in random.integers((0, 0), shape, (random.integers(0, 8), 2)):
        mask[y : y + side, x : x + side] = True
    return mask


def spots(random, shape):
    return cv2.resize(random.random((5, 5)), shape[::-1]) > 0.5


KINDS = (noise, noise_in_a_box, everything_but_holes, squares_of_one_size, spots)


def test_masks_are_cleaned_bit_for_bit(remove_small_regions):
    random = np.random.default_rng(3)
    wrong, num_changed = [], 0
    for number in range(NUM_MASKS):
        shape = (int(random.integers(1, 40)), int(random.integers(1, 40)))
        mask = KINDS[number % len(KINDS)](random, shape)
        area = int(random.choice(AREAS))
        filled, has_holes = remove_small_regions(mask, area, "holes")
        cleaned, has_islands = remove_small_regions(filled, area, "islands")
        found = clean_regions(counts_of(mask), shape, area)
        num_changed += found.is_changed
        is_same = found.counts.tolist() == counts_of(np.asarray(cleaned)).tolist()
        if not is_same or found.is_changed != (has_holes or has_islands):
            wrong.append((number, shape, area))
    assert wrong == []
    assert 2000 < num_changed < 3500

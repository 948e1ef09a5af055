"""Outlines: exact, parts and holes kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from anymask.errors import InputError
from anymask.masks.overlap import iou
from anymask.masks.polygons import rings_of

# pycocotools has not caught up with NumPy 2 in its own code.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def filled(rings, shape):
    """Fill rings even-odd with pycocotools, ring by ring."""
    mask = np.zeros(shape, dtype=bool)
    for ring in rings:
        codes = coco.frPyObjects([ring.ravel().astype(float).tolist()], *shape)
        mask ^= coco.decode(codes)[:, :, 0] > 0
    return mask


def area_of(ring):
    x, y = ring.T.astype(float)
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def test_corners_lie_on_pixel_corners():
    mask = np.zeros((20, 20), dtype=bool)
    mask[3:12, 2:11] = True
    (ring,) = rings_of(mask)
    assert ring.dtype == np.int32
    assert sorted(map(tuple, ring.tolist())) == [(2, 3), (2, 12), (11, 3), (11, 12)]
    assert area_of(ring) == 81


@settings(max_examples=150, deadline=None)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_rings_fill_to_the_same_mask(mask):
    rings = rings_of(mask)
    np.testing.assert_array_equal(filled(rings, mask.shape), mask)
    assert sum(map(area_of, rings)) == mask.sum()


def test_a_part_comes_before_its_holes_and_turns_the_other_way():
    mask = np.zeros((30, 40), dtype=bool)
    mask[2:20, 2:20] = True
    mask[5:8, 5:8] = mask[10:15, 10:15] = False
    mask[12, 12] = True
    mask[22:28, 30:39] = True
    signed = [area_of(ring) for ring in rings_of(mask)]
    assert sorted(signed) == [-25, -9, 1, 54, 324]
    whole = signed.index(324)
    assert set(signed[whole + 1 : whole + 3]) == {-25, -9}


def test_pixels_touching_at_a_corner_are_one_part():
    assert len(rings_of(np.eye(3, dtype=bool))) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1)])
def test_smallest_masks_have_four_corners(shape):
    (ring,) = rings_of(np.ones(shape, dtype=bool))
    assert len(ring) == 4
    assert area_of(ring) == shape[0] * shape[1]


def test_an_empty_mask_has_no_rings():
    assert rings_of(np.zeros((4, 4), dtype=bool)) == []


def test_simplified_outlines_stay_close_with_far_fewer_corners():
    y, x = np.mgrid[:200, :300]
    disc = (y - 100) ** 2 + (x - 150) ** 2 < 80**2
    exact, simple = rings_of(disc)[0], rings_of(disc, tolerance_px=1.0)[0]
    assert len(simple) < len(exact) / 6
    assert iou(filled([simple], disc.shape), disc) > 0.98
    assert area_of(simple) > 0


def test_tolerance_must_not_be_negative():
    with pytest.raises(InputError, match="tolerance_px must be >= 0, got -1"):
        rings_of(np.ones((2, 2), dtype=bool), tolerance_px=-1)

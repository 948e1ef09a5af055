"""Masks as rings: exact but for dropped holes, in our filling and in others'."""

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from anymask.masks.outlines import part_rings
from anymask.masks.rasterize import polygon_mask
from tests.unit.masks.forms.annotated import SIZE_HW, blobs, islands, ring, square

# pycocotools has not learned NumPy 2's way of asking for arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ALL = [square(), ring(), islands(), *map(blobs, range(5))]


def by_pycocotools(rings) -> np.ndarray:
    flat = [one.ravel().astype(float).tolist() for one in rings]
    return coco.decode(coco.merge(coco.frPyObjects(flat, *SIZE_HW))).astype(bool)


def without_holes(mask) -> np.ndarray:
    """Fill what four-connected ground cannot reach from outside."""
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    return ~(cv2.connectedComponents(outside, connectivity=4)[1] == 1)[1:-1, 1:-1]


def test_the_pixels_0_to_8_are_the_square_0_to_9():
    rings, dropped = part_rings(square())
    (corners,) = (sorted(one.tolist()) for one in rings)
    assert corners == [[0, 0], [0, 9], [9, 0], [9, 9]]
    assert dropped == 0


@pytest.mark.parametrize("mask", ALL)
def test_with_bridges_nothing_is_lost(mask):
    rings, dropped = part_rings(mask, holes="bridge")
    assert dropped == 0
    np.testing.assert_array_equal(polygon_mask(rings, SIZE_HW), mask)
    np.testing.assert_array_equal(by_pycocotools(rings), mask)


@pytest.mark.parametrize("mask", ALL)
def test_without_bridges_only_holes_are_filled(mask):
    rings, dropped = part_rings(mask)
    np.testing.assert_array_equal(polygon_mask(rings, SIZE_HW), without_holes(mask))
    np.testing.assert_array_equal(by_pycocotools(rings), without_holes(mask))
    ground = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    assert dropped == cv2.connectedComponents(ground, connectivity=4)[0] - 2


def test_a_bridge_is_filled_even_odd_by_opencv_up_to_the_lines_it_draws():
    (bridged,), _ = part_rings(ring(), holes="bridge")
    filled = np.zeros(SIZE_HW, np.uint8)
    cv2.fillPoly(filled, [bridged], 1)
    # OpenCV draws the outline too: the lower and right neighbours, and the cuts.
    inner = np.zeros(SIZE_HW, bool)
    inner[17:23, 9:19] = True
    cuts = int((filled[inner] == 1).sum())
    assert (filled[ring()] == 1).all()
    assert cuts <= 8


def test_the_shares_of_large_masks_survive(photos):
    import json

    told = json.loads((photos / "masks.json").read_text())
    record = told["pictures"][0]["annotations"][0]["segmentation"]
    mask = coco.decode({**record, "counts": record["counts"].encode()}).astype(bool)
    rings, _ = part_rings(mask, holes="bridge")
    np.testing.assert_array_equal(polygon_mask(rings, mask.shape), mask)


def test_an_empty_mask_has_no_rings():
    assert part_rings(np.zeros((3, 4), bool)) == ([], 0)

"""Boxes of masks and their overlap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from anymask.errors import InputError
from anymask.masks.boxes import box_iou, box_of


def test_right_and_bottom_edges_are_exclusive():
    mask = np.zeros((10, 20), dtype=bool)
    mask[2:5, 7:9] = True
    assert box_of(mask) == (7, 2, 9, 5)
    assert all(type(edge) is int for edge in box_of(mask))


@settings(max_examples=80, deadline=None)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_box_is_that_of_the_set_pixels(mask):
    y, x = np.nonzero(mask)
    expected = (x.min(), y.min(), x.max() + 1, y.max() + 1) if len(x) else (0, 0, 0, 0)
    assert box_of(mask) == expected


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 2), (2, 3)])
def test_full_masks_fill_their_box(shape):
    assert box_of(np.ones(shape, dtype=bool)) == (0, 0, shape[1], shape[0])


def test_no_pixels_no_box():
    assert box_of(np.zeros((0, 4), dtype=bool)) == (0, 0, 0, 0)


def test_any_part_of_a_larger_array_can_be_a_mask():
    mask = np.zeros((10, 20), dtype=bool)
    mask[4, 6] = True
    assert box_of(mask[::2, ::2]) == (3, 2, 4, 3)


def test_box_iou_agrees_with_pycocotools():
    rng = np.random.default_rng(3)
    corner, size = rng.uniform(0, 50, (40, 2)), rng.uniform(1, 40, (40, 2))
    boxes = np.hstack([corner, corner + size])
    expected = coco.iou(np.hstack([corner, size])[:15], np.hstack([corner, size])[15:], [0] * 25)
    np.testing.assert_allclose(box_iou(boxes[:15], boxes[15:]), expected, atol=1e-12)


def test_boxes_without_area_overlap_nothing():
    assert box_iou([(3, 3, 3, 3)], [(3, 3, 3, 3), (0, 0, 9, 9)]).tolist() == [[0, 0]]


def test_empty_lists_give_empty_tables():
    assert box_iou([], [(0, 0, 1, 1)]).shape == (0, 1)
    assert box_iou([(0, 0, 1, 1)], []).shape == (1, 0)


def test_a_single_bare_box_is_refused():
    with pytest.raises(InputError, match=r"boxes_b must have shape \(N, 4\), got \(4,\)"):
        box_iou([(0, 0, 1, 1)], [0, 0, 1, 1])

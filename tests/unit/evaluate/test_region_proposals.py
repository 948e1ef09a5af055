"""Proposals without learning: regions, merges, and each region once."""

import sys

import numpy as np
import pytest
from skimage.measure import regionprops

from anymask.errors import MissingExtra
from anymask.evaluate.proposals import overlaps_of
from anymask.evaluate.tasks.classical import felzenszwalb_regions
from anymask.evaluate.tasks.region_proposals import (
    colour_spaces,
    first_of_the_same,
    merge_tree,
    region_proposals,
)
from anymask.masks.rle import counts_of
from tests.scenes import HEIGHT, WIDTH, scene


def planes(proposals):
    """Bool masks of run lengths."""
    return [
        np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(WIDTH, HEIGHT).T
        for runs in proposals
    ]


def test_every_disc_of_a_plain_scene_is_proposed():
    pixels, masks = scene(1)
    proposals = region_proposals(pixels)
    shares = overlaps_of(proposals, [counts_of(mask) for mask in masks])
    assert shares.max(axis=0).min() > 0.9
    assert 3 < len(proposals) < 1000
    assert planes(proposals)[0].all()  # the last merge is the whole picture


def test_the_same_picture_gives_the_same_and_the_limit_takes_the_first():
    pixels, _ = scene(2)
    all_of_them, again = region_proposals(pixels), region_proposals(pixels.copy())
    few = region_proposals(pixels, limit=4)
    assert len(few) == 4
    for one, other in zip(all_of_them, again, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(few, all_of_them[:4], strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_proposal_comes_twice():
    proposals = planes(region_proposals(scene(3)[0]))
    assert len({plane.tobytes() for plane in proposals}) == len(proposals)


def test_boxes_and_areas_of_regions_are_scikit_images():
    pixels, _ = scene(4)
    labels = felzenszwalb_regions(pixels, scale=100, min_size_px=40)
    tree = merge_tree(labels, pixels)
    for number, region in enumerate(regionprops(labels + 1)):
        y0, x0, y1, x1 = region.bbox
        assert tree.boxes[number].tolist() == [x0, y0, x1, y1]
        assert tree.areas[number] == region.area


def test_merges_join_what_looks_alike_and_end_with_everything():
    labels = np.repeat(np.arange(4), 20)[None].repeat(40, axis=0)
    pixels = np.full((40, 80, 3), 50, np.uint8)
    pixels[:, 40:] = 200  # regions 2 and 3 are light, 0 and 1 are dark
    tree = merge_tree(labels, pixels)
    assert {tuple(sorted(pair)) for pair in tree.parts[:2]} == {(0, 1), (2, 3)}
    assert tuple(sorted(tree.parts[2])) == (4, 5)
    assert tree.boxes[6].tolist() == [0, 0, 80, 40]
    assert tree.areas.tolist() == [800, 800, 800, 800, 1600, 1600, 3200]


def test_regions_that_do_not_touch_are_not_joined_first():
    labels = np.repeat(np.arange(3), 20)[None].repeat(40, axis=0)
    pixels = np.full((40, 60, 3), 50, np.uint8)
    pixels[:, 20:40] = 200  # the outer two look alike and have the third between them
    assert set(merge_tree(labels, pixels).parts[0]) != {0, 2}


def test_what_is_nearly_the_same_is_left_out():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10], [50, 50, 60, 60]], float)
    areas = np.array([100, 95, 60, 100], float)
    order = np.array([1, 0, 2, 3])
    assert first_of_the_same(boxes, areas, order, 10) == [1, 2, 3]
    assert first_of_the_same(boxes, areas, order, 2) == [1, 2]


@pytest.mark.parametrize("size_hw", [(1, 1), (2, 3), (1, 300), (40, 40)])
def test_a_picture_of_one_colour_is_one_region(size_hw):
    proposals = region_proposals(np.full((*size_hw, 3), 90, np.uint8))
    assert [runs.tolist() for runs in proposals] == [[0, size_hw[0] * size_hw[1]]]


def test_colour_spaces_are_eight_bit_and_hue_uses_all_of_them():
    pixels = np.zeros((1, 2, 3), np.uint8)
    pixels[0, 0] = (255, 0, 255)
    pixels[0, 1] = (255, 255, 255)
    rgb, lab, hsv = colour_spaces(pixels)
    assert rgb is pixels
    assert lab[0, 1].tolist() == [255, 128, 128]
    assert hsv[0, 0].tolist() == [213, 255, 255]


def test_missing_scikit_image_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(MissingExtra, match=r'run pip install "anymask\[evaluate\]"'):
        region_proposals(scene(0)[0])

"""Masks as parts of each other."""

import json

import numpy as np
import pytest

from anymask.errors import DataError, InputError
from anymask.masks.part_tree import part_tree
from anymask.masks.rle import RLE, encode

SIZE = (60, 80)


def box(x0, y0, x1, y1, size=SIZE):
    mask = np.zeros(size, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return encode(mask)


# A car with a wheel with a hub, a window; and a tree beside it.
CAR, WHEEL, HUB, WINDOW, TREE = (
    box(0, 10, 40, 50),
    box(5, 40, 15, 50),
    box(8, 43, 12, 47),
    box(10, 15, 30, 25),
    box(50, 0, 80, 60),
)


def test_parts_hang_on_the_smallest_mask_that_holds_them():
    tree = part_tree([HUB, TREE, WHEEL, WINDOW, CAR])
    assert tree.parents == (2, None, 4, 4, None)
    assert tree.levels == (2, 0, 1, 1, 0)
    assert tree.roots == (1, 4)
    assert tree.children(4) == (2, 3)
    assert tree.children(0) == ()
    assert tree.ancestors(0) == (2, 4)
    assert tree.ancestors(1) == ()
    assert len(tree) == 5


def test_the_tree_goes_to_json():
    records = part_tree([WHEEL, CAR]).records()
    assert json.loads(json.dumps(records)) == [
        {"mask": 0, "parent": 1, "level": 1, "children": []},
        {"mask": 1, "parent": None, "level": 0, "children": [0]},
    ]


@pytest.mark.parametrize(("reach", "parent"), [(41, 1), (42, None)])
def test_a_part_may_reach_out_by_a_tenth(reach, parent):
    # Ten columns wide, of which one or two stand out of the car.
    assert part_tree([box(reach - 10, 20, reach, 24), CAR]).parents[0] == parent


def test_the_share_that_must_be_inside_is_an_option():
    half_out = box(35, 20, 45, 24)
    assert part_tree([half_out, CAR]).parents == (None, None)
    assert part_tree([half_out, CAR], inside_share=0.5).parents == (1, None)


def test_a_thing_drawn_several_times_is_no_chain_of_parts():
    # Each lies in the next and is a little smaller; the least has 83 % of the largest.
    drawn = [box(n, n, 40, 40) for n in range(4)]
    tree = part_tree([*drawn, box(10, 10, 20, 20)])
    assert tree.parents == (None, None, None, None, 3)
    assert tree.levels == (0, 0, 0, 0, 1)


def test_a_long_row_of_drawings_shrinks_with_each_step():
    drawn = [box(n, n, 60, 60) for n in range(40)]
    tree = part_tree(drawn)
    areas = [(60 - n) ** 2 for n in range(40)]
    steps = [(areas[n], areas[p]) for n, p in enumerate(tree.parents) if p is not None]
    assert len(steps) == 33
    assert all(area <= 0.8 * whole for area, whole in steps)
    # Not 39 levels.
    assert max(tree.levels) == 8


@pytest.mark.parametrize(("rows", "parent"), [(32, 1), (33, None)])
def test_a_part_has_at_most_four_fifths_of_its_whole(rows, parent):
    assert part_tree([box(0, 10, 40, 10 + rows), CAR]).parents[0] == parent


def test_equal_masks_stand_side_by_side():
    tree = part_tree([CAR, CAR, WHEEL, WHEEL])
    assert tree.parents == (None, None, 0, 0)


def test_an_empty_mask_is_a_whole_without_parts():
    empty = box(0, 0, 0, 0)
    tree = part_tree([empty, CAR, empty, WHEEL])
    assert tree.parents == (None, None, None, 1)
    assert tree.levels == (0, 0, 0, 1)


def test_no_masks_are_no_tree():
    tree = part_tree([])
    assert (tree.parents, tree.levels, tree.roots, tree.records()) == ((), (), (), [])


def test_one_pixel_and_no_pixel_pictures():
    assert part_tree([box(0, 0, 1, 1, (1, 1))] * 2).parents == (None, None)
    assert part_tree([encode(np.zeros((0, 5), dtype=bool))] * 2).parents == (None, None)


def by_planes(masks, inside_share, most_of_whole):
    """The same rule, written down for arrays."""
    areas = masks.sum(axis=(1, 2))
    parents = []
    for part, area in zip(masks, areas, strict=True):
        wholes = [
            (areas[place], place)
            for place, whole in enumerate(masks)
            if area
            and area <= most_of_whole * areas[place]
            and (part & whole).sum() >= inside_share * area
        ]
        parents.append(min(wholes)[1] if wholes else None)
    return tuple(parents)


@pytest.mark.parametrize("seed", range(5))
def test_runs_give_the_tree_that_planes_give(seed):
    draw = np.random.default_rng(seed)
    masks = np.zeros((60, 50, 40), dtype=bool)
    for mask in masks:
        for _ in range(draw.integers(1, 3)):
            (y, x), (h, w) = draw.integers(0, (45, 35)), draw.integers(0, 25, 2)
            mask[y : y + h, x : x + w] = draw.random() < 0.9
    tree = part_tree([encode(mask) for mask in masks], inside_share=0.8)
    assert tree.parents == by_planes(masks, 0.8, 0.8)
    assert 15 < sum(parent is not None for parent in tree.parents) < 60
    for number, level in enumerate(tree.levels):
        assert level == len(tree.ancestors(number))


def test_what_is_no_share_is_refused():
    with pytest.raises(InputError, match=r"inside_share must be a share, got 1\.5; use a share"):
        part_tree([CAR], inside_share=1.5)
    with pytest.raises(InputError, match=r"most_of_whole must be below 1, got 1"):
        part_tree([CAR], most_of_whole=1)


def test_masks_of_two_pictures_are_refused():
    with pytest.raises(InputError, match="masks must have one size, got 9×8 and 80×60; pass masks"):
        part_tree([CAR, box(0, 0, 2, 2, (8, 9))])
    with pytest.raises(DataError, match="RLE counts sum to 7"):
        part_tree([RLE(size=[2, 2], counts="34")])

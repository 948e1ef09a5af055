"""Masks as sets, by their run lengths alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from anymask.errors import InputError
from anymask.masks import run_sets
from anymask.masks.boxes import box_of
from anymask.masks.rle import counts_of, decode

SIZE = (7, 9)
PLANES = arrays(np.bool_, SIZE, elements=st.booleans())


def full(*slices, size=SIZE):
    mask = np.zeros(size, dtype=bool)
    for rows, columns in slices:
        mask[rows, columns] = True
    return mask


EVERY = slice(None)
# What runs go wrong at: nothing, all, first and last pixel, whole columns, a checkerboard.
ODD = [
    full(),
    ~full(),
    full((0, 0)),
    full((-1, -1)),
    full((0, 0), (-1, -1)),
    full((EVERY, 3)),
    full((EVERY, slice(2, 5))),
    full((EVERY, 0), (EVERY, -1)),
    full((0, EVERY)),
    full((-1, EVERY)),
    full((-1, 2), (0, 3)),
    np.indices(SIZE).sum(axis=0) % 2 == 0,
    np.indices(SIZE).sum(axis=0) % 2 == 1,
]
PAIRS = [(a, b) for a in ODD for b in ODD]


def merged(first, second, *, intersect):
    codes = [coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in (first, second)]
    return decode(coco.merge(codes, intersect=intersect))


def check_pair(first, second):
    runs_a, runs_b = counts_of(first), counts_of(second)
    both = merged(first, second, intersect=True)
    expected = [
        both,
        merged(first, second, intersect=False),
        merged(first, ~second, intersect=True),
    ]
    found = [
        run_sets.intersect(runs_a, runs_b),
        run_sets.union([runs_a, runs_b]),
        run_sets.subtract(runs_a, runs_b),
    ]
    assert [runs.tolist() for runs in found] == [counts_of(mask).tolist() for mask in expected]
    assert run_sets.intersection_area(runs_a, runs_b) == both.sum()


@settings(max_examples=150, deadline=None)
@given(PLANES, PLANES)
def test_two_masks_merge_as_pycocotools_merges_them(first, second):
    assert first.shape == SIZE
    check_pair(first, second)


def test_odd_masks_merge_as_pycocotools_merges_them():
    assert len(PAIRS) == 169
    for first, second in PAIRS:
        check_pair(first, second)


def test_needless_runs_are_the_same_mask():
    plain, padded = np.array([2, 3, 58]), np.array([2, 1, 0, 2, 0, 0, 58, 0, 0])
    assert run_sets.union([padded]).tolist() == [2, 3, 58]
    assert run_sets.intersect(plain, padded).tolist() == [2, 3, 58]
    assert run_sets.subtract(plain, padded).tolist() == [63]
    assert run_sets.intersection_area(plain, padded) == 3


def test_many_masks_join_to_one():
    draw = np.random.default_rng(0)
    masks = draw.random((40, 30, 20)) < 0.02
    joined = run_sets.union([counts_of(mask) for mask in masks])
    together = np.logical_or.reduce(masks, axis=0)
    assert 300 < together.sum() < 400
    assert joined.tolist() == counts_of(np.asarray(together)).tolist()


@st.composite
def boxes(draw):
    y0, y1 = sorted((draw(st.integers(0, SIZE[0])), draw(st.integers(0, SIZE[0]))))
    x0, x1 = sorted((draw(st.integers(0, SIZE[1])), draw(st.integers(0, SIZE[1]))))
    return x0, y0, x1, y1


@settings(max_examples=150, deadline=None)
@given(PLANES, boxes())
def test_a_box_of_a_mask_is_that_of_the_plane(mask, box):
    x0, y0, x1, y1 = box
    runs, part = counts_of(mask), mask[y0:y1, x0:x1]
    inside = np.zeros_like(mask)
    inside[y0:y1, x0:x1] = part
    assert run_sets.within_box(runs, SIZE, box).tolist() == counts_of(inside).tolist()
    assert run_sets.cut(runs, SIZE, box).tolist() == counts_of(part).tolist()
    moved = run_sets.move(counts_of(part), part.shape, (x0, y0), SIZE)
    assert moved.tolist() == counts_of(inside).tolist()


@pytest.mark.parametrize("mask", ODD)
def test_odd_masks_are_cut_and_placed(mask):
    for box in ((0, 0, 9, 7), (3, 0, 6, 7), (0, 2, 9, 5), (2, 1, 7, 6), (8, 6, 9, 7)):
        x0, y0, x1, y1 = box
        part = mask[y0:y1, x0:x1]
        placed = full()
        placed[y0:y1, x0:x1] = part
        assert run_sets.cut(counts_of(mask), SIZE, box).tolist() == counts_of(part).tolist()
        assert (
            run_sets.within_box(counts_of(mask), SIZE, box).tolist() == counts_of(placed).tolist()
        )
        assert (
            run_sets.move(counts_of(part), part.shape, (x0, y0), SIZE).tolist()
            == counts_of(placed).tolist()
        )
    assert run_sets.bounds(counts_of(mask), SIZE) == box_of(mask)


def test_a_box_may_reach_out_of_the_picture_where_nothing_is_cut_to_its_size():
    runs = counts_of(~full())
    kept = run_sets.within_box(runs, SIZE, (-5, -5, 2, 300))
    assert kept.tolist() == counts_of(full((EVERY, slice(0, 2)))).tolist()
    with pytest.raises(
        InputError, match=r"box \(-5, -5, 2, 300\) must lie within 9×7 pixels; clip"
    ):
        run_sets.cut(runs, SIZE, (-5, -5, 2, 300))


def test_a_part_must_lie_in_its_picture():
    with pytest.raises(InputError, match=r"box \(1, 0, 10, 7\) must lie within 9×7 pixels"):
        run_sets.move(counts_of(full()), SIZE, (1, 0), SIZE)


def test_masks_must_have_one_size():
    with pytest.raises(InputError, match="masks must have one size, got 12 and 9 pixels; compare"):
        run_sets.intersection_area(np.array([9]), np.array([12]))
    with pytest.raises(InputError, match="masks must have one size"):
        run_sets.union([np.array([9]), np.array([12])])
    with pytest.raises(InputError, match="at least one mask, got none; pass one or more"):
        run_sets.union([])


@pytest.mark.parametrize("counts", [np.zeros(0, np.int64), np.zeros(1, np.int64)])
def test_a_picture_without_pixels_has_an_empty_mask(counts):
    assert run_sets.union([counts, counts]).tolist() == [0]
    assert run_sets.subtract(counts, counts).tolist() == [0]
    assert run_sets.intersection_area(counts, counts) == 0
    assert run_sets.cut(counts, (0, 5), (0, 0, 5, 0)).tolist() == [0]


def test_a_mask_of_a_scan_takes_no_plane():
    # 40 gigapixels: any plane of it would not fit.
    size = (200_000, 200_000)
    tile = run_sets.move(np.array([0, 1000 * 1000]), (1000, 1000), (150_000, 170_000), size)
    assert run_sets.bounds(tile, size) == (150_000, 170_000, 151_000, 171_000)
    assert run_sets.cut(tile, size, (150_000, 170_000, 151_000, 171_000)).tolist() == [
        0,
        1000 * 1000,
    ]
    assert (
        run_sets.intersection_area(tile, run_sets.within_box(tile, size, (0, 0, 150_010, 200_000)))
        == 10_000
    )


def test_counting_before_a_place_is_counting_set_pixels():
    mask = ODD[11]
    expected = np.concatenate([[0], np.cumsum(mask.T.ravel())])
    assert run_sets.set_before(counts_of(mask), np.arange(64)).tolist() == expected.tolist()

"""Run-length codes against pycocotools, and what damaged ones are told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from anymask.errors import DataError, InputError
from anymask.masks import rle

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=14))
BLOCKY = MASKS.map(lambda mask: np.kron(mask, np.ones((7, 3), dtype=np.bool_)).astype(np.bool_))


def coco_of(mask):
    return coco.encode(np.asfortranarray(mask.astype(np.uint8)))


def disc(height=120, width=170, radius=50):
    y, x = np.mgrid[:height, :width]
    return (y - 60) ** 2 + (x - 80) ** 2 < radius**2


@settings(max_examples=150, deadline=None)
@given(st.one_of(MASKS, BLOCKY))
def test_codes_are_those_of_pycocotools_byte_for_byte(mask):
    ours, theirs = rle.encode(mask), coco_of(mask)
    assert ours["counts"].encode("ascii") == theirs["counts"]
    assert ours["size"] == theirs["size"]


@settings(max_examples=150, deadline=None)
@given(st.one_of(MASKS, BLOCKY))
def test_mask_area_and_box_are_read_back_from_codes_of_pycocotools(mask):
    theirs = coco_of(mask)
    decoded = rle.decode(theirs)
    assert decoded.dtype == np.bool_
    assert decoded.flags.c_contiguous
    np.testing.assert_array_equal(decoded, mask)
    assert rle.area(theirs) == coco.area(theirs)
    assert list(rle.bbox(theirs)) == coco.toBbox(theirs).tolist()


@given(st.lists(st.integers(0, 2**40), max_size=40))
def test_any_counts_survive_compression(counts):
    text = rle.compress(np.array(counts, dtype=np.int64))
    assert rle.decompress(text).tolist() == counts
    assert rle.decompress(text.encode()).tolist() == counts


@pytest.mark.parametrize(
    ("size", "counts", "text"),
    [
        ([5, 4], [6, 2, 3, 2, 7], "62304"),
        ([100, 100], [0, 10000], "0`h9"),
        ([9, 10], [6, 1, 40, 4, 5, 4, 5, 4, 21], "61X13mN000`0"),
        ([3, 3], [9], "9"),
        ([64, 64], [1000, 40, 24, 40, 24, 40, 2928], "Xo0X1h0000hj2"),
    ],
)
def test_known_codes(size, counts, text):
    assert rle.compress(np.array(counts)) == text
    assert rle.decompress(text).tolist() == counts
    mask = rle.decode({"size": size, "counts": text})
    assert mask.shape == tuple(size)
    np.testing.assert_array_equal(mask, rle.decode({"size": size, "counts": counts}))
    assert rle.counts_of(mask).tolist() == counts


def test_a_large_mask_gives_the_code_of_pycocotools():
    mask = disc()
    assert rle.encode(mask)["counts"].encode() == coco_of(mask)["counts"]
    assert rle.area(rle.encode(mask)) == np.count_nonzero(mask)


def test_runs_are_counted_down_the_columns():
    mask = np.array([[0, 1, 1], [0, 0, 1]], dtype=bool)
    assert rle.counts_of(mask).tolist() == [2, 1, 1, 2]


def test_a_run_over_a_column_end_makes_the_box_full_height():
    mask = np.zeros((4, 5), dtype=bool)
    mask[2:, 1] = mask[:2, 2] = True
    assert rle.bbox(rle.encode(mask)) == (1, 0, 2, 4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
@pytest.mark.parametrize("value", [False, True])
def test_smallest_full_and_empty_masks(shape, value):
    mask = np.full(shape, value)
    code = rle.encode(mask)
    np.testing.assert_array_equal(rle.decode(code), mask)
    assert rle.area(code) == mask.sum()
    assert rle.bbox(code) == ((0, 0, shape[1], shape[0]) if value else (0, 0, 0, 0))


def test_a_mask_without_pixels_has_one_empty_run():
    code = rle.encode(np.zeros((0, 5), dtype=bool))
    assert code == {"size": [0, 5], "counts": "0"}
    assert rle.decode(code).shape == (0, 5)
    assert rle.decode({"size": [0, 5], "counts": []}).shape == (0, 5)


def test_runs_are_read_and_written_without_a_mask():
    code = {"size": [5, 4], "counts": "62304"}
    assert rle.runs_of(code).tolist() == [6, 2, 3, 2, 7]
    assert rle.encode_runs(np.array([6, 2, 3, 2, 7]), (5, 4)) == code
    with pytest.raises(DataError, match=r"counts sum to 20, but size \[5, 5\] has 25"):
        rle.runs_of({"size": [5, 5], "counts": "62304"})


@pytest.mark.parametrize("side", [20, 700])
def test_runs_of_no_length_change_nothing(side):
    # Codes of other programs hold them, among short runs and among long ones.
    counts = [0, 3, 0, 4, 5, 0, 0, side * side - 12, 0]
    flat = rle.decode({"size": [side, side], "counts": counts}).T.ravel()
    assert np.flatnonzero(flat[:12]).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert flat[12:].all()


@pytest.mark.parametrize("counts", [[6, 2, 3, 2, 7], (6, 2, 3, 2, 7), np.array([6, 2, 3, 2, 7])])
def test_uncompressed_counts_of_any_kind_are_read(counts):
    mask = rle.decode({"size": (5, 4), "counts": counts})
    assert np.flatnonzero(mask.T.ravel()).tolist() == [6, 7, 11, 12]


def test_numbers_in_0_255_are_a_mask_too():
    mask = disc()
    assert rle.encode(mask.astype(np.uint8) * 255) == rle.encode(mask)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (
            {"size": [5, 4], "counts": [6, 2, 3, 2, 6]},
            r"counts sum to 19, but size \[5, 4\] has 20 pixels; check that size",
        ),
        ({"size": [5, 4], "counts": [6, -2, 9, 7]}, r"run 1 is negative \(-2\)"),
        ({"size": [5, 4], "counts": [6, 99]}, r"run 1 has 99 pixels, but size \[5, 4\] has 20"),
        ({"size": [5, 4], "counts": "62e"}, r"counts of 3 characters end within a number"),
        ({"size": [5, 4], "counts": "62 04"}, r"hold byte 32 at position 2"),
        ({"size": [5, 4], "counts": "6é"}, r"hold byte 195 at position 1"),
        ({"size": [5, 4], "counts": "o" * 11 + "0"}, r"number of 12 characters, at most 10"),
        ({"size": [5, 4], "counts": ""}, r"counts sum to 0, but size \[5, 4\] has 20"),
        ({"size": [5, 4], "counts": [6.5, 13.5]}, r"list of whole numbers, got \[6.5, 13.5\]"),
        ({"size": [5, 4], "counts": [[6], [1, 2]]}, r"list of whole numbers"),
        ({"size": [5, 4], "counts": ["6", 2]}, r"list of whole numbers"),
        ({"size": [5, 4]}, r"list of whole numbers, got None"),
        ({"size": [5], "counts": "0"}, r"size must be \[height, width\], got \[5\]"),
        ({"size": [5, -4], "counts": "0"}, r"size must be \[height, width\], got \[5, -4\]"),
        ({"size": "54", "counts": "0"}, r"size must be \[height, width\], got '54'"),
        ({"counts": "0"}, r"size must be \[height, width\], got None"),
    ],
)
@pytest.mark.parametrize("read", [rle.decode, rle.area, rle.bbox])
def test_damaged_codes_are_refused_with_numbers(read, code, sentence):
    with pytest.raises(DataError, match=sentence):
        read(code)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=30), st.text("0123456789:;<=>?@ABCno", max_size=30)))
def test_garbage_is_a_mask_or_a_data_error(counts):
    try:
        mask = rle.decode({"size": [5, 4], "counts": counts})
    except DataError:
        return
    assert mask.shape == (5, 4)


@pytest.mark.parametrize("write", [rle.encode, rle.counts_of])
def test_three_axes_are_refused(write):
    with pytest.raises(InputError, match=r"shape \(H, W\), got \(2, 3, 4\); pass one mask"):
        write(np.zeros((2, 3, 4), dtype=bool))

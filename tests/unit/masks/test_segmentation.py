"""Masks of JSON files: what pycocotools wrote is read, what is wrong is said."""

import numpy as np
import pytest
from pycocotools import mask as coco

from anymask.masks.problem import Problem
from anymask.masks.segmentation import image_size, segmentation_runs

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
HEIGHT, WIDTH = 12, 20


def runs_of(segmentation, size_hw):
    return segmentation_runs(segmentation, size_hw)


def a_mask():
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[3:7, 5:11] = mask[8, 2] = mask[:, 19] = 1
    return mask


def plane(runs):
    return np.repeat(np.arange(len(runs)) % 2, runs).reshape(WIDTH, HEIGHT).T


def compressed():
    return coco.encode(np.asfortranarray(a_mask()))["counts"]


def listed():
    columns = a_mask().T.ravel()
    edges = np.flatnonzero(np.diff(columns)) + 1
    return np.diff([0, *edges.tolist(), columns.size]).tolist()


@pytest.mark.parametrize(
    "counts", [compressed(), compressed().decode(), listed()], ids=["bytes", "text", "list"]
)
@pytest.mark.parametrize("size_hw", [(HEIGHT, WIDTH), None])
def test_every_form_of_run_lengths_is_read(counts, size_hw):
    runs, found_hw = runs_of({"size": [HEIGHT, WIDTH], "counts": counts}, size_hw)
    np.testing.assert_array_equal(plane(runs), a_mask())
    assert found_hw == (HEIGHT, WIDTH)


def test_parts_of_a_polygon_are_united():
    parts = [[1, 1, 6, 1, 6, 6, 1, 6], [4, 4, 11, 4, 11, 10, 4, 10]]
    runs, _ = runs_of(parts, (HEIGHT, WIDTH))
    expected = coco.decode(coco.merge(coco.frPyObjects(parts, HEIGHT, WIDTH)))
    np.testing.assert_array_equal(plane(runs), expected)


def test_one_polygon_without_the_outer_list_is_read():
    ring = [1, 1, 6, 1, 6, 6, 1, 6]
    np.testing.assert_array_equal(
        runs_of(ring, (HEIGHT, WIDTH))[0], runs_of([ring], (HEIGHT, WIDTH))[0]
    )


@pytest.mark.parametrize(
    ("segmentation", "code", "message"),
    [
        ([], "no-segmentation", "holds no polygon and no run-length code"),
        (None, "no-segmentation", "holds no polygon and no run-length code"),
        ("62304", "no-segmentation", "holds no polygon and no run-length code"),
        ([[1, 1, 5, 5]], "bad-polygon", "polygon 0 has 2 points, at least 3 are needed"),
        ([[1, 1, 5, float("nan"), 3, 3]], "bad-polygon", "polygon 0 holds nan at point 1"),
        ([{"x": 1}], "bad-polygon", "polygon 0 is no list of numbers"),
        ([[50, 50, 60, 50, 60, 60]], "empty-mask", "its mask holds no pixel"),
        ({"size": [12, 20], "counts": [240]}, "empty-mask", "its mask holds no pixel"),
        ({"size": [12], "counts": [12]}, "bad-rle", "RLE size must be [height, width], got [12]"),
        ({"size": [12, -20], "counts": []}, "bad-rle",
         "RLE size must be [height, width], got [12, -20]"),
        ({"size": [12, 20], "counts": [1, -2, 241]}, "bad-rle", "RLE run 1 is negative (-2)"),
        ({"size": [12, 20], "counts": [1, 2]}, "bad-rle",
         "RLE counts sum to 3, but size [12, 20] has 240 pixels"),
        ({"size": [12, 12], "counts": [100, 140]}, "bad-rle",
         "RLE counts sum to 240, but size [12, 12] has 144 pixels; they fit the picture's 20×12"),
        ({"size": [12, 20], "counts": [1 << 62, 1 << 62, 1 << 62, 1 << 62]}, "bad-rle",
         "RLE counts sum to 18446744073709551616, but size [12, 20] has 240 pixels"),
        ({"size": [12, 20], "counts": None}, "bad-rle",
         "RLE counts must be text or a list of whole numbers, got None"),
        ({"size": [12, 20], "counts": [0.5, 239.5]}, "bad-rle",
         "RLE counts must be text or a list of whole numbers, got [0.5, 239.5]"),
        ({"size": [12, 20], "counts": "6é"}, "bad-rle",
         "RLE counts hold byte 195 at position 1, allowed are 48 to 111"),
        ({"size": [20, 12], "counts": [100, 140]}, "size-swapped",
         "RLE size [20, 12] is 12×20, but its sums fit 20×12: height and width swapped?"),
        ({"size": [10, 24], "counts": [100, 140]}, "size-differs", "mask 24×10 for picture 20×12"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(segmentation, code, message):
    problem = runs_of(segmentation, (HEIGHT, WIDTH))
    assert isinstance(problem, Problem)
    assert (problem.code, problem.message) == (code, message)


def test_a_polygon_needs_the_size_of_its_picture():
    problem = runs_of([[1, 1, 5, 1, 5, 5]], None)
    assert (problem.code, problem.hint) == (
        "no-size",
        "add height and width to the record of the picture",
    )


@pytest.mark.parametrize(
    ("record", "size_hw"),
    [
        ({"height": 3, "width": 4}, (3, 4)),
        ({"height": 0, "width": 4}, None),
        ({"height": 3.5, "width": 4}, None),
        ({"height": True, "width": 4}, None),
        ({"width": 4}, None),
        ({"height": 10**9, "width": 4}, None),
    ],
)
def test_only_whole_sides_are_a_size(record, size_hw):
    assert image_size(record) == size_hw

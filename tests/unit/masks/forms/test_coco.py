"""COCO annotations: what is written is what pycocotools reads, and back."""

from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

from anymask.masks.annotation import UNNAMED, Losses
from anymask.masks.finding import Finding
from anymask.masks.forms.coco import read_coco, write_coco
from anymask.masks.problem import Problem
from anymask.masks.rle import decode
from tests.unit.masks.forms.annotated import SIZE_HW, annotation, blank, islands, ring

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES: dict[object, str] = {7: "cat"}


def written(one, **wish) -> tuple[dict[str, Any], Losses]:
    """Write what is not empty."""
    record, lost = write_coco(one, **wish)
    assert record is not None
    return record, lost


def read(record, names=NAMES) -> Any:
    """Read what is right."""
    return read_coco(record, SIZE_HW, names)


def by_pycocotools(segmentation) -> np.ndarray:
    if isinstance(segmentation, list) or isinstance(segmentation["counts"], list):
        codes = coco.frPyObjects(segmentation, *SIZE_HW)
        return coco.decode(coco.merge(codes) if isinstance(codes, list) else codes).astype(bool)
    return coco.decode(segmentation).astype(bool)


@pytest.mark.parametrize("segmentation", ["rle", "counts", "polygons"])
def test_each_way_of_writing_is_read_by_pycocotools_and_by_us(segmentation):
    one = annotation(islands(), label="cat", score=0.25)
    record, lost = written(one, segmentation=segmentation)
    assert lost == Losses()
    np.testing.assert_array_equal(by_pycocotools(record["segmentation"]), islands())
    assert record["area"] == islands().sum()
    assert record["bbox"] == [14, 2, 24, 8]
    assert read({**record, "category_id": 7}) == one


def test_holes_are_dropped_from_polygons_and_counted_or_kept_by_a_bridge():
    one = annotation(ring())
    record, lost = written(one, segmentation="polygons")
    assert lost == Losses(holes=2)
    assert by_pycocotools(record["segmentation"]).sum() == ring().sum() + 8 * 12 + 1
    record, lost = written(one, segmentation="polygons", holes="bridge")
    assert lost == Losses()
    np.testing.assert_array_equal(by_pycocotools(record["segmentation"]), ring())
    assert read(record, {}) == one


def test_a_crowd_never_becomes_polygons():
    one = annotation(ring(), is_crowd=True)
    record, lost = written(one, segmentation="polygons")
    assert isinstance(record["segmentation"]["counts"], list)
    assert (record["iscrowd"], lost) == (1, Losses())
    assert read(record, {}) == one


def test_no_polygon_says_an_empty_mask():
    assert write_coco(annotation(blank()), segmentation="polygons") == (
        None,
        Losses({"empty masks": 1}),
    )


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"category_id": 9}, "unknown-category", "its category_id 9 is no category of the file"),
        ({"category_id": []}, "unknown-category", "its category_id [] is no category of the file"),
        ({"segmentation": None}, "no-segmentation", "holds no polygon and no run-length code"),
        (
            {"segmentation": {"size": [56, 40], "counts": [40 * 56 - 9, 9]}},
            "size-swapped",
            "height and width swapped?",
        ),
        ({"segmentation": [[0, 0, 5, 5]]}, "bad-polygon", "has 2 points, at least 3 are needed"),
        ({"segmentation": [[0, 0, 5, float("nan"), 9, 9]]}, "bad-polygon", "holds nan at point 1"),
    ],
)
def test_what_is_wrong_is_said(change, code, message):
    good, _ = written(annotation(ring(), label="cat"))
    found = read({**good, "category_id": 7, **change})
    assert isinstance(found, Problem)
    assert (found.code, message in found.message) == (code, True), found.message


@pytest.mark.parametrize("segmentation", ["rle", "counts", "polygons"])
def test_how_a_mask_was_found_comes_back(segmentation):
    finding = Finding(point=(31.4, 8.6), stability_score=0.981, crop_box=(4, 0, 56, 30))
    one = annotation(islands(), label="cat", score=0.25, finding=finding)
    record, lost = written(one, segmentation=segmentation)
    assert lost == Losses()
    assert (record["stability_score"], record["score"]) == (0.981, 0.25)
    assert read({**record, "category_id": 7}) == one


def test_a_record_that_is_none_is_said():
    found = read([1])
    assert isinstance(found, Problem)
    assert found.code == "bad-record"


@pytest.mark.parametrize(
    ("corners", "inside"),
    [
        # Crossing itself: an hour-glass, whose two triangles are filled.
        ([10, 10, 30, 30, 30, 10, 10, 30], [(14, 20), (26, 20)]),
        # The first corner again at the end, twice.
        ([10, 10, 30, 10, 30, 30, 10, 30, 10, 10, 10, 10], [(12, 12), (28, 28)]),
        # Far outside: clipped.
        ([-900, -900, 900, -900, 900, 900, -900, 900], [(0, 0), (55, 39)]),
    ],
)
def test_odd_polygons_are_filled_as_pycocotools_does(corners, inside):
    found = read({"segmentation": [corners]}, {})
    mask = decode(found.rle)
    np.testing.assert_array_equal(mask, by_pycocotools([corners]))
    assert all(mask[y, x] for x, y in inside)


def test_without_categories_a_class_is_called_by_its_number():
    segmentation = [[1, 1, 9, 1, 9, 9]]
    labels = [
        read({"category_id": number, "segmentation": segmentation}, {}).label
        for number in (7, "x", 0)
    ]
    assert labels == ["7", "x", UNNAMED]

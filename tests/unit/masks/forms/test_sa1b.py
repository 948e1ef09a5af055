"""SA-1B records, there and back."""

import json
from typing import Any

import pytest

from anymask.masks.annotation import Losses
from anymask.masks.finding import Finding
from anymask.masks.forms.sa1b import read_sa1b, sa1b_record, write_sa1b
from anymask.masks.problem import Problem
from tests.unit.masks.forms.annotated import annotation, picture, ring, scene, square


def read(record) -> Any:
    """Read a record that can be read."""
    return read_sa1b(record, "a.png")


def test_masks_and_scores_come_back_and_names_are_counted():
    given = picture(annotation(square(), score=0.5), annotation(ring(), label="cat", is_crowd=True))
    text, lost = write_sa1b(given, image_id=5, first_id=11)
    assert lost == Losses({"names": 1, "crowd marks": 1})
    found, problems = read(sa1b_record(text))
    assert problems == ()
    assert [one.rle for one in found.objects] == [one.rle for one in given.objects]
    assert [one.score for one in found.objects] == [0.5, None]


def test_fields_and_their_types_are_those_of_the_data_set():
    record = json.loads(write_sa1b(scene(), image_id=5, first_id=11)[0])
    assert record["image"] == {"image_id": 5, "width": 56, "height": 40, "file_name": "a.png"}
    first = record["annotations"][0]
    assert (first["id"], first["area"], first["bbox"]) == (11, 81, [0.0, 0.0, 9.0, 9.0])
    assert first["segmentation"]["size"] == [40, 56]
    assert isinstance(first["segmentation"]["counts"], str)
    assert [one["id"] for one in record["annotations"]] == [11, 12, 13, 14]


def test_how_masks_were_found_stands_in_the_fields_of_the_data_set():
    finding = Finding(point=(31.4, 8.6), stability_score=0.981, crop_box=(4, 0, 56, 30))
    given = picture(annotation(square(), score=0.963, finding=finding), annotation(ring()))
    text, lost = write_sa1b(given, image_id=5, first_id=11)
    assert lost == Losses()
    first, second = json.loads(text)["annotations"]
    assert list(second) == ["id", "segmentation", "bbox", "area"]
    more = ["predicted_iou", "stability_score", "crop_box", "point_coords"]
    assert list(first) == [*second, *more]
    assert (first["stability_score"], first["point_coords"]) == (0.981, [[31.4, 8.6]])
    assert (first["crop_box"], str(first["crop_box"][0])) == ([4.0, 0.0, 52.0, 30.0], "4.0")
    assert read(sa1b_record(text))[0] == given


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (b'{"image": {}, "annotations": [', "bad-json", "line 1 column 31"),
        (b"<html>", "bad-json", "line 1 column 1"),
        (b"[1]", "bad-record", 'is no SA-1B record: "image" or "annotations" is missing'),
        (b"[" * 100_000, "bad-json", "recursion"),
    ],
)
def test_what_is_no_record_is_said(text, code, message):
    found = sa1b_record(text)
    assert isinstance(found, Problem)
    assert (found.code, message in found.message) == (code, True), found.message


def test_a_bad_mask_is_named_by_its_id_and_the_others_stay():
    record = json.loads(write_sa1b(scene(), image_id=5, first_id=11)[0])
    record["annotations"][1]["segmentation"]["counts"] = "!"
    record["annotations"][2] = None
    found, problems = read(record)
    assert len(found.objects) == 2
    assert [(one.place, one.code) for one in problems] == [
        ("annotation 12", "bad-rle"),
        ("annotation #2", "no-segmentation"),
    ]


def test_without_a_size_nothing_is_read():
    found = read({"image": {}, "annotations": []})
    assert isinstance(found, Problem)
    assert found.code == "no-size"

"""A detector's boxes become masks and tight boxes."""

import json
import shutil
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

import anymask as library
from anymask.cli.outputs import FAILURES
from tests.unit.cli.folders import names_in

# pycocotools is older than NumPy's word on copies.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

IMAGES = [
    {"id": 1, "file_name": "cat.png", "width": 90, "height": 60},
    {"id": 2, "file_name": "dog.png", "width": 90, "height": 60},
]
CATEGORIES = [{"id": 7, "name": "cat"}, {"id": 9, "name": "tail"}]
BOXES: list[dict[str, Any]] = [
    {"id": 1, "image_id": 1, "category_id": 7, "bbox": [5, 5, 60, 50], "score": 0.75},
    {"id": 2, "image_id": 1, "category_id": 9, "bbox": [50, 10, 35, 45], "score": 0.5},
    {"id": 3, "image_id": 2, "category_id": 7, "bbox": [20, 8, 50, 50]},
]


@pytest.fixture
def detections(folder):
    """A detector's file about two photos; there is a third that it does not know."""
    shutil.copy(folder / "cat.png", folder / "dog.png")
    shutil.copy(folder / "cat.png", folder / "owl.png")
    content = {"images": IMAGES, "categories": CATEGORIES, "annotations": BOXES}
    (folder / "found.json").write_text(json.dumps(content))
    return "found.json"


def test_boxes_become_masks_with_names_and_tight_boxes(segment, folder, detections, model_file):
    ran = segment(
        *("cat.png", "dog.png", "owl.png"),
        *("--boxes", detections, "--format", "coco", "-o", "masks.json"),
    )
    assert ran.code == 0
    assert "owl.png: found.json has no box for it" in ran.err
    assert "coco: 3 photos in masks.json; nothing was lost" in ran.out
    written = json.loads((folder / "masks.json").read_text())
    assert [image["file_name"] for image in written["images"]] == ["cat.png", "dog.png", "owl.png"]
    assert [image["id"] for image in written["images"][:2]] == [1, 2]
    names = {one["id"]: one["name"] for one in written["categories"]}
    assert names == {7: "cat", 9: "tail"}
    model = library.load(model_file)
    embedding = model.embed("cat.png")
    assert len(written["annotations"]) == 3
    for found, asked in zip(written["annotations"], BOXES, strict=True):
        x, y, width, height = asked["bbox"]
        best = model.predict(embedding, box=(x, y, x + width, y + height)).best
        mask = coco.decode(found["segmentation"])
        assert (mask == best.array).all()
        assert found["bbox"] == list(coco.toBbox(found["segmentation"]))
        assert found["score"] == asked.get("score", round(best.score, 6))
        assert names[found["category_id"]] == {7: "cat", 9: "tail"}[asked["category_id"]]


def test_a_file_each_and_the_usual_outputs(segment, folder, detections):
    assert segment("cat.png", "--boxes", detections, "-o", "usual").code == 0
    assert names_in(folder / "usual") == [
        "cat.png.overlay.png",
        "cat.png.receipt.json",
        "coco",
        "coco.receipt.json",
    ]
    ran = segment("cat.png", "--boxes", detections, "--format", "png", "-o", "each", "--json")
    assert [path for path in names_in(folder / "each") if path.endswith(".mask.png")] == [
        "cat.png.1.mask.png",
        "cat.png.2.mask.png",
    ]
    (record,) = ran.records
    assert [(one["label"], one["box_score"]) for one in record["masks"]] == [
        ("cat", 0.75),
        ("tail", 0.5),
    ]


def test_coco_results_and_yolo_texts_ask_the_same(segment, folder, detections):
    results = [{**one, "image_id": 139} for one in BOXES[:2]]
    (folder / "results.json").write_text(json.dumps(results))
    shutil.copy(folder / "cat.png", folder / "000000000139.png")
    x, y, width, height = np.array(BOXES[0]["bbox"]) / np.array([90, 60, 90, 60])
    (folder / "cat.txt").write_text(f"0 {x + width / 2} {y + height / 2} {width} {height} 0.75\n")
    words = ("--format", "rle")
    segment("cat.png", "--boxes", detections, *words, "-o", "a.json")
    segment("000000000139.png", "--boxes", "results.json", *words, "-o", "b.json")
    segment("cat.png", "--boxes", "cat.txt", *words, "-o", "c.json")
    first, second, third = (
        [one["segmentation"] for one in json.loads((folder / f"{name}.json").read_text())]
        for name in "abc"
    )
    assert first == second
    assert first[:1] == third


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--boxes", "none.json"), "none.json: no such file"),
        (("--boxes", "found.json", "--point", "4,5"), "--boxes with --point: a detector's boxes"),
        (("--boxes", "cat.png"), "boxes are read from .json and .txt files"),
    ],
)
def test_what_is_no_detectors_file_is_refused(segment, folder, detections, words, sentence):
    ran = segment("cat.png", *words, "-o", "out")
    assert ran.code == 2
    assert sentence in ran.err
    assert not (folder / "out").exists()


def test_boxes_for_another_size_fail_that_photo_alone(segment, folder, detections):
    content = json.loads((folder / detections).read_text())
    content["images"][0]["width"] = 45
    (folder / detections).write_text(json.dumps(content))
    ran = segment("cat.png", "dog.png", "--boxes", detections, "-o", "out", "--format", "coco")
    assert ran.code == 3
    assert "is 90×60, but its boxes in found.json are for 45×60" in ran.err
    (failure,) = [json.loads(x) for x in (folder / "out" / FAILURES).read_text().splitlines()]
    assert failure["input"] == "cat.png"
    written = json.loads((folder / "out" / "coco" / "annotations.json").read_text())
    assert [image["file_name"] for image in written["images"]] == ["dog.png"]


def test_an_existing_set_is_not_replaced(segment, folder, detections):
    words = ("cat.png", "--boxes", detections, "--format", "coco", "-o", "masks.json")
    assert segment(*words).code == 0
    before = (folder / "masks.json").read_bytes()
    ran = segment(*words)
    assert (ran.code, ran.err.splitlines()[0]) == (
        2,
        "error: masks.json: exists already, and so do 1 more",
    )
    assert (folder / "masks.json").read_bytes() == before
    assert segment(*words, "--overwrite").code == 0


@pytest.mark.parametrize("photos", [("cat.png",), ("cat.png", "dog.png")])
def test_records_that_cannot_be_used_are_listed_and_the_others_done(
    segment, folder, detections, photos
):
    content = json.loads((folder / detections).read_text())
    far = {"id": 4, "image_id": 1, "category_id": 7, "bbox": [500, 5, 60, 50]}
    odd = {"id": 5, "image_id": 1, "category_id": 7, "bbox": [1, 5, "x", 50]}
    content["annotations"] += [far, odd]
    (folder / detections).write_text(json.dumps(content))
    ran = segment(*photos, "--boxes", detections, "-o", "out", "--format", "coco")
    assert ran.code == 3
    failures = [json.loads(x) for x in (folder / "out" / FAILURES).read_text().splitlines()]
    assert sorted(one["input"] for one in failures) == [
        "found.json, annotation 5",
        "found.json, record 4",
    ]
    assert "box (500, 5, 560, 55) lies outside 90×60; check for which picture" in ran.err
    written = json.loads((folder / "out" / "coco" / "annotations.json").read_text())
    assert len(written["annotations"]) == 1 + len(photos)


def test_classes_and_pictures_keep_the_numbers_of_the_detector(segment, folder):
    (folder / "data.yaml").write_text("names: [a, b, c, d, e, cup]\n")
    (folder / "cat.txt").write_text("5 0.5 0.5 0.5 0.5\n2 0.4 0.4 0.5 0.5\n")
    assert segment("cat.png", "--boxes", "cat.txt", "--format", "yolo", "-o", "named").code == 0
    lines = (folder / "named" / "yolo" / "labels" / "cat.txt").read_text().splitlines()
    assert {line.split()[0] for line in lines} == {"5", "2"}
    assert "5: cup" in (folder / "named" / "yolo" / "data.yaml").read_text()
    (folder / "data.yaml").unlink()
    assert segment("cat.png", "--boxes", "cat.txt", "--format", "yolo", "-o", "plain").code == 0
    assert (folder / "plain" / "yolo" / "labels" / "cat.txt").read_text().splitlines() == lines
    results = [{"image_id": 139, "category_id": 18, "bbox": [5, 5, 60, 50], "score": 0.5}]
    (folder / "results.json").write_text(json.dumps(results))
    shutil.copy(folder / "cat.png", folder / "000000000139.png")
    words = ("--boxes", "results.json", "--format", "coco", "-o", "m.json")
    assert segment("000000000139.png", *words).code == 0
    (found,) = json.loads((folder / "m.json").read_text())["annotations"]
    assert (found["image_id"], found["category_id"]) == (139, 18)

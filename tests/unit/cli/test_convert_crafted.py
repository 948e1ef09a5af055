"""`anymask convert` with files that were made to break it."""

import json
import os
from pathlib import Path

import pytest

from anymask import receipt
from tests.unit.cli.test_convert import failures, spoil, works
from tests.unit.data.conversion.sets import write_coco_file, write_pictures


@pytest.fixture
def given(folder):
    """The current folder with a COCO file and its pictures."""
    write_pictures(folder / "photos")
    return write_coco_file(folder / "given.json")


@pytest.mark.parametrize("to", ["labelme", "voc", "panoptic", "yolo", "png"])
@pytest.mark.parametrize(
    ("name", "message"), [("\ud800.jpg", "holds half a character"), ("x" * 256, "255")]
)
def test_a_name_that_no_file_can_have_is_one_failure(anymask, given, to, name, message):
    spoil(given, lambda record: record["images"][0].update(file_name=name))
    ran = anymask("convert", "given.json", "out", "--to", to)
    assert ran.code == 3
    assert "2 pictures with 8 masks" in ran.out
    assert message in ran.err
    assert failures()[0][1] == "cannot-be-written"
    assert works(anymask, given)


def test_categories_of_one_id_are_told_and_whole_floats_are_ids(anymask, given):
    def change(record):
        record["categories"][1]["id"] = float(record["categories"][1]["id"])
        record["categories"].append({**record["categories"][0], "name": "other"})

    spoil(given, change)
    ran = anymask("convert", "given.json", "out", "--to", "labelme")
    assert ran.code == 3
    assert "3 pictures with 12 masks" in ran.out
    number = json.loads(given.read_text())["categories"][0]["id"]
    assert failures() == [(f"given.json: category {number}", "duplicate-category-id")]


def test_numbers_beyond_floats_and_odd_addresses_are_failures(anymask, given):
    def change(record):
        record["annotations"][0]["segmentation"] = [[1, 2, 9, 2, 9, 10**400]]
        record["images"].append({"id": 1, "coco_url": "http://[x/a.jpg"})

    spoil(given, change)
    ran = anymask("convert", "given.json", "out", "--to", "labelme")
    assert ran.code == 3
    assert [code for _, code in failures()] == ["bad-polygon", "bad-record"]


def test_a_size_that_a_few_bytes_claim_is_one_failure(anymask, given):
    side = 1 << 20

    def change(record):
        image = {"id": 1, "file_name": "x.jpg", "height": side, "width": side}
        code = {"size": [side, side], "counts": [5, 5, side * side - 10]}
        record["images"].append(image)
        record["annotations"].append({"id": 1, "image_id": 1, "segmentation": code})

    spoil(given, change)
    ran = anymask("convert", "given.json", "out", "--to", "png")
    assert ran.code == 3
    assert "its size 1048576×1048576 has 1,099,512 megapixels, masks are drawn up to 537" in ran.err
    assert anymask("convert", "given.json", "whole.json", "--to", "coco").code == 0


def test_two_records_of_one_panoptic_image_are_told(anymask, given):
    assert anymask("convert", "given.json", "all.json", "--to", "panoptic").code == 0
    spoil(Path("all.json"), lambda record: record["annotations"].append(record["annotations"][0]))
    ran = anymask("convert", "all.json", "out", "--to", "labelme")
    assert ran.code == 3
    assert failures() == [("all.json: annotation of image 70", "duplicate-annotation")]


@pytest.mark.parametrize(
    ("source", "out", "to"),
    [("boards", "boards/a.json", "coco"), ("maps", "maps.json", "panoptic")],
)
def test_overwriting_never_reaches_the_input(anymask, given, source, out, to):
    for form, name in (("labelme", "boards"), ("labelmap", "maps")):
        assert anymask("convert", "given.json", name, "--to", form).code == 0
    before = {path: path.read_bytes() for path in Path(source).rglob("*.*")}
    ran = anymask("convert", source, out, "--to", to, "--overwrite")
    assert ran.code == 2
    assert "is part of the input, which --overwrite might replace" in ran.err
    assert {path: path.read_bytes() for path in Path(source).rglob("*.*")} == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [x]\nnames: [*a, *a]\n", "uses aliases (*)"),
        ("names: [[cat], dog]\n", "its names must be a list or number the classes from 0"),
        ("names: [0x" + "f" * 5000 + "]\n", "is not YAML"),
    ],
)
def test_a_description_that_grows_is_refused(anymask, given, text, message):
    assert anymask("convert", "given.json", "yolo", "--to", "yolo").code == 0
    (given.parent / "yolo" / "data.yaml").write_text(text)
    ran = anymask("convert", "yolo", "back.json", "--to", "coco")
    assert ran.code == 1
    assert message in ran.err


def test_a_folder_whose_name_is_no_text_has_a_receipt(anymask, given):
    out = os.fsdecode(b"bad\xff")
    assert anymask("convert", "given.json", out, "--to", "labelme").code == 0
    ran = anymask("replay", f"{out}.receipt.json")
    assert (ran.code, ran.out) == (0, "same bytes: 3 outputs\n")


def test_an_unreadable_file_in_the_input_is_no_fault_of_the_receipt(anymask, given, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied")

    assert anymask("convert", "given.json", "boards", "--to", "labelme").code == 0
    (given.parent / "boards" / "b.json").symlink_to("nowhere")
    hashed = receipt._sha256_of
    odd = given.parent / "boards" / "a.json"
    with monkeypatch.context() as patch:
        patch.setattr(
            receipt,
            "_sha256_of",
            lambda path: refused(path) if path.samefile(odd) else hashed(path),
        )
        ran = anymask("convert", "boards", "out", "--to", "coco")
    assert ran.code == 3
    assert failures() == [("boards/b.json", "unreadable")]
    assert Path("out.receipt.json").is_file()

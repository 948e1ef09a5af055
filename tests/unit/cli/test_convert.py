"""`anymask convert`: what people ask for comes out, and every fault is a sentence."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.data.conversion.sets import (
    NAMES,
    coco_record,
    read_all,
    write_coco_file,
    write_pictures,
)
from tests.unit.masks.forms.annotated import annotation, picture, ring, scene, square


@pytest.fixture
def given(folder):
    """The current folder with a COCO file and its pictures."""
    write_pictures(folder / "photos")
    return write_coco_file(folder / "given.json")


def spoil(path, change) -> None:
    """Change a JSON file."""
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def failures(path="out/failures.jsonl") -> list[tuple[str, str]]:
    rows = map(json.loads, Path(path).read_text().splitlines())
    return [(row["input"], row["code"]) for row in rows]


def works(anymask, given) -> bool:
    """Whether the next good input is converted."""
    write_coco_file(given)
    ran = anymask("convert", "given.json", "again", "--to", "labelme", "--overwrite")
    return ran.code == 0 and "3 pictures with 12 masks: coco → labelme" in ran.out


def test_the_closing_line_counts_what_was_done_and_lost(anymask, given):
    ran = anymask("convert", "given.json", "out", "--to", "yolo")
    assert ran.code == 0
    line = "3 pictures with 12 masks: coco → yolo, in out; lost: 6 holes, 3 split objects\n"
    assert ran.out == line
    assert "look for the pictures in out/images" in ran.err


def test_one_of_a_kind_is_told_in_the_singular(anymask, folder):
    write_coco_file(folder / "in.json", [picture(annotation(square(), score=0.5))])
    ran = anymask("convert", "in.json", "out", "--to", "labelme")
    assert ran.out == "1 picture with 1 mask: coco → labelme, in out; lost: 1 score\n"


def test_nothing_lost_is_said_too(anymask, given):
    ran = anymask("convert", "given.json", "out", "--to", "png")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "3 pictures with 12 masks: coco → png, in out; nothing was lost\n"


def test_programs_get_one_record(anymask, given):
    ran = anymask("convert", "given.json", "out.json", "--to", "coco", "--json",
                  "--segmentation", "polygons")  # fmt: skip
    assert ran.records == [
        {
            "record": "conversion",
            "from": "coco",
            "to": "coco",
            "out": "out.json",
            "pictures": 3,
            "masks": 12,
            "bad": 0,
            "lost": {"holes": 6},
            "failures": None,
        }
    ]


# 40: masks with holes or parts to polygon formats.
def test_holes_are_counted_or_bridged(anymask, given):
    ran = anymask("convert", "given.json", "out", "--to", "coco", "--segmentation", "polygons")
    assert (ran.code, "; lost: 6 holes" in ran.out) == (0, True)
    ran = anymask("convert", "given.json", "more", "--to", "coco", "--segmentation", "polygons",
                  "--holes", "bridge")  # fmt: skip
    assert (ran.code, "; nothing was lost" in ran.out) == (0, True)
    assert works(anymask, given)


# 44: JSON that is cut, or none.
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [\n {"id": 1', "given.json: is cut short at line 2 column 10"),
        ('{"images": [{"id": 1}}', "given.json: is not JSON at line 1 column 22"),
        ('{"annotations": []}', 'given.json: is no COCO file: its "images" are missing'),
        ('{"images": {}}', 'given.json: "images" holds no list'),
    ],
)
def test_damaged_json_is_named_by_line_and_column(anymask, given, text, message):
    given.write_text(text)
    ran = anymask("convert", "given.json", "out", "--to", "labelme")
    assert ran.code == 1
    assert f"error: {message}" in ran.err
    assert not Path("out").exists()
    assert works(anymask, given)


def test_one_damaged_record_of_many_is_one_failure(anymask, given):
    anymask("convert", "given.json", "records", "--to", "sa1b")
    record = Path("records/a.json")
    record.write_bytes(record.read_bytes()[:100])
    ran = anymask("convert", "records", "out", "--to", "coco")
    assert ran.code == 3
    assert "failed: records/a.json: is not whole JSON (line 1 column " in ran.err
    assert failures() == [("records/a.json", "bad-json")]
    assert "2 pictures with 8 masks" in ran.out
    assert works(anymask, given)


# 45: ids that fit nothing.
def test_records_that_fit_nothing_are_counted_and_the_first_five_shown(anymask, given):
    def change(record):
        first, second, third, fourth, *others = record["annotations"]
        first["image_id"] = 9
        second["category_id"] = 99
        third["id"] = fourth["id"]
        for one in others[:4]:
            one["segmentation"] = None
        record["images"].append({"id": 70, "file_name": "other.png", "height": 4, "width": 4})

    spoil(given, change)
    ran = anymask("convert", "given.json", "out", "--to", "coco")
    assert ran.code == 3
    assert "failed: given.json: annotation 500: its image_id 9 is no image of the file" in ran.err
    assert ran.err.count("failed: ") == 5
    assert "note: 8 records not used, and 3 more; all are in out/failures.jsonl" in ran.err
    assert sorted(code for _, code in failures()) == sorted(
        ["unknown-image-id", "duplicate-annotation-id", "duplicate-image-id", "duplicate-image-id",
         *["no-segmentation"] * 4]
    )  # fmt: skip
    assert works(anymask, given)


def test_an_unknown_category_is_a_failure_by_id(anymask, given):
    spoil(given, lambda record: record["annotations"][3].update(category_id=99))
    ran = anymask("convert", "given.json", "out", "--to", "coco")
    assert ran.code == 3
    sentence = "annotation 503: its category_id 99 is no category of the file"
    assert f"failed: given.json: {sentence}" in ran.err
    assert "3 pictures with 11 masks" in ran.out
    assert works(anymask, given)


def test_a_missing_picture_is_a_failure_only_where_pictures_are_named(anymask, given):
    Path("photos/a.png").unlink()
    ran = anymask("convert", "given.json", "out", "--to", "coco", "--images", "photos")
    assert ran.code == 3
    assert "given.json: image 71: has no picture a.png in photos" in ran.err
    assert "2 pictures with 8 masks" in ran.out
    assert works(anymask, given)


# 46: run lengths that do not fit.
@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [40, 56], "counts": [100, 9]}, "RLE counts sum to 109, but size [40, 56]"),
        ({"size": [40, 56], "counts": [2250, -10]}, "RLE run 1 is negative (-10)"),
        ({"size": [56, 40], "counts": [2231, 9]}, "height and width swapped?"),
        ({"size": [40, 56], "counts": "0`h9\x7f"}, "RLE counts hold byte 127"),
        ({"size": [40, 57], "counts": [2271, 9]}, "mask 57×40 for picture 56×40"),
    ],
)
def test_run_lengths_that_do_not_fit_name_their_annotation(anymask, given, segmentation, message):
    spoil(given, lambda record: record["annotations"][2].update(segmentation=segmentation))
    ran = anymask("convert", "given.json", "out", "--to", "png")
    assert ran.code == 3
    assert "failed: given.json: annotation 502: " in ran.err
    assert message in ran.err
    assert "11 masks" in ran.out
    assert works(anymask, given)


# 47: run lengths as text, as a list, as Label Studio's bytes.
def test_all_ways_of_run_lengths_are_read(anymask, given):
    from tests.unit.masks.test_brush import brush_of

    size = [40, 56]
    plain = json.loads(given.read_text())["annotations"][1]["segmentation"]

    def change(record):
        rows = record["annotations"]
        rows[5]["segmentation"] = {"size": size, "counts": brush_of(ring())}
        rows[9]["segmentation"] = {"rle": brush_of(ring()), "format": "rle"}

    spoil(given, change)
    ran = anymask("convert", "given.json", "out", "--to", "coco")
    assert (ran.code, ran.err) == (0, "")
    rows = json.loads(Path("out/annotations.json").read_text())["annotations"]
    assert [rows[place]["segmentation"] for place in (1, 5, 9)] == [plain] * 3


# 48: polygons of all kinds.
@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        ([1, 1, 9, 9], "polygon 0 has 2 points, at least 3 are needed"),
        ([1, 1, 9, 9, 5, float("nan")], "polygon 0 holds nan at point 2"),
        ([1, 1, 9, 9, 5, 6, 7], "polygon 0 has 7 numbers, an odd count"),
        ([60, 1, 70, 1, 70, 9], "its mask holds no pixel"),
    ],
)
def test_a_polygon_that_covers_nothing_is_a_failure_by_id(anymask, given, polygon, message):
    spoil(given, lambda record: record["annotations"][0].update(segmentation=[polygon]))
    ran = anymask("convert", "given.json", "out", "--to", "sa1b")
    assert ran.code == 3
    assert f"failed: given.json: annotation 500: {message}" in ran.err
    assert works(anymask, given)


# 49: a polygon and its mask.
def test_the_square_0_to_9_covers_81_pixels_there_and_back(anymask, folder):
    record = coco_record([picture(annotation(square()))])
    record["annotations"][0]["segmentation"] = [[0, 0, 9, 0, 9, 9, 0, 9]]
    (folder / "in.json").write_text(json.dumps(record))
    anymask("convert", "in.json", "one", "--to", "labelme")
    anymask("convert", "one", "two", "--to", "coco", "--segmentation", "polygons")
    (row,) = json.loads(Path("two/annotations.json").read_text())["annotations"]
    assert (row["area"], row["bbox"]) == (81, [0, 0, 9, 9])
    corners = np.reshape(row["segmentation"][0], (-1, 2)).tolist()
    assert sorted(corners) == [[0, 0], [0, 9], [9, 0], [9, 9]]


# 50: texts of YOLO.
@pytest.fixture
def texts(given, anymask):
    """A YOLO set with its pictures."""
    anymask("convert", "given.json", "yolo", "--to", "yolo", "--holes", "bridge")
    Path("photos").rename("yolo/images")
    return given.parent / "yolo"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("80 0 0 1 0 1 1", "class 80 of 3 (0 to 2)"),
        ("0 0 0 1.2 0 1 1", "value '1.2' at place 3 is not within 0 to 1"),
        ("0 0 0 1 0 1", "has 5 numbers after the class, an odd count"),
    ],
)
def test_a_bad_line_of_yolo_is_named(anymask, texts, line, message):
    file = texts / "labels" / "a.txt"
    file.write_text(f"{file.read_text()}{line}\n")
    ran = anymask("convert", "yolo", "out", "--to", "coco")
    assert ran.code == 3
    assert f"failed: yolo/labels/a.txt: line 6: {message}" in ran.err
    assert "3 pictures with 15 masks: yolo → coco" in ran.out


def test_an_empty_text_and_a_picture_without_one_have_no_objects(anymask, texts):
    (texts / "labels" / "a.txt").write_text("")
    (texts / "labels" / "c.v2.txt").unlink()
    ran = anymask("convert", "yolo/data.yaml", "out", "--to", "coco")
    assert (ran.code, ran.err) == (0, "")
    assert "3 pictures with 5 masks" in ran.out


def test_a_text_without_a_picture_is_a_failure(anymask, texts):
    (texts / "images" / "a.png").unlink()
    ran = anymask("convert", "yolo", "out", "--to", "coco")
    assert ran.code == 3
    sentence = "has no picture of its name, so nobody knows its size"
    assert f"failed: yolo/labels/a.txt: {sentence}" in ran.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [a, {", "yolo/data.yaml: is not YAML at line 1 column 13"),
        ("names: {1: a}", "yolo/data.yaml: its names must be a list or number the classes from 0"),
        ("nc: 3", "yolo/data.yaml: its names must be a list or number the classes from 0"),
    ],
)
def test_a_bad_description_of_yolo_is_refused(anymask, texts, text, message):
    (texts / "data.yaml").write_text(text)
    ran = anymask("convert", "yolo", "out", "--to", "coco")
    assert (ran.code, f"error: {message}" in ran.err) == (1, True)


# 51: labelme and the picture's own size.
def test_a_wrong_height_of_labelme_is_an_error_and_none_is_the_pictures(anymask, given):
    anymask("convert", "given.json", "photos", "--to", "labelme")
    spoil(given.parent / "photos" / "a.json", lambda record: record.update(imageHeight=50))
    spoil(given.parent / "photos" / "c.v2.json", lambda record: record.update(imageHeight=None))
    ran = anymask("convert", "photos", "out", "--to", "coco")
    assert ran.code == 3
    sentence = "imageWidth and imageHeight are 56×50, but its picture is 56×40, of another ratio"
    assert f"failed: photos/a.json: {sentence}" in ran.err
    assert "2 pictures with 8 masks: labelme → coco" in ran.out


def test_shapes_drawn_before_a_picture_was_turned_are_an_error(anymask, given):
    anymask("convert", "given.json", "photos", "--to", "labelme")
    path = given.parent / "photos" / "val" / "b.json"
    spoil(path, lambda record: record.update(imageHeight=56, imageWidth=40))
    ran = anymask("convert", "photos", "out", "--to", "coco")
    assert ran.code == 3
    assert "drawn before the picture's EXIF rotation (orientation 6)" in ran.err
    assert works(anymask, given)


# 52: targets.
@pytest.mark.parametrize(
    ("to", "there", "named"),
    [
        ("coco", "out/annotations.json", "out/annotations.json"),
        ("yolo", "out/data.yaml", "out/data.yaml"),
        ("yolo", "out/labels/a.txt", "out/labels"),
        ("labelme", "out/x.json", "out/x.json"),
        ("png", "out/x/y.png", "out/x/y.png"),
        ("voc", "out/labelmap.txt", "out/labelmap.txt"),
    ],
)
def test_what_exists_is_not_overwritten_unless_allowed(anymask, given, to, there, named):
    path = given.parent / there
    path.parent.mkdir(parents=True)
    path.write_text("old")
    ran = anymask("convert", "given.json", "out", "--to", to)
    assert ran.code == 2
    assert f"error: {named}: exists already\nhint: add --overwrite" in ran.err
    assert path.read_text() == "old"
    assert anymask("convert", "given.json", "out", "--to", to, "--overwrite").code == 0


def test_a_folder_that_is_read_only_is_told(anymask, given, monkeypatch):
    def refused(**_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("anymask.data.conversion.coco_target.tempfile.TemporaryFile", refused)
        ran = anymask("convert", "given.json", "out.json", "--to", "coco")
    assert ran.code == 1
    assert "error: out.json: cannot be written (Permission denied)" in ran.err
    assert not list(Path().glob(".*.part"))
    assert works(anymask, given)


def test_a_file_in_the_place_of_a_folder_is_told(anymask, given):
    for to in ("coco", "labelme"):
        ran = anymask("convert", "given.json", "cat.png/out", "--to", to)
        assert ran.code == 1
        assert "error: cat.png/out/" in ran.err


def test_a_full_disk_leaves_the_old_file_whole(anymask, given, monkeypatch):
    anymask("convert", "given.json", "out.json", "--to", "coco")
    old = (given.parent / "out.json").read_bytes()

    fsync = os.fsync

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("anymask.data.conversion.coco_target.os.fsync", full)
    ran = anymask("convert", "given.json", "out.json", "--to", "coco", "--overwrite")
    assert ran.code == 1
    assert "error: out.json: cannot be written (No space left on device)" in ran.err
    assert (given.parent / "out.json").read_bytes() == old
    assert not list(Path().glob(".*.part"))
    monkeypatch.setattr("anymask.data.conversion.coco_target.os.fsync", fsync)
    assert works(anymask, given)


@pytest.mark.parametrize(
    "name", ["../a.png", "/etc/a.png", "x/../../a.png", "..\\a.png", "C:a.png"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(anymask, given, name):
    spoil(given, lambda record: record["images"][1].update(file_name=name))
    ran = anymask("convert", "given.json", "out", "--to", "labelme")
    assert ran.code == 3
    assert "given.json: image 71: file_name " in ran.err
    assert "leads out of the picture folder" in ran.err
    assert failures() == [("given.json: image 71", "path-leaves-folder")]
    assert works(anymask, given)


def test_two_pictures_of_one_output_do_not_replace_each_other(anymask, folder):
    write_coco_file(folder / "in.json", [scene("a.jpg"), scene("A.png"), scene("b.png")])
    for to in ("labelme", "panoptic", "png"):
        ran = anymask("convert", "in.json", to, "--to", to)
        assert ran.code == 3
        assert "in.json: A.png: its output a" in ran.err
        assert "2 pictures with 8 masks" in ran.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("given.json", "out", "--to", "xml"), "--to xml: is no form that is known"),
        (("given.json", "out", "--to", "png", "--from", "x"), "--from x: is no form that is known"),
        (("nothing", "out", "--to", "png"), "nothing: no such file or folder"),
        (("cat.png/x", "out", "--to", "png"), "cat.png/x: no such file or folder"),
        (("given.json", "given.json", "--to", "coco"), "given.json: is the input"),
        (("given.json", "cat.png", "--to", "png"), "cat.png: is a file"),
        (("given.json", "out", "--to", "png", "--holes", "bridge"), "--holes bridge: is for polyg"),
        (("given.json", "out", "--to", "coco", "--holes", "bridge"), "--holes bridge: is for poly"),
        (("given.json", "out", "--to", "png", "--segmentation", "counts"), "is for --to coco"),
        (("given.json", "out", "--to", "coco", "--segmentation", "x"), "segmentation"),
        (("given.json", "out", "--to", "png", "--images", "x"), "--images x: is no folder"),
        (("photos", ".", "--to", "png", "--overwrite"), "holds the input, which --overwrite"),
        (("empty", "out", "--to", "png"), "empty: is empty"),
        (("given.json", "out"), "missing option '--to'"),
    ],
)
def test_wrong_use_starts_nothing(anymask, given, words, message):
    Path("empty").mkdir()
    before = sorted(Path().iterdir())
    ran = anymask("convert", *words)
    assert ran.code == 2
    assert message.lower() in ran.err.lower()
    assert sorted(Path().iterdir()) == before


def test_what_segment_wrote_is_read(anymask, folder):
    for number in (1, 2):
        Image.fromarray(square()).save(folder / f"cat.png.{number}.mask.png")
    Image.fromarray(square()).save(folder / "cat.png.overlay.png")
    Path("cat.png").unlink()
    ran = anymask("convert", ".", "out.json", "--to", "coco")
    assert (ran.code, ran.err) == (0, "")
    (found,) = read_all("coco", folder / "out.json")
    assert (found.file_name, len(found.objects)) == ("cat.png", 2)


def test_the_folder_of_the_pictures_may_be_the_target_and_is_not_read_again(anymask, given):
    for _ in range(2):
        ran = anymask("convert", "given.json", "photos", "--to", "labelme", "--overwrite")
        assert (ran.code, "3 pictures with 12 masks" in ran.out) == (0, True)
    for _ in range(2):
        ran = anymask("convert", "photos", "photos/out", "--to", "sa1b", "--overwrite")
        assert (ran.code, "3 pictures with 12 masks" in ran.out) == (0, True)


def test_file_names_of_pictures_come_from_their_folder(anymask, given):
    anymask("convert", "given.json", "maps", "--to", "labelmap")
    anymask("convert", "maps", "out.json", "--to", "coco", "--images", "photos")
    found = read_all("coco", given.parent / "out.json")
    assert [one.file_name for one in found] == sorted(NAMES)

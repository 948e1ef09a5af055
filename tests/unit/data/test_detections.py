"""Boxes of detectors: read whole, put to the right photo, and every misfit told."""

import json
import re

import pytest

from anymask.data.detections import Detection, read_detections
from anymask.errors import DataError, InputError

SIZE = (480, 640)


def json_file(folder, content, name="boxes.json"):
    path = folder / name
    path.write_text(
        content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    )
    return path


def result(image_id, bbox=(10, 20, 30, 40), category_id=3, **more):
    return {"image_id": image_id, "category_id": category_id, "bbox": list(bbox), **more}


def coco(images, annotations, categories=({"id": 3, "name": "cat"}, {"id": 9, "name": "dög"})):
    return {"images": images, "annotations": annotations, "categories": list(categories)}


def image(number, name, height=480, width=640):
    return {"id": number, "file_name": name, "height": height, "width": width}


def annotation(number, image_id, bbox=(10, 20, 30, 40), category_id=3, **more):
    return {"id": number, **result(image_id, bbox, category_id), **more}


def told(found):
    return [(one.place, one.code, one.message) for one in found]


def test_results_of_a_detector_are_boxes_labels_and_scores(tmp_path):
    path = json_file(
        tmp_path,
        [
            result(139, score=0.5),
            result(7),
            result(139, (0.5, 1.25, 2, 3), 1, score=0.75, category_name="Kätzchen"),
        ],
    )
    found = read_detections(path)
    assert len(found) == 3
    assert found.problems == ()
    assert found.on("000000000139.jpg", SIZE) == (
        Detection(box=(10, 20, 40, 60), label="3", score=0.5),
        Detection(box=(0.5, 1.25, 2.5, 4.25), label="Kätzchen", score=0.75),
    )
    assert found.on("photos/7.png", SIZE) == (Detection(box=(10, 20, 40, 60), label="3"),)
    assert found.on("8.png", SIZE) == ()


@pytest.mark.parametrize(
    ("image_id", "photo", "is_found"),
    [
        (139, "139.jpg", True),
        (139, "COCO_val2014_000000000139.jpg", True),
        (139, "photo_139.jpg", False),
        ("139", "000139.jpg", True),
        (139.0, "139.jpg", True),
        ("a/b.jpg", "b.jpg", True),
        ("b.jpg", "a/b.jpg", True),
        ("b", "a/b.v2.jpg", False),
        ("b.v2", "a/b.v2.jpg", True),
        ("b.v2", "b.jpg", False),
        ("b.png", "b.jpg", True),
        ("a\\b.jpg", "b.jpg", True),
    ],
)
def test_photos_are_known_by_name_stem_or_number(tmp_path, image_id, photo, is_found):
    found = read_detections(json_file(tmp_path, [result(image_id)]))
    assert len(found.on(photo, SIZE)) == is_found
    assert len(found.unmatched(["other.jpg", photo])) == (not is_found)


def test_annotations_have_names_sizes_and_any_order_of_keys(tmp_path):
    given = coco(
        [image(1, "Zoë/a.jpg"), image(2, "b.jpg")],
        [annotation(5, 2), annotation(6, 1, (0, 0, 9, 9), 9)],
    )
    for content in (given, dict(reversed(given.items()))):
        found = read_detections(json_file(tmp_path, content))
        assert found.on("a.jpg", SIZE) == (Detection(box=(0, 0, 9, 9), label="dög"),)
        assert found.on("b.jpg", SIZE) == (Detection(box=(10, 20, 40, 60), label="cat"),)
        assert found.on("2.jpg", SIZE) == (Detection(box=(10, 20, 40, 60), label="cat"),)
        assert found.unmatched(["b.jpg"]) == ("Zoë/a.jpg",)


def test_without_categories_every_box_is_an_object(tmp_path):
    given = coco([image(1, "a.jpg")], [annotation(5, 1), annotation(6, 1)], ())
    found = read_detections(json_file(tmp_path, given))
    assert [one.label for one in found.on("a.jpg", SIZE)] == ["object", "object"]


def test_bad_annotations_are_told_by_id_and_the_others_read(tmp_path):
    given = coco(
        [image(1, "a.jpg")],
        [
            annotation(5, 2),
            annotation("x\n", 1, category_id=4),
            annotation(7, 1, iscrowd=1),
            annotation(8, 1, (1, 2, 0, 4)),
            annotation(9, 1, (1, 2, 3)),
            annotation(10, 1, (1, 2, 3, float("nan"))),
            annotation(11, 1, score="high"),
            {"id": 12, "bbox": [1, 2, 3, 4]},
            "annotation",
            annotation(13, 1),
        ],
    )
    found = read_detections(json_file(tmp_path, given))
    assert [one.label for one in found.on("a.jpg", SIZE)] == ["cat"]
    assert told(found.problems) == [
        ("annotation 5", "unknown-image-id", "its image_id 2 is no image of the file"),
        ("annotation x\\n", "unknown-category", "its category_id 4 is no category of the file"),
        ("annotation 7", "crowd", "is a crowd, not one object"),
        ("annotation 8", "bad-box", "its bbox is 0 wide and 4 high, which holds no pixel"),
        ("annotation 9", "bad-box", "its bbox is [1, 2, 3], not x, y, width and height"),
        ("annotation 10", "bad-box", "its bbox is [1, 2, 3, nan], not x, y, width and height"),
        ("annotation 11", "bad-box", "its score is 'high', not a number"),
        ("annotation 12", "bad-record", "is no record with an image_id"),
        ("annotations[8]", "bad-record", "is no record with an image_id"),
    ]


def test_bad_results_are_told_by_place(tmp_path):
    path = json_file(
        tmp_path, [result(1), 5, result(True), result(1, "box"), result(1, (1, 2, 3, 4))]
    )
    found = read_detections(path)
    assert [one.box for one in found.on("1.jpg", SIZE)] == [(10, 20, 40, 60), (1, 2, 4, 6)]
    assert [one.place for one in found.problems] == ["record 1", "record 2", "record 3"]


def test_boxes_outside_the_photo_are_misfits_and_those_half_outside_are_kept(tmp_path):
    path = json_file(
        tmp_path,
        [result(1, (-5, -5, 10, 10)), result(1, (640, 5, 9, 9)), result(1, (-9, 3, 9, 9))],
    )
    found = read_detections(path)
    assert [one.box for one in found.on("1.jpg", SIZE)] == [(-5, -5, 5, 5)]
    assert told(found.misfits("1.jpg", SIZE)) == [
        ("record 1", "outside", "box (640, 5, 649, 14) lies outside 640×480"),
        ("record 2", "outside", "box (-9, 3, 0, 12) lies outside 640×480"),
    ]


@pytest.mark.parametrize(
    ("size_hw", "sentence"),
    [
        ((512, 512), "a.jpg: is 512×512, but its boxes in BOXES are for 640×480; run the detector "
         "on this photo"),
        ((640, 480), "a.jpg: is 480×640, but its boxes in BOXES are for 640×480; run the detector "
         "on the upright photo"),
    ],
)  # fmt: skip
def test_boxes_for_another_size_are_refused(tmp_path, size_hw, sentence):
    path = json_file(tmp_path, coco([image(1, "a.jpg")], [annotation(5, 1)]))
    with pytest.raises(InputError, match=re.escape(sentence.replace("BOXES", str(path)))):
        read_detections(path).on("a.jpg", size_hw)


def test_pictures_of_one_name_are_told_apart_by_their_folders_or_refused(tmp_path):
    images = [image(1, "train/a.jpg"), image(2, "val/a.jpg")]
    path = json_file(tmp_path, coco(images, [annotation(5, 1), annotation(6, 2, (1, 1, 1, 1))]))
    found = read_detections(path)
    assert found.on("/data/val/a.jpg", SIZE)[0].box == (1, 1, 2, 2)
    assert found.on("train/a.jpg", SIZE)[0].box == (10, 20, 40, 60)
    sentence = r"a.jpg: 2 pictures of .*boxes.json have its name: train/a.jpg, val/a.jpg; give the"
    with pytest.raises(InputError, match=sentence):
        found.on("a.jpg", SIZE)


def yolo(folder, **texts):
    for stem, text in texts.items():
        (folder / f"{stem}.txt").write_text(text)
    return folder


def test_a_folder_of_yolo_texts_is_put_to_photos_by_stem(tmp_path):
    (tmp_path / "data.yaml").write_text("names: {0: cat, 1: dog}\n")
    labels = tmp_path / "labels"
    labels.mkdir()
    yolo(labels, a="1 0.5 0.5 0.25 0.5 0.875\n\n0 0.5 0.25 1 0.5\n", b="", classes="cat\ndog\n")
    found = read_detections(labels)
    assert found.problems == ()
    assert found.on("photos/a.jpg", SIZE) == (
        Detection(box=(240, 120, 400, 360), label="dog", score=0.875),
        Detection(box=(0, 0, 640, 240), label="cat"),
    )
    assert found.on("b.jpg", SIZE) == ()
    assert found.unmatched(["a.jpg"]) == ("b",)
    # Shares of the side fit a photo of any size.
    assert found.on("a.jpg", (100, 100))[1].box == (0, 0, 100, 50)


def test_the_text_of_one_photo_fits_whatever_it_is_called(tmp_path):
    yolo(tmp_path, found="7 0.5 0.5 0.5 0.5\n0 0.1 0.1 0.3 0.1 0.2 0.4\n")
    found = read_detections(tmp_path / "found.txt")
    assert found.fits_any
    first, second = found.on("photo.jpg", (100, 200))
    assert (first.box, first.label) == ((50, 25, 150, 75), "7")
    # A polygon gives the box around it.
    assert second.box == pytest.approx((20, 10, 60, 40))
    assert second.label == "object"
    assert found.unmatched(["photo.jpg"]) == ()


def test_bad_lines_are_told_with_number_and_value(tmp_path):
    (tmp_path / "data.yaml").write_text("names: [" + ", ".join(f"c{n}" for n in range(80)) + "]")
    lines = [
        "80 0.5 0.5 0.5 0.5",
        "1 1.2 0.5 0.5 0.5",
        "1 0.5 0.5 0.5",
        "1 0.1 0.1 0.2 0.2 0.3 0.3 0.9",
        "1.5 0.5 0.5 0.5 0.5",
        "1 0.5 x 0.5 0.5",
        "1 0.5 0.5 0 0.5",
        "1 nan 0.5 0.5 0.5",
        "79 0.5 0.5 0.5 0.5",
    ]
    yolo(tmp_path, a="\n".join(lines))
    found = read_detections(tmp_path)
    assert [one.label for one in found.on("a.jpg", SIZE)] == ["c79"]
    assert [(one.place, one.message) for one in found.problems] == [
        ("a.txt line 1", "class 80 of 80 (0 to 79)"),
        ("a.txt line 2", "value 1.2 at place 1 is not within 0 to 1"),
        ("a.txt line 3", "has 3 numbers after the class; a box has 4, or 5 with its score, a "
         "polygon two for each of 3 points or more"),
        ("a.txt line 4", "has 7 numbers after the class; a box has 4, or 5 with its score, a "
         "polygon two for each of 3 points or more"),
        ("a.txt line 5", "class 1.5 is no whole number"),
        ("a.txt line 6", "value x at place 2 is not within 0 to 1"),
        ("a.txt line 7", "its box holds no pixel"),
        ("a.txt line 8", "value nan at place 1 is not within 0 to 1"),
    ]  # fmt: skip


def test_no_boxes_at_all_are_no_error(tmp_path):
    assert len(read_detections(json_file(tmp_path, []))) == 0
    assert read_detections(json_file(tmp_path, [])).on("a.jpg", SIZE) == ()
    found = read_detections(json_file(tmp_path, coco([image(1, "a.jpg")], [])))
    assert found.on("a.jpg", SIZE) == ()
    yolo(tmp_path, a="")
    assert read_detections(tmp_path / "a.txt").on("a.jpg", SIZE) == ()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", '[{"image_id": 1, "bbox"', r"a.json: is cut short at line 1 column 24"),
        ("a.json", "[1, 2\n,]", r"a.json: is not JSON at line 2 column 2"),
        ("a.json", "[1] x", r"a.json: is not JSON at line 1 column 5"),
        ("a.json", "", r"a.json: is empty; write it again"),
        ("a.json", "{}", r"a.json: holds no COCO results and no images with annotations; write"),
        ("a.json", '{"images": 5}', r'a.json: "images" holds no list'),
        ("a.csv", "1,2", r"a.csv: boxes are read from .json and .txt files and from folders"),
    ],
)
def test_files_without_boxes_are_refused(tmp_path, name, content, sentence):
    with pytest.raises(DataError, match=sentence):
        read_detections(json_file(tmp_path, content, name))


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no\\nne.json: no such file; check the path"):
        read_detections(tmp_path / "no\nne.json")
    with pytest.raises(DataError, match=r"holds no YOLO texts \(\*.txt\); name the folder"):
        read_detections(tmp_path)
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.5 0.5")
    (tmp_path / "data.yaml").write_text("names: [")
    with pytest.raises(DataError, match=r"data.yaml: is not YAML at line 1"):
        read_detections(tmp_path)

"""Panoptic PNGs: ids as colours, segments as a record."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from anymask.errors import InputError
from anymask.masks import rle
from anymask.masks.annotation import AnnotatedPicture, Annotation
from anymask.masks.forms.panoptic import read_panoptic, write_panoptic
from anymask.masks.problem import Problem

SIZE = (40, 50)
NAMES = ("sky", "cat")
BY_ID = {1: "sky", 2: "cat"}


def read(*given, **options):
    return read_panoptic(*given, **options)


def box(x0, y0, x1, y1, label="cat", size=SIZE, **said):
    mask = np.zeros(size, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return Annotation(rle=rle.encode(mask), label=label, **said)


def picture(*objects, size=SIZE):
    return AnnotatedPicture(file_name="a/b.jpg", size_hw=size, objects=objects)


def png(ids):
    colours = np.stack([ids & 255, ids >> 8 & 255, ids >> 16 & 255], -1).astype(np.uint8)
    return saved(colours)


def saved(values, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind)
    return buffer.getvalue()


def record(*segments):
    return {"image_id": 1, "file_name": "b.png", "segments_info": list(segments)}


def test_segments_come_back():
    given = picture(
        box(0, 0, 50, 9, "sky"),
        box(3, 9, 20, 30, "cat", score=0.1 + 0.2),
        box(30, 20, 50, 40, "cat", is_crowd=True),
    )
    files, told, losses = write_panoptic(given, NAMES, 7)
    assert losses == {}
    assert read(files["a/b.png"], told, BY_ID, "a/b.jpg", SIZE) == (given, ())


def test_the_record_and_the_colours_are_those_of_the_format():
    objects = [box(n % 50, n // 50, n % 50 + 1, n // 50 + 1) for n in range(300)]
    files, told, _ = write_panoptic(picture(*objects, box(10, 20, 30, 35, "sky")), NAMES, 7)
    assert list(files) == ["a/b.png"]
    with Image.open(io.BytesIO(files["a/b.png"])) as image:
        assert image.mode == "RGB"
        assert image.getpixel((10, 20)) == (301 - 256, 1, 0)
        assert image.getpixel((49, 39)) == (0, 0, 0)
    assert (told["image_id"], told["file_name"]) == (7, "a/b.png")
    assert told["segments_info"][300] == {
        "id": 301, "category_id": 1, "area": 300, "bbox": [10, 20, 20, 15], "iscrowd": 0
    }  # fmt: skip
    assert len(told["segments_info"]) == 301


def test_area_and_box_are_those_of_what_is_visible():
    _, told, losses = write_panoptic(picture(box(0, 0, 20, 20), box(10, 0, 20, 20)), NAMES, 1)
    assert [one["area"] for one in told["segments_info"]] == [200, 200]
    assert told["segments_info"][0]["bbox"] == [0, 0, 10, 20]
    assert losses == {"overlapped pixels": 200, "overlapped objects": 1}


def test_a_hidden_object_is_counted_and_has_no_segment():
    _, told, losses = write_panoptic(picture(box(0, 0, 9, 9), box(0, 0, 9, 9)), NAMES, 1)
    assert [one["id"] for one in told["segments_info"]] == [2]
    assert losses == {"overlapped pixels": 81, "hidden objects": 1}


def test_ids_of_three_bytes_are_read():
    ids = np.zeros(SIZE, int)
    ids[:9], ids[30:] = 0xFEDCBA, 256
    segments = [{"id": 0xFEDCBA, "category_id": 2}, {"id": 256, "category_id": 1, "iscrowd": 1}]
    found, problems = read(png(ids), record(*segments), BY_ID, "p.jpg")
    assert problems == ()
    assert [(one.label, rle.area(one.rle), one.is_crowd) for one in found.objects] == [
        ("cat", 450, False),
        ("sky", 500, True),
    ]


def test_bad_segments_are_told_by_their_ids_and_the_others_read():
    ids = np.zeros(SIZE, int)
    ids[0], ids[1], ids[2] = 5, 6, 7
    segments = [
        {"id": 5, "category_id": 2},
        {"id": 5, "category_id": 1},
        {"id": 6, "category_id": "cat\n"},
        {"id": 9, "category_id": 1},
        {"category_id": 1},
        "segment",
    ]
    found, problems = read(png(ids), record(*segments), BY_ID, "p.jpg")
    assert [(one.label, rle.area(one.rle)) for one in found.objects] == [("cat", 50)]
    assert [(one.place, one.code) for one in problems] == [
        ("segment 5", "duplicate-segment-id"),
        ("segment 6", "unknown-category"),
        ("segment 9", "empty-mask"),
        ("segments_info[4]", "bad-record"),
        ("segments_info[5]", "bad-record"),
        ("segment 7", "no-segment"),
    ]
    assert problems[1].message == "its category_id 'cat\\n' is no category of the file"


@pytest.mark.parametrize(
    ("data", "told", "size_hw", "code", "sentence"),
    [
        (png(np.ones((512, 512), int)), record(), (480, 640), "size-differs",
         "mask 512×512 for picture 640×480"),
        (png(np.ones(SIZE, int)), {"segments_info": {}}, None, "bad-record",
         "has no list segments_info"),
        (saved(np.ones(SIZE, np.uint8)), record(), None, "no-colours",
         "is no picture of three 8-bit colours, which give the ids"),
        (saved(np.ones((*SIZE, 3), np.uint8), "JPEG"), record(), None, "lossy-labels",
         "is a JPEG or WebP picture, which changes the numbers of labels"),
        (png(np.ones(SIZE, int))[:50], record(), None, "unreadable-labels", "cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told(data, told, size_hw, code, sentence):
    found = read(data, told, BY_ID, "p.jpg", size_hw)
    assert isinstance(found, Problem)
    assert (found.code, found.message[: len(sentence)]) == (code, sentence)


def test_ids_and_scores_that_are_none_are_told_or_left_out():
    ids = np.zeros(SIZE, int)
    ids[0], ids[1] = 5, 6
    segments = [
        {"id": [1], "category_id": 1},
        {"id": 5, "category_id": 1, "score": float("nan")},
        {"id": 6, "category_id": 1, "score": 10**400},
    ]
    found, problems = read(png(ids), record(*segments), BY_ID, "p.jpg")
    assert [one.place for one in problems] == ["segments_info[0]"]
    assert [one.score for one in found.objects] == [None, None]


def test_a_label_that_is_no_category_is_refused():
    with pytest.raises(InputError, match=re.escape("a/b.jpg: its label cow is no category of")):
        write_panoptic(picture(box(0, 0, 9, 9, "cow")), NAMES, 1)

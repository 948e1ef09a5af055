"""Files of masks that people have become objects of the open picture."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from anymask.errors import InputError
from anymask.masks import rle
from anymask.serve.reading_masks import read_masks
from tests.unit.serve.asking import error_of, picture_bytes, send
from tests.unit.serve.test_exporting import (
    CORNER,
    DISC,
    EVIL,
    HEIGHT,
    OBJECTS,
    RING,
    WIDTH,
    export,
    files_in,
)

SIZE = (HEIGHT, WIDTH)


def png(array, mode=None):
    file = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(file, format="PNG")
    return file.getvalue()


def read(data, name="masks.png", picture="photo.png"):
    return read_masks(data, name, picture, SIZE)


@pytest.fixture(scope="module")
def picture(page):
    return send(page, picture_bytes(HEIGHT, WIDTH, seed=3), "photo.png")["id"]


def grey(mask):
    return mask * np.uint8(255)


@pytest.mark.parametrize(
    "data",
    [
        png(grey(DISC)),
        png(grey(DISC), "1"),
        png(grey(DISC), "P"),
        png(DISC * np.uint8(1)),
        png(np.dstack([grey(DISC)] * 3)),
        png(np.dstack([grey(DISC) // 2 + 9] * 3 + [grey(DISC)])),
        png(DISC * np.uint16(40_000)),
    ],
)
def test_a_mask_of_any_kind_is_one_object(data):
    (one,) = read(data).objects
    assert np.array_equal(rle.decode(one.rle), DISC)
    assert one.label == "object"


def test_smooth_edges_do_not_make_hundreds_of_objects():
    big = Image.fromarray(grey(DISC)).resize((900, 600)).resize((WIDTH, HEIGHT))
    file = io.BytesIO()
    big.save(file, format="PNG")
    values = np.array(big)
    assert len(np.unique(values)) > 10
    (one,) = read(file.getvalue()).objects
    assert np.array_equal(rle.decode(one.rle), values > 0)


def test_a_label_map_is_an_object_a_number():
    labels = np.where(CORNER, 7, np.where(RING, 3, 0))
    for data in (png(labels.astype(np.uint8)), png(labels.astype(np.uint16))):
        first, second = read(data).objects
        assert np.array_equal(rle.decode(first.rle), RING)
        assert np.array_equal(rle.decode(second.rle), CORNER)


@pytest.mark.parametrize("form", ["coco", "sa1b", "labelme", "labelmap"])
def test_what_the_page_wrote_is_read_again(page, picture, form):
    data = export(page, picture, form).content
    answer = page.post(
        f"/api/pictures/{picture}/mask-file", params={"name": f"mine.{form}"}, content=data
    )
    assert answer.status_code == 200, answer.text
    cat, him = answer.json()["objects"]
    assert (cat["rle"], him["rle"]) == (OBJECTS[0]["rle"], OBJECTS[1]["rle"])
    if form != "sa1b":
        assert (cat["name"], him["name"]) == ("cat", EVIL)
    if form != "labelme":
        assert (cat["score"], him["score"]) == (0.93, None)
    assert answer.json()["notes"] == []


def test_mask_pngs_know_their_names(page, picture):
    files = files_in(export(page, picture, "png"))
    (one,) = read(files["photo/0001.png"]).objects
    assert (one.label, one.score) == ("cat", 0.93)
    (one,) = read(export(page, picture, "labelmap", OBJECTS[:1]).content).objects
    assert (one.label, one.score) == ("cat", 0.93)


def coco_of(*names):
    code = rle.encode(DISC)
    return {
        "images": [
            {"id": n, "file_name": name, "height": HEIGHT, "width": WIDTH}
            for n, name in enumerate(names)
        ],
        "annotations": [
            {"id": n, "image_id": n, "category_id": n % 2, "segmentation": code, "score": n / 10}
            for n in range(len(names))
        ],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }


def read_json(record, picture="photo.png"):
    return read(json.dumps(record).encode(), "set.json", picture)


def test_of_a_coco_set_the_pictures_own_entry_is_taken():
    (one,) = read_json(coco_of("a/other.png", "train/Photo.PNG", "b.png")).objects
    assert (one.label, one.score) == ("dog", 0.1)
    (one,) = read_json(coco_of("whatever.jpg")).objects
    assert one.label == "cat"
    with pytest.raises(InputError, match=r"set.json: is about 2 pictures, none of them is ph"):
        read_json(coco_of("a.png", "b.png"))


def test_a_list_of_results_is_read():
    results = [{"image_id": 1, "category_id": 0, "segmentation": rle.encode(RING), "score": 0.5}]
    (one,) = read_json(results).objects
    assert np.array_equal(rle.decode(one.rle), RING)


def test_what_cannot_be_read_is_told_and_the_rest_is_taken():
    record = coco_of("photo.png")
    wrong = {"image_id": 0, "category_id": 0, "segmentation": {"size": [3, 4], "counts": "<"}}
    record["annotations"] += [{"id": 40 + n, **wrong} for n in range(7)]
    read_back = read_json(record)
    assert len(read_back.objects) == 1
    assert len(read_back.notes) == 6
    assert read_back.notes[0].startswith("Left out annotation 40: mask 4×3 for picture")
    assert read_back.notes[-1] == "2 more were left out."


def both_sizes(record):
    changed = json.loads(json.dumps(record))
    changed["images"][0] |= {"height": 50, "width": 70}
    return changed


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (png(np.zeros((50, 70), np.uint8)), r"m: is of 70×50, the picture of 90×60; make the mask"),
        (
            json.dumps(both_sizes(coco_of("photo.png"))).encode(),
            r"m: is about a picture of 70×50, this one is 90×60; open the picture",
        ),
        (
            json.dumps({"image": {"height": 50, "width": 70}, "annotations": [{"id": 1}]}).encode(),
            r"m: is about a picture of 70×50, this one is 90×60",
        ),
        (
            json.dumps({"shapes": [], "imageHeight": 120, "imageWidth": 180}).encode(),
            r"m: is about a picture of 180×120, this one is 90×60",
        ),
        (png(np.zeros(SIZE, np.uint8)), r"m: its mask holds no pixel"),
        (png(grey(DISC))[:120], r"m: cannot be read \(image file is truncated\)"),
        (b"GIF89a......", r"m: is no file of masks that is known; choose a mask PNG"),
        (b"%PDF-1.7", r"m: is no file of masks that is known"),
        (b"{}", r"m: is no JSON of masks that is known"),
        (b"[", r"m: is not whole JSON"),
        (b"[" * 100_000, r"m: is not whole JSON"),
        (b"[]", r"m: holds no mask of this picture"),
        (b'{"image": 3, "images": [], "annotations": []}', r"m: is about 0 pictures"),
    ],
)
def test_what_is_no_mask_of_the_picture_is_refused(data, sentence):
    with pytest.raises(InputError, match=sentence):
        read(data, "m")


def test_a_bomb_is_refused_before_it_is_unpacked():
    head = png(np.zeros((1, 1), np.uint8))
    huge = head[:16] + (60_000).to_bytes(4) * 2 + head[24:]
    with pytest.raises(InputError, match=r"m: "):
        read(huge, "m")


def test_over_http_it_is_a_refusal_with_a_hint(page, picture):
    answer = page.post(
        f"/api/pictures/{picture}/mask-file", params={"name": f"a/{EVIL}.png"}, content=b"nothing"
    )
    error = error_of(answer, 422)
    assert error["message"] == f"{EVIL}.png: is no file of masks that is known"
    answer = page.post(f"/api/pictures/{picture}/mask-file", content=b"")
    assert error_of(answer, 400)["message"] == "the body is empty (0 bytes)"


def test_a_name_with_half_a_letter_is_read_and_shown(page, picture):
    record = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "a\ud800b"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9, 1, 9]]}
        ],
    }
    answer = page.post(
        f"/api/pictures/{picture}/mask-file", content=json.dumps(record), params={"name": "a.json"}
    )
    assert answer.status_code == 200, answer.text
    assert [one["name"] for one in answer.json()["objects"]] == ["a?b"]

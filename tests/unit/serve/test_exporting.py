"""Files of objects hold the masks exactly, under names that hurt nobody."""

import hashlib
import io
import json
import zipfile
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from anymask.masks import rle
from anymask.masks.overlay import paint_masks
from anymask.receipt import read_receipt
from tests.unit.serve.asking import ask, error_of, picture_bytes, send
from tests.unit.serve.test_routes_everything import find

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HEIGHT, WIDTH = 60, 90
EVIL = "<img src=x onerror=alert(1)>"
Y, X = np.mgrid[:HEIGHT, :WIDTH]
DISC = np.hypot(X - 40, Y - 30) < 18
RING = DISC & (np.hypot(X - 40, Y - 30) >= 9)
CORNER = (X < 12) & (Y < 9)
CAT: dict[str, Any] = {
    "name": "cat",
    "rle": rle.encode(RING),
    "score": 0.93,
    "colour": [0, 114, 189],
}
HIM: dict[str, Any] = {
    "name": EVIL,
    "rle": rle.encode(CORNER),
    "score": None,
    "colour": [213, 94, 0],
}
OBJECTS: list[dict[str, Any]] = [CAT, HIM]
MASKS = {"cat": RING, EVIL: CORNER}


@pytest.fixture(scope="module")
def picture(page):
    return send(page, picture_bytes(HEIGHT, WIDTH), "photo.png")["id"]


@pytest.fixture(scope="module")
def pixels(page, picture):
    return page.app.state.serving.shelf.entry(picture).picture.pixels


def export(page, picture, form, objects=OBJECTS):
    answer = page.post(f"/api/pictures/{picture}/export", json={"format": form, "objects": objects})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    return answer


def name_of(answer):
    return unquote(answer.headers["content-disposition"].split("filename*=UTF-8''")[1])


def notes_of(answer):
    return json.loads(unquote(answer.headers.get("x-anymask-notes", "%5B%5D")))


def files_in(answer):
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def plane(content):
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image)


def decoded(code):
    """A mask as the published tools read it."""
    return coco.decode(code).astype(bool)


def test_coco_is_read_by_its_own_tools(page, picture):
    answer = export(page, picture, "coco")
    assert name_of(answer) == "photo.coco.json"
    record = answer.json()
    assert record["images"][0]["file_name"] == "photo.png"
    names = {one["id"]: one["name"] for one in record["categories"]}
    for one in record["annotations"]:
        found = decoded(one["segmentation"])
        assert np.array_equal(found, MASKS[names[one["category_id"]]])
    assert [one.get("score") for one in record["annotations"]] == [0.93, None]
    assert notes_of(answer) == []


def test_sa1b_tells_what_it_loses(page, picture):
    answer = export(page, picture, "sa1b")
    assert name_of(answer) == "photo.sa1b.json"
    found = [decoded(one["segmentation"]) for one in answer.json()["annotations"]]
    assert np.array_equal(found[0], RING)
    assert np.array_equal(found[1], CORNER)
    assert notes_of(answer) == ["Not kept in SA-1B: 2 names."]


def test_a_label_map_has_a_number_an_object(page, picture):
    answer = export(page, picture, "labelmap")
    assert name_of(answer) == "photo.labels.png"
    assert np.array_equal(plane(answer.content), np.where(CORNER, 2, RING))
    both = [CAT, {**CAT, "name": "twin"}]
    assert notes_of(export(page, picture, "labelmap", both)) == [
        f"Not kept in the label map: 1 hidden object, {RING.sum():,} overlapped pixels."
    ]


def test_one_mask_is_a_png_and_several_a_zip(page, picture):
    answer = export(page, picture, "png", [CAT])
    assert (name_of(answer), answer.headers["content-type"]) == ("photo.mask.png", "image/png")
    assert np.array_equal(plane(answer.content), RING * np.uint8(255))
    answer = export(page, picture, "png")
    assert name_of(answer) == "photo.png.zip"
    assert answer.headers["content-type"] == "application/zip"
    files = files_in(answer)
    assert list(files) == ["photo/0001.png", "photo/0002.png"]
    assert np.array_equal(plane(files["photo/0002.png"]), CORNER * np.uint8(255))


def test_labelme_holds_shapes(page, picture):
    answer = export(page, picture, "labelme")
    shapes = answer.json()["shapes"]
    assert [shape["label"] for shape in shapes] == ["cat", EVIL]
    assert answer.json()["imagePath"] == "photo.png"
    assert notes_of(answer) == ["Not kept in labelme: 1 score."]


def test_yolo_says_what_it_loses(page, picture):
    answer = export(page, picture, "yolo")
    files = files_in(answer)
    assert sorted(files) == ["data.yaml", "labels/photo.txt"]
    assert len(files["labels/photo.txt"].splitlines()) == 2
    assert notes_of(answer) == ["Not kept in YOLO polygons: 1 hole, 1 score."]


def test_the_overlay_has_the_objects_own_colours(page, picture, pixels):
    answer = export(page, picture, "overlay")
    assert name_of(answer) == "photo.overlay.png"
    expected = paint_masks(pixels, [RING, CORNER], [(0, 114, 189), (213, 94, 0)])
    assert np.array_equal(plane(answer.content), expected)


@pytest.mark.parametrize("form", ["coco", "sa1b", "labelme", "labelmap", "png", "yolo", "overlay"])
def test_no_object_is_a_file_too(page, picture, form):
    assert export(page, picture, form, []).content


@pytest.mark.parametrize("form", ["coco", "sa1b", "labelme", "labelmap", "png", "overlay", "html"])
def test_any_picture_name_is_a_safe_file_name(page, form):
    hostile = f"{EVIL}.png"
    picture = send(page, picture_bytes(HEIGHT, WIDTH, seed=7), hostile)["id"]
    answer = export(page, picture, form)
    assert name_of(answer).startswith("_img src=x onerror=alert(1)_")
    assert not set(name_of(answer)) & set('<>"/\\:|?*')
    if form in ("coco", "labelme"):
        assert notes_of(answer)[-1] == (
            "In the file the picture is called _img src=x onerror=alert(1)_.png."
        )


def test_how_a_mask_was_found_goes_along(page, photos):
    picture = send(page, (photos / "coffee.png").read_bytes(), "cup.png")["id"]
    find(page, picture, 2)
    found = page.app.state.serving.shelf.entry(picture).candidates.found()
    code = {"size": list(found.candidates.size_hw), "counts": found.candidates.codes[4]}
    source = {"kind": "everything", "settings": {}, "number": 4}
    mine = {"name": "cup", "rle": code, "score": 0.5, "source": source}
    (one,) = export(page, picture, "sa1b", [mine]).json()["annotations"]
    row = found.candidates.rows[4]
    assert one["point_coords"] == [row["point"].tolist()]
    assert one["stability_score"] == float(row["stability_score"])
    # A mask that was changed since was not found there.
    changed = {**mine, "rle": {**code, "counts": found.candidates.codes[7]}}
    (one,) = export(page, picture, "sa1b", [changed]).json()["annotations"]
    assert "stability_score" not in one


def test_the_receipt_says_how_each_object_came_to_be(page, photos, tmp_path, model):
    data = (photos / "coffee.png").read_bytes()
    picture = send(page, data, "cup.png")["id"]
    step = {"points": [[300, 200]], "labels": [1], "multimask": False}
    shown = ask(page, picture, step)["masks"][0]["rle"]
    source = {"kind": "steps", "steps": [step], "number": 0}
    empty = {"size": shown["size"], "counts": rle.encode(np.zeros(shown["size"], bool))["counts"]}
    objects = [{"name": "cup", "rle": shown, "source": source}, {"name": "who", "rle": empty}]
    answer = export(page, picture, "receipt", objects)
    assert name_of(answer) == "cup.png.receipt.json"
    (tmp_path / "receipt.json").write_bytes(answer.content)
    receipt = read_receipt(tmp_path / "receipt.json")
    assert receipt.input.name == "cup.png"
    assert receipt.input.sha256 == hashlib.sha256(data).hexdigest()
    assert receipt.model is not None
    assert receipt.model.sha256 == model.loaded.sha256
    assert receipt.command == "serve"
    assert {"torch", "python"} <= set(receipt.versions)
    told: Any = receipt.settings["objects"]
    cup, who = told
    assert cup["rle"] == shown
    assert cup["area"] == coco.area(shown)
    assert cup["source"]["steps"][0]["points"] == [[300, 200]]
    assert "masks = model.predict(" in cup["python"]
    assert cup["command"].startswith("anymask segment cup.png --point=300,200 --one-mask")
    assert (who["source"], who["python"], who["area"]) == (None, None, 0)
    assert notes_of(answer) == ["Of 1 of 2 objects nobody knows how they were made."]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"size": [WIDTH, HEIGHT], "counts": "o"},
            "object 2 (dog): its mask is 60×90, the picture 90×60",
        ),
        (
            {"size": [HEIGHT, WIDTH], "counts": "garbage!"},
            "object 2 (dog): its mask is damaged: RLE counts hold byte 114",
        ),
        (
            {"size": [HEIGHT, WIDTH], "counts": "00"},
            "object 2 (dog): its mask is damaged: RLE counts sum to 0",
        ),
    ],
)
@pytest.mark.parametrize("path", ["export", "cutouts"])
def test_a_damaged_mask_names_its_object(page, picture, wrong, message, path):
    objects = [CAT, {"name": "dog", "rle": wrong}]
    body = {"objects": objects, **({"format": "coco"} if path == "export" else {})}
    error = error_of(page.post(f"/api/pictures/{picture}/{path}", json=body), 422)
    assert error["code"] == "wrong_request"
    assert error["message"].startswith(message)


def test_too_many_objects_are_refused(page, picture):
    body = {"format": "coco", "objects": [{"rle": CAT["rle"]}] * 5001}
    error = error_of(page.post(f"/api/pictures/{picture}/export", json=body), 422)
    assert error["message"].startswith("objects: ")
    assert "5000" in error["message"]


def test_an_unknown_form_is_refused(page, picture):
    body = {"format": "exe", "objects": []}
    error = error_of(page.post(f"/api/pictures/{picture}/export", json=body), 422)
    assert error["message"].startswith("format: ")

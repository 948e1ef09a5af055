"""Cut-outs over HTTP: one PNG, or a zip with a list."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from anymask.masks import rle
from tests.unit.serve.asking import error_of, picture_bytes, send
from tests.unit.serve.test_exporting import CAT, DISC, EVIL, HEIGHT, HIM, WIDTH, name_of


@pytest.fixture(scope="module")
def picture(page):
    return send(page, picture_bytes(HEIGHT, WIDTH, seed=2), "photo.png")["id"]


def test_one_piece_is_a_png_of_the_pictures_own_pixels(page, picture):
    pixels = page.app.state.serving.shelf.entry(picture).picture.pixels
    body = {"object": {**CAT, "rle": rle.encode(DISC)}, "options": {"edge": "hard"}}
    answer = page.post(f"/api/pictures/{picture}/cutout", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert name_of(answer) == "photo_cat.png"
    cut = np.array(Image.open(io.BytesIO(answer.content)))
    y0, x0 = np.argwhere(DISC).min(0)
    height, width = cut.shape[:2]
    inside = DISC[y0 : y0 + height, x0 : x0 + width]
    assert inside.sum() == DISC.sum()
    assert np.array_equal(cut[:, :, 3] == 255, inside)
    assert np.array_equal(cut[:, :, :3][inside], pixels[DISC])


def test_many_pieces_are_a_zip_with_a_list(page, picture):
    body = {"objects": [CAT, HIM], "options": {"margin": 2, "background": "blur"}}
    answer = page.post(f"/api/pictures/{picture}/cutouts", json=body)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert name_of(answer) == "photo.cutouts.zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        index = json.loads(archive.read("index.json"))
        sizes = [Image.open(io.BytesIO(archive.read(name))).size for name in names[:2]]
    assert names == [
        "photo_001_cat.png",
        "photo_002__img src=x onerror=alert(1)_.png",
        "index.json",
    ]
    assert index["picture"]["name"] == "photo.png"
    assert index["options"] == {"crop": True, "margin": 2, "background": "blur", "edge": "soft"}
    for told, name, size, one in zip(index["pieces"], names, sizes, [CAT, HIM], strict=False):
        x0, y0, x1, y1 = told["box"]
        assert (told["file"], told["name"], told["score"]) == (name, one["name"], one["score"])
        assert (told["width"], told["height"]) == size == (x1 - x0, y1 - y0)
        assert told["area"] == rle.area(one["rle"])
    assert index["pieces"][1]["name"] == EVIL


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        ("cutout", {"options": {"margin": -4}}, "margin is -4"),
        ("cutout", {"options": {"background": "url(http://x)"}}, "background is 'url(http://x)'"),
        ("cutouts", {"options": {"edge": "torn"}}, "options.edge"),
        ("cutouts", {"options": {"shadow": 1}}, "options.shadow"),
    ],
)
def test_options_that_cannot_be_used_are_refused(page, picture, path, fields, message):
    body = {**({"object": CAT} if path == "cutout" else {"objects": [CAT]}), **fields}
    error = error_of(page.post(f"/api/pictures/{picture}/{path}", json=body), 422)
    assert error["code"] == "wrong_request"
    assert error["message"].startswith(message)


def test_an_empty_object_is_named(page, picture):
    nothing = {"name": "ghost", "rle": rle.encode(np.zeros((HEIGHT, WIDTH), bool))}
    for path, body in (("cutout", {"object": nothing}), ("cutouts", {"objects": [CAT, nothing]})):
        error = error_of(page.post(f"/api/pictures/{picture}/{path}", json=body), 422)
        assert error["message"] == "ghost: the mask holds no pixel"


def test_pieces_that_fill_any_memory_are_refused(page, picture):
    body = {"objects": [CAT] * 60, "options": {"margin": 2000}}
    error = error_of(page.post(f"/api/pictures/{picture}/cutouts", json=body), 422)
    assert (
        error["message"]
        == "the cut-outs have 977 megapixels together, at most 600 fit into one file"
    )
    assert error["hint"] == "crop them tightly, lower the margin, or take fewer"

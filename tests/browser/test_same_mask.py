"""One click, four doors: the page, HTTP, the library and the command line give the same mask."""

import json
import os
import sys
import urllib.request

import numpy as np
import pytest
import torch
from PIL import Image

import anymask
from anymask.cli.main import main

ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def model():
    """The default model, on as many threads as the server's."""
    before = torch.get_num_threads()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    yield anymask.load()
    torch.set_num_threads(before)


@pytest.fixture
def photo(tmp_path, photos):
    """Write the coffee cup in another size, turned as phones do where that is asked for."""

    def write(width, height, *, turned):
        with Image.open(photos / "coffee.png") as opened:
            picture = opened.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
        exif = Image.Exif()
        if turned:
            picture = picture.transpose(Image.Transpose.ROTATE_90)
            exif[ORIENTATION] = 6
        path = tmp_path / "photo.jpg"
        picture.save(path, quality=95, exif=exif)
        return path

    return write


def from_page(visitor, path, x, y):
    visitor.open(None).upload(path)
    visitor.click(x, y)
    visitor.some_mask()
    visitor.press("Enter")
    visitor.expect_objects(1)
    coco = json.loads(visitor.export("coco").path().read_bytes())
    return coco["annotations"][0]["segmentation"]


def post(server, path, body, kind):
    asked = urllib.request.Request(f"{server.origin}{path}", body, {"Content-Type": kind})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.read()


def from_http(server, path, x, y):
    kind = "application/octet-stream"
    lines = post(server, "/api/pictures?name=photo.jpg", path.read_bytes(), kind).splitlines()
    picture = json.loads(lines[0])["picture"]["id"]
    question = json.dumps({"steps": [{"points": [[x, y]], "labels": [1]}]}).encode()
    answer = json.loads(
        post(server, f"/api/pictures/{picture}/masks", question, "application/json")
    )
    return answer["masks"][answer["best"]]["rle"]


def from_command(monkeypatch, path, x, y):
    out = path.with_name("masks.json")
    words = ["anymask", "segment", str(path), f"--point={x},{y}", "--format=coco", "-o", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    assert main() == 0
    return json.loads(out.read_text())["annotations"][0]["segmentation"]


@pytest.mark.parametrize(
    ("width", "height", "turned", "at"),
    [
        pytest.param(1, 1, False, (0, 0), id="1x1"),
        pytest.param(2000, 3, False, (900, 1), id="3x2000"),
        pytest.param(2130, 1960, False, (1065, 800), id="2130x1960"),
        pytest.param(377, 251, True, (188, 100), id="turned"),
    ],
)
def test_one_click_through_four_doors(
    visitor, server, model, photo, monkeypatch, capsys, width, height, turned, at
):
    path = photo(width, height, turned=turned)
    expected = model.predict(model.embed(path), points=[at]).best
    assert expected.array.shape == (height, width)
    assert np.count_nonzero(expected.array) == expected.area
    assert from_page(visitor, path, *at) == expected.rle
    assert from_http(server, path, *at) == expected.rle
    assert from_command(monkeypatch, path, *at) == expected.rle
    capsys.readouterr()

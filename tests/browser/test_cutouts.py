"""Cut-Outs and exports: files with the picture's own pixels."""

import io
import json
import re
import zipfile

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from anymask.image.photos import photo_path
from anymask.masks.rle import decode
from tests.browser.visitor import Visitor


def cut_the_cat(visitor: Visitor) -> dict:
    visitor.open("chelsea")
    visitor.click(220, 160)
    mask = visitor.some_mask()
    visitor.get("cutout").first.click()
    visitor.get("tool-cutouts").click()
    expect(visitor.get("piece-download").first).to_be_visible()
    return mask


def downloaded(visitor: Visitor, testid: str) -> bytes:
    with visitor.page.expect_download() as waiting:
        visitor.get(testid).first.click()
    return waiting.value.path().read_bytes()


def test_a_cut_out_has_the_pictures_own_pixels(visitor):
    mask = cut_the_cat(visitor)
    piece = Image.open(io.BytesIO(downloaded(visitor, "piece-download")))
    assert piece.mode == "RGBA"
    x0, y0, x1, y1 = map(int, mask["box"])
    assert abs(piece.width - (x1 - x0)) <= 2
    assert abs(piece.height - (y1 - y0)) <= 2
    with Image.open(photo_path("chelsea")) as photo:
        pixels = np.asarray(photo.convert("RGB"))
    cut = np.asarray(piece)
    solid = cut[..., 3] == 255
    assert solid.mean() > 0.2
    offsets = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    height, width = cut.shape[:2]
    assert any(
        np.array_equal(
            pixels[y0 + dy : y0 + dy + height, x0 + dx : x0 + dx + width][solid], cut[solid][:, :3]
        )
        for dx, dy in offsets
        if pixels[y0 + dy : y0 + dy + height, x0 + dx : x0 + dx + width].shape[:2] == cut.shape[:2]
    )
    # What was cut away is gone, not only unseen: colours beyond the rim are the object's own.
    clear = cut[..., 3] == 0
    behind = pixels[y0 : y0 + height, x0 : x0 + width]
    if behind.shape == cut[..., :3].shape:
        assert (cut[..., :3][clear] == behind[clear]).all(axis=-1).mean() < 0.05
    assert clear.any()


def test_several_come_as_a_zip_with_an_index(visitor):
    cut_the_cat(visitor)
    visitor.get("tool-hover").click()
    visitor.press("n")
    visitor.click(60, 250)
    visitor.wait(visitor.get("cutout").first.is_enabled, bool)
    visitor.get("cutout").first.click()
    visitor.get("tool-cutouts").click()
    with zipfile.ZipFile(io.BytesIO(downloaded(visitor, "zip"))) as archive:
        names = archive.namelist()
        assert "index.json" in names
        pictures = [name for name in names if name.endswith(".png")]
        assert len(pictures) == 2
        assert all(re.fullmatch(r"chelsea_\d{3}_.+\.png", name) for name in pictures), pictures
        json.loads(archive.read("index.json"))


def test_a_deleted_piece_comes_back_by_undo(visitor):
    cut_the_cat(visitor)
    visitor.expect_pieces(1)
    visitor.press("z")
    visitor.expect_pieces(0)
    visitor.press("Shift+Z")
    visitor.expect_pieces(1)


def export(visitor: Visitor, form: str) -> bytes:
    return visitor.export(form).path().read_bytes()


def test_coco_and_png_hold_the_mask_that_was_shown(visitor):
    visitor.open("chelsea")
    visitor.click(220, 160)
    mask = visitor.some_mask()
    visitor.get("keep").click()
    visitor.expect_objects(1)
    coco = json.loads(export(visitor, "coco"))
    (row,) = coco["annotations"]
    height, width = row["segmentation"]["size"]
    assert (width, height) == (451, 300)
    plane = decode(row["segmentation"])
    assert int(plane.sum()) == mask["area"]
    drawn = Image.open(io.BytesIO(export(visitor, "labelmap")))
    assert drawn.size == (451, 300)
    assert np.array_equal(np.asarray(drawn) > 0, plane)


def test_copied_python_gives_the_same_mask(open_page, server, tmp_path, monkeypatch):
    visitor = open_page(server, permissions=["clipboard-read", "clipboard-write"])
    visitor.open("chelsea")
    visitor.click(220, 160)
    mask = visitor.some_mask()
    visitor.get("export").click()
    visitor.get("copy-python").click()
    program = visitor.wait(
        lambda: visitor.page.evaluate("() => navigator.clipboard.readText()"), bool
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chelsea.png").write_bytes(photo_path("chelsea").read_bytes())
    names: dict = {}
    exec(compile(program, "copied.py", "exec"), names)
    areas = [int(value.area) for value in names.values() if type(value).__name__ == "Mask"] + [
        int(one.area)
        for value in names.values()
        if type(value).__name__ == "Masks"
        for one in value
    ]
    assert mask["area"] in areas

"""Masks in PNG files."""

import os

import numpy as np
import pytest
from PIL import Image

from anymask.errors import InputError, OutputError
from anymask.masks.png import load_mask, save_png

MASK = np.zeros((6, 9), dtype=bool)
MASK[1:4, 2:8] = True
GREY = MASK.astype(np.uint8) * 255


def test_a_saved_mask_is_0_and_255(tmp_path):
    save_png(MASK, tmp_path / "m.png")
    with Image.open(tmp_path / "m.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")
        np.testing.assert_array_equal(np.asarray(picture), GREY)
    np.testing.assert_array_equal(load_mask(tmp_path / "m.png"), MASK)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
@pytest.mark.parametrize("value", [False, True])
def test_smallest_masks_come_back(tmp_path, shape, value):
    save_png(np.full(shape, value), tmp_path / "m.png")
    np.testing.assert_array_equal(load_mask(tmp_path / "m.png"), np.full(shape, value))


@pytest.mark.parametrize("name", ["m.jpg", "m.JPEG", "m.jpe"])
def test_jpeg_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"{name}: JPEG changes mask values; use PNG") as caught:
        save_png(MASK, tmp_path / name)
    assert caught.value.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_other_formats_are_refused_with_a_name_that_works(tmp_path):
    with pytest.raises(InputError, match=r"written as PNG, not as \.webp; name it m\.png"):
        save_png(MASK, tmp_path / "m.webp")


def test_a_name_without_suffix_is_taken(tmp_path):
    save_png(MASK, tmp_path / "mask")
    np.testing.assert_array_equal(load_mask(tmp_path / "mask"), MASK)


def test_overwriting_can_be_forbidden(tmp_path):
    save_png(MASK, tmp_path / "m.png")
    with pytest.raises(OutputError, match="exists already"):
        save_png(~MASK, tmp_path / "m.png", overwrite=False)
    np.testing.assert_array_equal(load_mask(tmp_path / "m.png"), MASK)


def test_a_mask_without_pixels_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"shape \(0, 4\) has no pixels"):
        save_png(np.zeros((0, 4), dtype=bool), tmp_path / "m.png")


def palette_picture():
    # An encoder may well give the index 0 to white.
    picture = Image.fromarray(np.where(MASK, np.uint8(0), np.uint8(1))).convert("P")
    picture.putdata(np.where(MASK, 0, 1).ravel().tolist())
    picture.putpalette([255, 255, 255, 0, 0, 0])
    return picture


PICTURES = {
    "bits": Image.fromarray(GREY).convert("1"),
    "ones": Image.fromarray(MASK.astype(np.uint8)),
    "16 bits": Image.fromarray(MASK.astype(np.uint16) * 300),
    "palette": palette_picture(),
    "colour": Image.fromarray(MASK[:, :, None] * np.array([0, 0, 9], dtype=np.uint8)),
    "opaque": Image.fromarray(np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)])),
    "grey opaque": Image.fromarray(np.dstack([GREY, np.full_like(GREY, 255)])),
    "cut-out": Image.fromarray(np.dstack([np.full((6, 9, 3), 7, np.uint8), GREY])),
    "half": Image.fromarray(
        np.dstack([GREY * 0, GREY * 0, GREY * 0, np.where(MASK, np.uint8(128), np.uint8(127))])
    ),
    "grey cut-out": Image.fromarray(np.dstack([np.full_like(GREY, 200), GREY])),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_any_kind_of_png_is_read(tmp_path, kind):
    PICTURES[kind].save(tmp_path / "m.png")
    mask = load_mask(tmp_path / "m.png")
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, MASK)


def test_a_transparent_palette_colour_is_outside(tmp_path):
    picture = palette_picture()
    picture.putpalette([255, 255, 255, 255, 255, 255])
    picture.save(tmp_path / "m.png", transparency=1)
    np.testing.assert_array_equal(load_mask(tmp_path / "m.png"), MASK)


def write_cut(path):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "m.png: no such file"),
        (lambda path: path.mkdir(), "m.png: is a folder"),
        (lambda path: path.write_bytes(b""), r"m.png: is empty \(0 bytes\)"),
        (lambda path: path.write_bytes(b"<!DOCTYPE html>"), "m.png: is not a PNG picture; save"),
        (lambda path: Image.fromarray(GREY).save(path, "JPEG"), "m.png: is not a PNG picture"),
        (os.mkfifo, "m.png: is not a regular file"),
        (write_cut, "m.png: is cut short or damaged; check the file"),
    ],
    ids=["missing", "folder", "empty", "page", "jpeg", "pipe", "cut"],
)
def test_what_is_no_mask_file_is_named(tmp_path, make, sentence):
    make(tmp_path / "m.png")
    with pytest.raises(InputError, match=sentence):
        load_mask(tmp_path / "m.png")


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refuse(*_given, **_more):
        raise PermissionError(13, "Permission denied")

    save_png(MASK, tmp_path / "m.png")
    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(InputError, match=r"m\.png: permission denied; check the file"):
        load_mask(tmp_path / "m.png")


def test_a_bomb_is_refused_before_decoding(tmp_path, monkeypatch):
    save_png(MASK, tmp_path / "m.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(InputError, match=r"m\.png: has too many pixels for a mask"):
        load_mask(tmp_path / "m.png")

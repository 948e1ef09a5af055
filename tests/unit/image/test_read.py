"""The one way in: every kind of source, and what a picture carries."""

import hashlib
import io
import subprocess
import sys
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image, ImageOps

from anymask.errors import ImageError, InputError
from anymask.image import Picture, ReadOptions, photo_path, read_picture


@pytest.mark.parametrize(
    ("format_name", "settings"),
    [
        ("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WebP", {}), ("GIF", {}),
        ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}), ("TIFF", {"big_tiff": True}), ("PPM", {}),
    ],
)  # fmt: skip
def test_every_format_is_read_as_pillow_reads_it(photo, encode, format_name, settings):
    data = encode(photo, format_name, **settings)
    picture = read_picture(data)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))
    assert (picture.format, picture.name, picture.notes) == (format_name, "bytes", ())
    assert (picture.alpha, picture.orientation) == (None, 1)
    assert picture.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "YCbCr", "1"])
def test_every_mode_of_jpeg_and_tiff(photo, encode, mode):
    image = Image.fromarray(photo).convert(mode)
    data = encode(image, "TIFF")
    with Image.open(io.BytesIO(data)) as stored:
        expected = np.asarray(stored.convert("RGB"))
    np.testing.assert_array_equal(read_picture(data).pixels, expected)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright(photo, encode, format_name, orientation):
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif[0x0112] = orientation
    settings = {"lossless": True} if format_name == "WEBP" else {}
    data = encode(photo, format_name, exif=exif, **settings)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    picture = read_picture(data)
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.orientation == orientation
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(read_picture(image).pixels, expected)


def test_alpha_is_upright_too(photo, encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    alpha = photo[:, :, 0]
    picture = read_picture(encode(np.dstack([photo, alpha]), "PNG", exif=exif))
    np.testing.assert_array_equal(picture.alpha, np.rot90(alpha, -1))
    assert picture.size_hw == (90, 60)


@pytest.mark.parametrize("orientation", [0, 9, 700])
def test_nonsense_orientation_is_none(photo, encode, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(encode(photo, "PNG", exif=exif))
    np.testing.assert_array_equal(picture.pixels, photo)
    assert picture.orientation == 1


@pytest.mark.parametrize("size_wh", [(1, 1), (2, 3), (3, 2)])
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_tiny_pictures(encode, format_name, size_wh):
    image = Image.new("RGB", size_wh, (200, 100, 50))
    picture = read_picture(encode(image, format_name))
    assert picture.size_hw == size_wh[::-1]
    assert np.abs(picture.pixels.astype(int) - (200, 100, 50)).max() <= 4
    assert picture.notes == ()


@pytest.mark.parametrize("size_wh", [(1, 40000), (40000, 1)])
def test_long_and_thin_pictures_earn_a_note(encode, size_wh):
    picture = read_picture(encode(Image.new("L", size_wh, 7), "PNG"))
    assert picture.size_hw == size_wh[::-1]
    size = f"{size_wh[0]}x{size_wh[1]}"
    expected = f"{size} is so long and thin that details are lost; cut it into tiles"
    assert picture.notes == (expected,)
    assert np.all(picture.pixels == 7)


def test_a_picture_is_given_back():
    picture = read_picture(photo_path("coins"))
    assert read_picture(picture) is picture


def test_pictures_are_values():
    picture = read_picture(photo_path("coins"))
    assert picture == picture
    assert picture != read_picture(photo_path("coins"))
    with pytest.raises(AttributeError):
        setattr(picture, "name", "x")  # noqa: B010 (a type checker refuses the plain form)
    assert Picture(pixels=picture.pixels).size_hw == (303, 384)


@pytest.mark.parametrize("given", [None, 5, ["a.jpg"], {}])
def test_what_could_be_no_picture(given):
    expected = rf"a {type(given).__name__} is no picture; pass a path, bytes, an open file"
    with pytest.raises(InputError, match=expected):
        read_picture(given)


def test_channels_are_for_arrays():
    with pytest.raises(InputError, match="channels='bgr' is for arrays and tensors"):
        read_picture(photo_path("coins"), channels="bgr")
    with pytest.raises(InputError, match="channels is 'gbr'; pass 'rgb' or 'bgr'"):
        read_picture(photo_path("coins"), channels=cast("Any", "gbr"))


def test_bands_of_ordinary_pictures_can_be_chosen(photo, encode):
    for format_name in ("PNG", "PPM"):
        data = encode(photo, format_name)
        picture = read_picture(data, options=ReadOptions(bands=(3, 1, 1)))
        np.testing.assert_array_equal(picture.pixels, photo[:, :, [2, 0, 0]])
        with pytest.raises(InputError, match="bytes: band 4 does not exist, there are 3"):
            read_picture(data, options=ReadOptions(bands=(4, 3, 2)))


def test_page_of_a_picture_without_pages(photo, encode):
    for format_name in ("JPEG", "BMP", "PPM", "TIFF"):
        with pytest.raises(InputError, match="page 1 does not exist, there is only page 0"):
            read_picture(encode(photo, format_name), options=ReadOptions(page=1))


def test_good_input_works_after_bad(photo, encode):
    for bad in (b"", b"<html>", encode(photo, "JPEG")[:300], np.zeros((3, 480, 640), np.uint8)):
        with pytest.raises(ImageError):
            read_picture(bad)
        np.testing.assert_array_equal(read_picture(encode(photo, "PNG")).pixels, photo)


def test_torch_stays_outside():
    code = (
        "import sys, numpy, anymask.image as image;"
        "image.read_picture(image.photo_path('coins'));"
        "image.read_picture(numpy.zeros((2, 2), numpy.uint8));"
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

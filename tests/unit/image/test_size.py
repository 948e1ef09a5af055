"""Sizes from headers are those of the decoded, upright picture."""

import struct

import numpy as np
import pytest
from PIL import Image

from anymask.errors import ImageError
from anymask.image.read import read_picture
from anymask.image.size import picture_size


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_size_is_that_of_the_upright_picture(tmp_path, suffix, orientation):
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[274] = orientation
    noise = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, exif=exif)
    picture = read_picture(path)
    found = picture_size(path)
    assert (found.size_hw, found.orientation) == (picture.size_hw, picture.orientation)
    is_turned = suffix != "bmp" and orientation > 4
    assert found.size_hw == ((30, 20) if is_turned else (20, 30))
    assert picture_size(path.read_bytes()) == found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n", "cut short"),
        (b"\xff\xd8\xff\xe0", "cut short"),
        (b"<html>", "is a web page"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path, content, message):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message):
        picture_size(path)


def test_a_giant_is_refused_from_its_header(tmp_path):
    path = tmp_path / "a.png"
    header = struct.pack(">II4sIIBBBBB", 0, 13, b"IHDR", 20_000, 20_000, 8, 2, 0, 0, 0)[4:]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + b"\0\0\0\0")
    with pytest.raises(ImageError, match="400 megapixels"):
        picture_size(path)

"""JPEG headers as cameras and programs write them."""

import struct

import numpy as np
import pytest
from PIL import Image

from anymask.errors import ImageError
from anymask.image import read_picture
from anymask.image.jpeg import read_jpeg
from anymask.image.options import ReadOptions
from anymask.image.source import open_source


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


@pytest.fixture
def jpeg(photo, encode) -> bytes:
    return encode(photo, "JPEG")


def test_filling_and_unknown_segments_are_passed_over(photo, jpeg):
    odd = b"\xff\xff\xff" + segment(0xE5, b"anything")[1:] + segment(0xFE, b"a comment") + b"\0\0"
    np.testing.assert_array_equal(
        read_picture(jpeg[:2] + odd + jpeg[2:]).pixels, read_picture(jpeg).pixels
    )


def test_profile_in_many_segments_in_any_order(jpeg):
    parts = b"".join(
        segment(0xE2, b"ICC_PROFILE\0" + bytes([number, 3]) + bytes([64 + number]) * 5)
        for number in (3, 1, 2)
    )
    decoded = read_jpeg(open_source(jpeg[:2] + parts + jpeg[2:]), ReadOptions())
    assert decoded.icc == b"AAAAABBBBBCCCCC"


def test_first_of_two_exif_blocks_counts(jpeg):
    def exif(orientation):
        block = Image.Exif()
        block[274] = orientation
        return segment(0xE1, block.tobytes())

    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    assert read_picture(jpeg[:2] + xmp + exif(3) + exif(6) + jpeg[2:]).orientation == 3


def test_several_pictures_in_one_file_are_no_film(photo, encode, jpeg):
    more = encode(photo, "MPO", save_all=True, append_images=[Image.fromarray(photo[::-1])])
    picture = read_picture(more)
    np.testing.assert_array_equal(picture.pixels, read_picture(jpeg).pixels)
    assert picture.notes == ()


def test_grey(photo, encode):
    picture = read_picture(encode(photo[:, :, 0].copy(), "JPEG", quality=95))
    assert np.ptp(picture.pixels, axis=2).max() == 0
    assert np.abs(picture.pixels[:, :, 0].astype(int) - photo[:, :, 0]).mean() < 3


def test_more_than_8_bits_is_refused_with_the_reason(jpeg):
    at = jpeg.index(b"\xff\xc0")
    deep = jpeg[: at + 4] + b"\x0c" + jpeg[at + 5 :]
    with pytest.raises(ImageError, match=r"no row decodes \(cannot handle 12-bit layers\)"):
        read_picture(deep)


def test_missing_end_mark_is_a_cut(jpeg):
    with pytest.raises(ImageError, match="cut short, 46 of 60 rows decode"):
        read_picture(jpeg[:-2])


@pytest.mark.parametrize("tail", [b"\xff", b"\xff\xe1", b"\xff\xe1\0\x20abc", b"\xff\xd0", b""])
def test_header_cut_anywhere(tail):
    with pytest.raises(ImageError, match="cut short inside its header, no row decodes"):
        read_picture(b"\xff\xd8\xff\xe0\0\4ab" + tail)

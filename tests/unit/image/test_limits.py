"""Bombs are refused from the header, in our words, at our limit; metadata is bounded."""

import struct
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from anymask.errors import ImageError
from anymask.image import ReadOptions, read_picture
from anymask.image.limits import check_num_bytes

EIGHT_ROWS = (b"\0" + bytes(3 * 8)) * 8
BOMB = zlib.compress(bytes(20_000_000), 9)


@pytest.fixture
def nothing_is_decoded(monkeypatch):
    def fail(*_):
        pytest.fail("a decoder was started")

    monkeypatch.setattr(ImageFile.ImageFile, "__init__", fail)


def _jpeg(width, height):
    frame = struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8\xff\xc0" + frame + b"\xff\xda" + bytes(50)


def _webp(width, height):
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + sides
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _tiff(width, height):
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 1), (273, 4, 1, 8)]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4)


@pytest.mark.usefixtures("nothing_is_decoded")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WebP", "TIFF", "PPM", "PFM"])
def test_900_megapixels_are_refused_before_decoding(png, kind):
    side = 30_000
    data = {
        "PNG": png(side, side, 1, 0),
        "JPEG": _jpeg(side, side),
        "GIF": b"GIF89a" + struct.pack("<HH", side, side) + bytes(20),
        "BMP": b"BM" + bytes(12) + struct.pack("<IiiHH", 40, side, -side, 1, 1) + bytes(24),
        "WebP": _webp(side, side),
        "TIFF": _tiff(side, side),
        "PPM": b"P6 30000 30000 255\n",
        "PFM": b"Pf\n30000 30000\n-1.0\n",
    }[kind]
    with pytest.raises(ImageError) as caught:
        read_picture(data)
    sizes = "900 megapixels, limit 178"
    assert str(caught.value) == f"bytes: {sizes}; raise --max-pixels or cut it into tiles."


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_limit_is_ours_and_exact(photo, encode, format_name):
    data = encode(photo, format_name)
    assert read_picture(data, options=ReadOptions(max_pixels=5400)).size_hw == (60, 90)
    with pytest.raises(ImageError, match=r"0\.01 megapixels, limit 0\.01; raise --max-pixels"):
        read_picture(data, options=ReadOptions(max_pixels=5399))


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "BMP"])
def test_pillows_limit_neither_warns_nor_refuses(photo, encode, monkeypatch, format_name):
    data = encode(photo, format_name)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read_picture(data).pixels, photo)


def test_frame_that_reaches_beyond_its_canvas_is_measured_too():
    header = b"GIF89a" + struct.pack("<HHBBB", 2, 2, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 9000, 9000, 0) + b"\2\2\x4c\1\0;"
    with pytest.raises(ImageError, match="81 megapixels, limit 50"):
        read_picture(header + frame, options=ReadOptions(max_pixels=50_000_000))


def test_more_bytes_than_any_picture_needs(photo, encode):
    data = encode(photo, "BMP") + bytes(70_000_000)
    with pytest.raises(ImageError, match="holds 70 megabytes, limit 67"):
        read_picture(data, options=ReadOptions(max_pixels=6000))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"iCCP", b"x\0\0" + BOMB),
        (b"zTXt", b"x\0\0" + BOMB),
        (b"iTXt", b"x\0\1\0en\0key\0" + BOMB),
        (b"tEXt", b"x\0" + b"a" * 9_000_000),
        (b"eXIf", b"II*\0" + bytes(9_000_000)),
    ],
)
def test_bombs_in_png_metadata_are_skipped(png, chunk, kind, body):
    picture = read_picture(png(8, 8, 8, 2, chunk(kind, body), data=EIGHT_ROWS))
    assert picture.notes == (f"metadata over 8 MB skipped ({kind.decode()})",)
    assert picture.pixels.tobytes() == bytes(192)


def test_bombs_are_not_unpacked_to_learn_their_size(png, chunk):
    bomb = zlib.compress(bytes(60_000_000), 1)
    data = png(8, 8, 8, 2, chunk(b"zTXt", b"x\0\0" + bomb), data=EIGHT_ROWS)
    tracemalloc.start()
    picture = read_picture(data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert picture.notes == ("metadata over 8 MB skipped (zTXt)",)
    assert peak_bytes < 30_000_000


def test_many_small_texts_share_the_limit(png, chunk):
    texts = [chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(3_000_000)))] * 3
    picture = read_picture(png(8, 8, 8, 2, *texts, data=EIGHT_ROWS))
    assert picture.notes == ("metadata over 8 MB skipped (zTXt)",)


def test_jpeg_metadata_is_bounded(photo, encode):
    data = encode(photo, "JPEG")
    segment = b"\xff\xe2\xff\xff" + bytes(65_533)
    picture = read_picture(data[:2] + segment * 130 + data[2:])
    assert picture.notes == ("metadata over 8 MB skipped (APP2)",)
    np.testing.assert_array_equal(picture.pixels, read_picture(data).pixels)


def test_jpeg_header_without_end():
    with pytest.raises(ImageError, match="its JPEG header never ends"):
        read_picture(b"\xff\xd8" + b"\xff\xfe\0\2" * 30_000)


def test_tiff_profile_is_bounded(photo, encode):
    data = encode(photo, "TIFF", icc_profile=bytes(9_000_000))
    assert read_picture(data).notes == ("metadata over 8 MB skipped (ICC profile)",)


def test_webp_metadata_is_bounded(photo, encode):
    data = encode(photo, "WEBP", exif=b"II*\0" + bytes(9_000_000))
    assert read_picture(data).notes == ("metadata over 8 MB skipped (EXIF)",)


def test_picture_without_pixels_is_refused(png):
    with pytest.raises(ImageError, match=r"has no pixels \(0x5\)"):
        read_picture(png(0, 5, 8, 2))


def test_sixteen_bytes_a_pixel_are_enough():
    most = 16 * 1000 + 8 * 8 * 2**20
    check_num_bytes("x", most, 1000)
    with pytest.raises(ImageError, match="x: holds 67 megabytes, limit 67; raise --max-pixels"):
        check_num_bytes("x", most + 1, 1000)

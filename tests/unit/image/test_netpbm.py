"""The Netpbm family, with Pillow and OpenCV as judges."""

import cv2
import numpy as np
import pytest
from PIL import Image

from anymask.errors import ImageError
from anymask.image import ReadOptions, read_picture


@pytest.mark.parametrize("suffix", [".pgm", ".ppm"])
@pytest.mark.parametrize("is_binary", [0, 1])
def test_raw_and_plain_by_opencv(photo, suffix, is_binary):
    array = photo[:, :, 0] if suffix == ".pgm" else photo
    image = array if array.ndim == 2 else np.ascontiguousarray(array[:, :, ::-1])
    _, data = cv2.imencode(suffix, image, [cv2.IMWRITE_PXM_BINARY, is_binary])
    assert data.tobytes()[:2] == {".pgm": b"P2P5", ".ppm": b"P3P6"}[suffix][2 * is_binary :][:2]
    expected = photo if array.ndim == 3 else np.stack([array] * 3, axis=2)
    np.testing.assert_array_equal(read_picture(data.tobytes()).pixels, expected)


@pytest.mark.parametrize("bands", [1, 3])
def test_16_bits(photo, encode_deep, bands):
    deep = (photo if bands == 3 else photo[:, :, 0]).astype(np.uint16) * 257
    picture = read_picture(encode_deep(deep, ".ppm" if bands == 3 else ".pgm"))
    expected = photo if bands == 3 else np.stack([photo[:, :, 0]] * 3, axis=2)
    np.testing.assert_array_equal(picture.pixels, expected)


@pytest.mark.parametrize("largest", [1, 7, 100, 255, 1000, 65535])
@pytest.mark.parametrize("is_plain", [False, True])
def test_any_maximum(largest, is_plain):
    values = np.linspace(0, largest, 12).astype(int)
    if is_plain:
        body = " ".join(map(str, values)).encode()
    else:
        body = values.astype(np.uint8 if largest < 256 else ">u2").tobytes()
    data = b"P%d\n# by hand\n4 3\n%d\n" % (2 if is_plain else 5, largest) + body
    expected = np.rint(values * 255 / largest).reshape(3, 4)
    np.testing.assert_array_equal(read_picture(data).pixels[:, :, 0], expected)


def test_bitmaps(photo, encode):
    image = Image.fromarray(photo).convert("1").crop((0, 0, 13, 9))
    expected = np.asarray(image).astype(int) * 255
    np.testing.assert_array_equal(read_picture(encode(image, "PPM")).pixels[:, :, 0], expected)
    picture = read_picture(b"P1 3 2 # no blanks needed\n101\n0 1 # one\n0")
    assert picture.pixels[:, :, 0].tolist() == [[0, 255, 0], [255, 0, 255]]


@pytest.mark.parametrize("order", ["<", ">"])
def test_floats_are_stored_from_the_bottom_up(photo, order):
    floats = (photo / 255).astype(order + "f4")
    scale = "-1.0" if order == "<" else "1.0"
    data = f"PF\n90 60\n{scale}\n".encode() + floats[::-1].tobytes()
    np.testing.assert_array_equal(read_picture(data).pixels, photo)


def test_float_grey_by_pillow(photo, encode):
    image = Image.fromarray((photo[:, :, 0] / 255).astype(np.float32))
    np.testing.assert_array_equal(
        read_picture(encode(image, "PPM")).pixels[:, :, 1], photo[:, :, 0]
    )


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"P6 x 2 255\n", "is damaged in its PPM header"),
        (b"P6 2", "is damaged in its PPM header"),
        (b"P6 2 2 0\n" + bytes(12), "is damaged in its PPM header"),
        (b"P6 2 2 70000\n" + bytes(12), "is damaged in its PPM header"),
        (b"P6 -2 2 255\n", r"has no pixels \(-2x2\)"),
        (b"P2 2 2 255\n1 2 x 4", "is damaged, it holds more than numbers"),
        (b"P1 2 2\n0 1 7 0", "is damaged in its PPM header"),
        (b"P2 2 2 9\n1 2 3 10", "holds 10, above the 9 its header allows"),
        (b"P2 2 2 9\n1 2 3 99999999999999999999", "above the 9 its header allows"),
        (b"P5 2 1 9\n\x01\x0a", "holds 10, above the 9 its header allows"),
        (b"P6 2 2 255\n" + bytes(5), "cut short, 0 of 2 rows decode"),
    ],
)
def test_damage_is_named(data, sentence):
    with pytest.raises(ImageError, match=sentence):
        read_picture(data)


@pytest.mark.parametrize("data", [b"P2 2 3 9\n1 2 3 4 5", b"P5 2 3 9\n\1\2\3\4\5"])
def test_whole_rows_of_a_cut_file(data):
    with pytest.raises(ImageError, match="cut short, 2 of 3 rows decode"):
        read_picture(data)
    picture = read_picture(data, options=ReadOptions(allow_truncated=True))
    np.testing.assert_array_equal(picture.pixels[:, :, 0], np.rint([[28.33, 56.67], [85, 113.33]]))


def test_what_follows_the_picture_is_left_alone(photo, encode):
    data = encode(photo, "PPM")
    np.testing.assert_array_equal(read_picture(data + data).pixels, photo)

"""More than 8 bits: scaled by the bit depth, flat pictures stretched, ranges asked for."""

import numpy as np
import pytest
import tifffile

from anymask.errors import ImageError
from anymask.image import ReadOptions, read_picture
from anymask.image.depth import to_8bit


@pytest.fixture
def write_tiff(tmp_path):
    def write(array, **settings):
        tifffile.imwrite(tmp_path / "deep.tif", array, **settings)
        return tmp_path / "deep.tif"

    return write


def scaled(samples, full_scale, value_range=None):
    levels, no_data, notes = to_8bit(
        samples[:, :, None], mode="L", full_scale=full_scale, value_range=value_range, name="x"
    )
    assert no_data is None
    return levels[:, :, 0], notes


@pytest.mark.parametrize("full_scale", [1, 15, 1023, 4095, 65535, 2**32 - 1])
def test_every_depth_is_scaled_exactly(full_scale):
    dtype = np.uint32 if full_scale > 65535 else np.uint16
    values = np.linspace(0, full_scale, 64).astype(dtype).reshape(8, 8)
    levels, notes = scaled(values, full_scale)
    np.testing.assert_array_equal(levels, np.rint(values.astype(float) * 255 / full_scale))
    assert notes == ()


def test_eight_bits_stay_as_they_are():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    levels, notes = scaled(values // 100, 255)
    np.testing.assert_array_equal(levels, values // 100)
    assert notes == ()


def test_flat_pictures_are_stretched_with_a_note():
    levels, notes = scaled(np.array([[0, 1000, 2000]], np.uint16), 65535)
    assert levels.tolist() == [[0, 128, 255]]
    assert notes == ("uses only 3.1 % of its 16-bit range; stretched to all of it",)
    assert scaled(np.array([[0, 3276]], np.uint16), 65535)[0].tolist() == [[0, 255]]
    levels, notes = scaled(np.array([[0, 3277]], np.uint16), 65535)  # just over 5 %
    assert levels.tolist() == [[0, 13]]
    assert notes == ()
    assert scaled(np.zeros((1, 2), np.uint16), 65535)[0].tolist() == [[0, 0]]


def test_a_range_is_used_instead_of_the_bit_depth():
    levels, notes = scaled(np.array([[50, 100, 150, 300]], np.uint16), 65535, (100.0, 200.0))
    assert levels.tolist() == [[0, 0, 128, 255]]
    assert notes == ()


def test_alpha_is_not_stretched():
    samples = np.array([[[1000, 65535], [2000, 32768]]], np.uint16)
    levels, _, _ = to_8bit(samples, mode="LA", full_scale=65535, value_range=None, name="x")
    assert levels.tolist() == [[[128, 255], [255, 128]]]


def test_16_bit_png(photo, encode_deep):
    deep = photo.astype(np.uint16) * 257
    for array, expected in (
        (deep, photo),
        (deep[:, :, 0].copy(), np.stack([photo[:, :, 0]] * 3, axis=2)),
    ):
        picture = read_picture(encode_deep(array, ".png"))
        np.testing.assert_array_equal(picture.pixels, expected)
        assert picture.notes == ()


def test_16_bit_png_rounds_to_the_nearest_level(encode_deep):
    rgb = np.array([[[128, 129, 65535], [33000, 255, 385]]], np.uint16)
    levels = read_picture(encode_deep(rgb, ".png")).pixels
    np.testing.assert_array_equal(levels, np.rint(rgb / 257.0))


def test_16_bit_png_with_alpha(photo, encode_deep):
    alpha = np.full((60, 90), 65535, np.uint16)
    alpha[:20] = 0
    rgba = np.dstack([photo.astype(np.uint16) * 257, alpha])
    picture = read_picture(encode_deep(rgba, ".png"))
    assert np.all(picture.pixels[:20] == 255)
    np.testing.assert_array_equal(picture.pixels[20:], photo[20:])
    np.testing.assert_array_equal(picture.alpha, (alpha / 257).astype(np.uint8))


def test_flat_16_bit_rgb_png_keeps_what_8_bits_would_lose(photo, encode_deep):
    picture = read_picture(encode_deep(photo.astype(np.uint16), ".png"))
    assert "stretched to all of it" in picture.notes[0]
    brightest = photo.max()
    assert np.abs(picture.pixels - photo * (255 / brightest)).max() <= 0.5


def test_float_tiff(photo, write_tiff):
    grey = (photo[:, :, 0] / 255).astype(np.float32)
    picture = read_picture(write_tiff(grey))
    np.testing.assert_array_equal(picture.pixels[:, :, 1], photo[:, :, 0])
    grey[:2, :3] = np.nan
    picture = read_picture(write_tiff(grey))
    assert picture.notes == ("6 pixels hold no data (NaN)",)
    assert picture.alpha is not None
    assert np.all(picture.alpha[:2, :3] == 0)
    assert np.count_nonzero(picture.alpha == 0) == 6
    assert np.all(picture.pixels[:2, :3] == 255)


def test_float_tiff_outside_0_to_1_shows_its_range(write_tiff):
    values = np.array([[-3.25, 812.5, np.nan], [np.inf, 0, -np.inf]], np.float32)
    file = write_tiff(values)
    with pytest.raises(ImageError) as caught:
        read_picture(file)
    asks = "say what becomes black and white with --range lo,hi (value_range=)."
    found = "values from -3.25 to 812.5 (1 NaN, 2 infinite), expected 0 to 1"
    assert str(caught.value) == f"{file}: {found}; {asks}"
    picture = read_picture(file, options=ReadOptions(value_range=(0.0, 1000.0)))
    assert picture.pixels[:, :, 0].tolist() == [[0, 207, 255], [255, 0, 0]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 255, 0], [255, 255, 255]]


def test_signed_integers_need_a_range_too(write_tiff):
    heights = np.array([[-100, 900]], np.int16)
    with pytest.raises(ImageError, match="values from -100 to 900, expected 0 to 1; say what"):
        read_picture(write_tiff(heights))
    picture = read_picture(write_tiff(heights), options=ReadOptions(value_range=(-100, 900)))
    assert picture.pixels[0, :, 0].tolist() == [0, 255]


def test_nothing_but_nan(write_tiff):
    with pytest.raises(ImageError, match="has no visible pixel"):
        read_picture(write_tiff(np.full((4, 4), np.nan, np.float32)))

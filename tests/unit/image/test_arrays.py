"""Arrays, tensors and Pillow images: taken as they are meant, or refused in a sentence."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from anymask.errors import ImageError, InputError
from anymask.image import ReadOptions, read_picture


def refusal(given, **settings) -> str:
    with pytest.raises((ImageError, InputError)) as caught:
        read_picture(given, **settings)
    return str(caught.value)


@pytest.mark.parametrize(
    "convert",
    [
        lambda a: a,
        lambda a: a.astype(np.uint16) * 257,
        lambda a: a.astype(">u2") * 257,
        lambda a: a / 255,
        lambda a: (a / 255).astype(np.float32),
        lambda a: (a / 255).astype(np.float16),
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    ],
)
def test_every_type_of_rgb(photo, convert):
    picture = read_picture(convert(photo))
    np.testing.assert_array_equal(picture.pixels, photo)
    assert (picture.format, picture.name, picture.alpha) == ("array", "array", None)


def test_grey_and_bool(photo):
    grey = photo[:, :, 0]
    expected = np.stack([grey] * 3, axis=2)
    np.testing.assert_array_equal(read_picture(grey).pixels, expected)
    np.testing.assert_array_equal(read_picture(grey[:, :, None]).pixels, expected)
    np.testing.assert_array_equal(read_picture(grey > 90).pixels, (expected > 90) * 255)


def test_four_channels(photo):
    opaque = np.dstack([photo, np.full((60, 90), 255, np.uint8)])
    np.testing.assert_array_equal(read_picture(opaque).pixels, photo)
    opaque[:30, :, 3] = 0
    for array in (opaque, opaque / 255, opaque.astype(np.uint16) * 257):
        picture = read_picture(array)
        np.testing.assert_array_equal(picture.alpha, opaque[:, :, 3])
        np.testing.assert_array_equal(picture.pixels[30:], photo[30:])
        assert np.all(picture.pixels[:30] == 255)


def test_bgr_is_explicit(photo):
    bgr = photo[:, :, ::-1]
    np.testing.assert_array_equal(read_picture(bgr, channels="bgr").pixels, photo)
    bgra = np.dstack([bgr, photo[:, :, 0]])
    np.testing.assert_array_equal(read_picture(bgra, channels="bgr").alpha, photo[:, :, 0])
    grey = read_picture(photo[:, :, 0], channels="bgr")
    np.testing.assert_array_equal(grey.pixels[:, :, 2], photo[:, :, 0])


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_callers_array_is_neither_changed_nor_shared(photo, bands):
    array = np.dstack([photo, photo])[:, :, :bands].copy()
    before = array.copy()
    array.flags.writeable = False
    picture = read_picture(array)
    picture.pixels[:] = 0
    np.testing.assert_array_equal(array, before)
    assert not np.shares_memory(picture.pixels, array)


CONVERT = "convert it to uint8, uint16, or floats of 0 to 1"
SAY = "expected 0 to 1; say what becomes black and white with --range lo,hi (value_range=)"


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((3, 480, 640), "u1"), "shape (3, 480, 640) looks like CHW; pass (480, 640, 3)"),
        (np.zeros((1, 48, 64)), "shape (1, 48, 64) looks like CHW; pass (48, 64, 1)"),
        (np.zeros((0, 5, 3)), "is empty (shape (0, 5, 3)); pass at least one pixel"),
        (np.zeros(9), "shape (9,) is no picture; pass (H, W), (H, W, 3) or (H, W, 4)"),
        (np.zeros((1, 9, 9, 3)), "shape (1, 9, 9, 3) is a batch; pass one picture, array[0]"),
        (np.zeros((9, 9, 2)), "shape (9, 9, 2) has 2 channels; pass 1, 3 or 4 channels"),
        (np.zeros((9, 9, 12)), "12 bands; choose three with --bands 4,3,2 (bands=(4, 3, 2))"),
        (np.zeros((9, 9), int), f"dtype int64 is not taken; {CONVERT}"),
        (np.zeros((9, 9), complex), f"dtype complex128 is not taken; {CONVERT}"),
        (np.array([[None]]), f"dtype object is not taken; {CONVERT}"),
        (
            np.array([[0.0, 254.5]]),
            "float values from 0 to 254.5, expected 0 to 1; divide by 255, or convert to uint8",
        ),
        (np.array([[-3.0, 1.0]]), f"values from -3 to 1, {SAY}"),
        (np.array([[0.0, np.inf]]), f"values from 0 to 0 (1 infinite), {SAY}"),
        (
            np.full((3, 3), np.nan),
            "has no visible pixel; give a picture that is not all transparent",
        ),
    ],
)
def test_refused(array, expected):
    assert refusal(array) == f"array: {expected}."


def test_bands_and_range(photo):
    many = np.dstack([photo] * 4)
    picture = read_picture(many, options=ReadOptions(bands=(5, 3, 1)))
    np.testing.assert_array_equal(picture.pixels, many[:, :, [4, 2, 0]])
    assert refusal(many, options=ReadOptions(bands=(5, 3, 13))).startswith("array: band 13 does")
    picture = read_picture(photo - 100.0, options=ReadOptions(value_range=(-100, 155)))
    np.testing.assert_array_equal(picture.pixels, photo)


def test_overshoot_of_resampling_is_clipped():
    picture = read_picture(np.array([[-0.0005, 1.0005]]))
    assert picture.pixels[0, :, 0].tolist() == [0, 255]


def test_hash_tells_pictures_apart(photo):
    grey = np.zeros((4, 6), np.uint8)
    hashes = {read_picture(a).sha256 for a in (photo, photo / 255, grey, grey.reshape(6, 4))}
    assert len(hashes) == 3
    assert read_picture(photo).sha256 == read_picture(Image.fromarray(photo)).sha256


@pytest.mark.parametrize(
    "convert",
    [
        lambda t: t,
        lambda t: t.permute(1, 2, 0),
        lambda t: t.float() / 255,
        lambda t: t.double() / 255,
        lambda t: torch.nn.Parameter(t.float() / 255),
    ],
)
def test_tensors_with_channels_first_or_last(photo, convert):
    tensor = convert(torch.from_numpy(photo.transpose(2, 0, 1).copy()))
    picture = read_picture(tensor)
    np.testing.assert_array_equal(picture.pixels, photo)
    assert picture.format == "tensor"
    tensor.data.zero_()
    np.testing.assert_array_equal(picture.pixels, photo)


def test_other_tensors(photo):
    tensor = torch.from_numpy(photo.transpose(2, 0, 1).copy())
    half = read_picture((tensor.float() / 255).bfloat16())
    assert np.abs(half.pixels.astype(int) - photo).max() <= 1
    np.testing.assert_array_equal(read_picture(tensor[0]).pixels[:, :, 1], photo[:, :, 0])
    np.testing.assert_array_equal(read_picture(tensor.flip(0), channels="bgr").pixels, photo)
    assert refusal(tensor.float()).startswith("tensor: float values from ")
    assert refusal(tensor[None]).startswith("tensor: shape (1, 3, 60, 90) is a batch;")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_pillow_images_of_every_mode(photo, mode):
    image = Image.fromarray(photo).convert(mode)
    picture = read_picture(image)
    np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))
    assert (picture.format, picture.name) == ("Pillow image", "image")


@pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBA", "RGBa"])
def test_pillow_images_with_alpha(photo, mode):
    alpha = np.tile(np.arange(90, dtype=np.uint8) * 2, (60, 1))
    image = Image.fromarray(np.dstack([photo, alpha]))
    if mode == "PA":
        image = Image.fromarray(photo).convert("P")
        image.putalpha(Image.fromarray(alpha))
        assert image.mode == "PA"
    else:
        image = image.convert("LA").convert(mode) if mode == "La" else image.convert(mode)
    np.testing.assert_array_equal(read_picture(image).alpha, alpha)


def test_deep_pillow_images(photo):
    grey = photo[:, :, 0]
    deep = grey.astype(np.uint16) * 257
    np.testing.assert_array_equal(read_picture(Image.fromarray(deep)).pixels[:, :, 0], grey)
    wide = Image.fromarray(deep.astype(np.int32))
    np.testing.assert_array_equal(read_picture(wide).pixels[:, :, 0], grey)
    floats = Image.fromarray((grey / 255).astype(np.float32))
    np.testing.assert_array_equal(read_picture(floats).pixels[:, :, 0], grey)
    too_wide = Image.fromarray(deep.astype(np.int32) * 3 - 9)
    assert "expected 0 to 1; say what becomes black and white" in refusal(too_wide)


def test_pillow_image_is_turned_upright_and_says_so(photo):
    image = Image.fromarray(photo)
    image.getexif()[274] = 8
    picture = read_picture(image)
    np.testing.assert_array_equal(picture.pixels, np.rot90(photo))
    assert picture.notes == ("turned upright by its EXIF orientation 8",)


def test_pillow_image_that_does_not_decode(photo, encode):
    data = encode(photo, "JPEG")
    with Image.open(io.BytesIO(data[:900])) as image:
        assert refusal(image).startswith("image: does not decode (image file is truncated")

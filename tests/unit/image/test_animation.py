"""Animations: the first frame with a note, or the frame that was asked for."""

import io

import numpy as np
import pytest
from PIL import Image

from anymask.errors import ImageError, InputError
from anymask.image import ReadOptions, read_picture


@pytest.fixture(params=["GIF", "WEBP", "PNG"])
def animation(request, photo, encode):
    """24 frames, each the photo moved on by three pixels; and how close frames come to it."""
    frames = [Image.fromarray(np.roll(photo, 3 * index, axis=1)) for index in range(24)]
    settings = {"lossless": True} if request.param == "WEBP" else {}
    data = encode(frames[0], request.param, save_all=True, append_images=frames[1:], **settings)
    return data, {"GIF": 4, "WEBP": 0, "PNG": 0}[request.param]


def test_first_frame_and_a_note(photo, animation):
    data, tolerance = animation
    picture = read_picture(data)
    assert np.abs(picture.pixels.astype(int) - photo).mean() <= tolerance
    assert picture.notes == ("has 24 frames; use the video command for all of them",)


@pytest.mark.parametrize("frame", [1, 7, 23])
def test_any_frame(photo, animation, frame):
    data, tolerance = animation
    picture = read_picture(data, options=ReadOptions(page=frame))
    moved = np.roll(photo, 3 * frame, axis=1).astype(int)
    assert np.abs(picture.pixels - moved).mean() <= tolerance
    assert picture.notes == ()


def test_frame_that_is_not_there(animation):
    with pytest.raises(InputError) as caught:
        read_picture(animation[0], options=ReadOptions(page=24))
    expected = "bytes: frame 24 does not exist, there are 24; choose --page from 0 to 23."
    assert str(caught.value) == expected


def test_picture_without_frames(photo, encode):
    for format_name in ("GIF", "WEBP", "PNG"):
        data = encode(photo, format_name)
        assert read_picture(data).notes == ()
        with pytest.raises(InputError, match="frame 1 does not exist, there is only frame 0"):
            read_picture(data, options=ReadOptions(page=1))


def test_damaged_later_frame(photo, encode):
    frames = [Image.fromarray(np.roll(photo, 3 * index, axis=1)) for index in range(3)]
    data = bytearray(encode(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    at = data.rindex(b"fdAT") + 30
    data[at : at + 50] = bytes(50)
    with pytest.raises(ImageError, match="frame 2 does not decode; choose an earlier frame"):
        read_picture(bytes(data), options=ReadOptions(page=2))
    assert read_picture(bytes(data)).size_hw == (60, 90)


def test_transparent_gif(photo, encode):
    image = Image.fromarray(photo).quantize(40)
    data = encode(image, "GIF", transparency=image.getpixel((0, 0)))
    with Image.open(io.BytesIO(data)) as decoded:
        expected = np.asarray(decoded.convert("RGBA"))
    picture = read_picture(data)
    np.testing.assert_array_equal(picture.alpha, expected[:, :, 3])
    is_opaque = expected[:, :, 3] == 255
    np.testing.assert_array_equal(picture.pixels[is_opaque], expected[is_opaque][:, :3])
    assert np.all(picture.pixels[~is_opaque] == 255)


def test_damaged_webp(photo, encode):
    data = bytearray(encode(photo, "WEBP"))
    data[40:] = b"\xff" * (len(data) - 40)
    with pytest.raises(ImageError, match="is damaged, no row decodes"):
        read_picture(bytes(data))


@pytest.mark.parametrize("settings", [{"lossless": True}, {"quality": 90}, {"exif": b"II*\0"}])
@pytest.mark.parametrize("size_wh", [(90, 60), (1, 7), (16, 5)])
def test_every_kind_of_webp_header_tells_the_size(photo, encode, settings, size_wh):
    image = Image.fromarray(photo).resize(size_wh)
    num_pixels = size_wh[0] * size_wh[1]
    data = encode(image, "WEBP", **settings)
    assert read_picture(data, options=ReadOptions(max_pixels=num_pixels)).size_hw == size_wh[::-1]
    if num_pixels > 1:
        with pytest.raises(ImageError, match="megapixels, limit"):
            read_picture(data, options=ReadOptions(max_pixels=num_pixels - 1))

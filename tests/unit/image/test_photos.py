"""The bundled photos are there and credited."""

import io

import pytest
from PIL import Image, ImageCms

from anymask.errors import InputError
from anymask.image import PHOTOS, photo_path, read_picture


@pytest.mark.parametrize("name", PHOTOS)
def test_each_photo_is_read_as_pillow_reads_it(name):
    picture = read_picture(photo_path(name))
    with Image.open(photo_path(name)) as image:
        expected = image.convert("RGB")
        if name == "rocket.jpg":  # the one whose colours are Adobe RGB
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            srgb = ImageCms.createProfile("sRGB")
            expected = ImageCms.profileToProfile(image, profile, srgb) or image
    assert picture.pixels.tobytes() == expected.tobytes()
    assert picture.notes == ()


def test_suffix_may_be_left_out():
    assert photo_path("chelsea") == photo_path("chelsea.png")


def test_every_photo_is_credited():
    credits_text = photo_path("chelsea").with_name("CREDITS.md").read_text()
    assert [name for name in PHOTOS if name not in credits_text] == []


def test_unknown_photo_names_those_there_are():
    with pytest.raises(InputError, match=r"no bundled photo is called 'dog'; choose astronaut"):
        photo_path("dog")

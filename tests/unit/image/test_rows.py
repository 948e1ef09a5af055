"""Files that are cut short: the rows that decode are counted, and used if that is allowed."""

import re

import numpy as np
import pytest
from PIL import Image, ImageFile

from anymask.errors import ImageError
from anymask.image import ReadOptions, read_picture

CUT = re.compile(r"cut short, (\d+) of 60 rows decode")
ALLOWED = ReadOptions(allow_truncated=True)


@pytest.mark.parametrize(
    ("format_name", "settings"),
    [("JPEG", {"quality": 90}), ("PNG", {}), ("PPM", {}), ("TIFF", {}), ("GIF", {"interlace": 0})],
)
def test_half_a_file(photo, encode, format_name, settings):
    whole = encode(photo, format_name, **settings)
    cut = whole[: len(whole) // 2]
    with pytest.raises(ImageError) as caught:
        read_picture(cut)
    hint = "download it again, or use these rows with --allow-truncated"
    found = CUT.search(caught.value.message)
    assert found is not None
    num_rows = int(found[1])
    assert 10 <= num_rows <= 36
    assert str(caught.value) == f"bytes: cut short, {num_rows} of 60 rows decode; {hint}."

    picture = read_picture(cut, options=ALLOWED)
    assert picture.notes == (f"cut short, {num_rows} of 60 rows decode; the rest is left out",)
    np.testing.assert_array_equal(picture.pixels, read_picture(whole).pixels[:num_rows])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_the_count_does_not_depend_on_the_colours(encode):
    for level in (0, 128, 255):
        whole = encode(np.full((60, 90, 3), level, np.uint8), "PPM")
        with pytest.raises(ImageError, match="cut short, 30 of 60 rows decode"):
            read_picture(whole[: len(whole) - 30 * 270])
        tiff = encode(np.full((60, 90, 3), level, np.uint8), "TIFF")  # its directory comes first
        with pytest.raises(ImageError, match="cut short, 44 of 60 rows decode"):
            read_picture(tiff[: len(tiff) - 15 * 270 - 10])


def test_bmp_is_stored_from_the_bottom_up(photo, encode):
    whole = encode(photo, "BMP")
    picture = read_picture(whole[: len(whole) // 2], options=ALLOWED)
    num_rows = len(picture.pixels)
    assert 25 <= num_rows <= 30
    np.testing.assert_array_equal(picture.pixels, photo[-num_rows:])


def test_progressive_jpeg_is_used_coarsely(photo, encode):
    whole = encode(photo, "JPEG", progressive=True, quality=95)
    cut = whole[: len(whole) // 2]
    with pytest.raises(ImageError, match="cut short, 60 of 60 rows decode"):
        read_picture(cut)
    picture = read_picture(cut, options=ALLOWED)
    assert picture.notes == ("cut short, 60 of 60 rows decode; coarsely",)
    assert np.abs(picture.pixels.astype(int) - photo).mean() < 12


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "GIF", "TIFF", "WEBP"])
def test_cut_inside_the_header(photo, encode, format_name):
    with pytest.raises(ImageError) as caught:
        read_picture(encode(photo, format_name)[:20])
    found = "cut short inside its header, no row decodes; download or copy it again."
    assert str(caught.value) == f"bytes: {found}"


def test_webp_cannot_be_read_in_part(photo, encode):
    cut = encode(photo, "WEBP")[:500]
    for options in (ReadOptions(), ALLOWED):
        with pytest.raises(ImageError, match=r"cut short, 500 of [\d,]+ bytes are there"):
            read_picture(cut, options=options)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM"])
def test_every_cut_gives_a_sentence_or_a_picture(photo, encode, format_name):
    whole = encode(photo[:20, :20], format_name)
    sentences = []
    for length in range(1, len(whole), max(1, len(whole) // 60)):
        try:
            picture = read_picture(whole[:length], options=ALLOWED)
        except ImageError as error:
            sentences.append(str(error))
        else:
            assert picture.pixels.shape[1:] == (20, 3)
    assert [sentence for sentence in sentences if not sentence.startswith("bytes: ")] == []
    assert read_picture(whole).size_hw == (20, 20), "the next good input works"


def test_damage_in_the_middle_is_told_from_a_cut(photo, encode):
    data = bytearray(encode(photo, "PNG"))
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    with pytest.raises(ImageError, match=r"bytes: damaged, \d+ of 60 rows decode; download"):
        read_picture(bytes(data))


def test_only_damage(photo, encode):
    data = bytearray(encode(photo, "TIFF", compression="tiff_adobe_deflate"))
    data[8:200] = bytes(192)
    with pytest.raises(ImageError, match="is damaged, no row decodes"):
        read_picture(bytes(data))


def test_pillows_own_switches_are_as_before(photo, encode):
    limit = Image.MAX_IMAGE_PIXELS
    read_picture(encode(photo, "JPEG")[:1500], options=ALLOWED)
    assert limit == Image.MAX_IMAGE_PIXELS

"""Pictures read box by box: the same colours as read at once, in little memory."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from anymask.errors import ImageError, InputError, MissingExtra, OutputError
from anymask.image.large import of_picture, open_large
from anymask.image.options import ReadOptions
from anymask.image.picture import Picture
from anymask.image.read import read_picture

pytest.importorskip("pyvips")


def on_disk(path, **how):
    """Open a picture so that even a small one goes by way of the disk."""
    return open_large(path, in_memory_pixels=0, **how)


def whole(picture):
    height, width = picture.size_hw
    return picture.read((0, 0, width, height))


def spread(photo, mode):
    """Give the photo in one of Pillow's modes, half of it see-through where that is possible."""
    image = Image.fromarray(photo)
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 200)
    if mode[-1] == "A":
        image = image.convert(mode[:-1]).convert(mode)
        alpha = np.full(photo.shape[:2], 255, np.uint8)
        alpha[:30] = np.arange(photo.shape[1])
        image.putalpha(Image.fromarray(alpha))
        return image
    return image.convert(mode)


FILES = [
    *[("PNG", mode, {}) for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16")],
    ("JPEG", "RGB", {"quality": 90}),
    ("JPEG", "RGB", {"quality": 60, "subsampling": 0, "progressive": True}),
    ("JPEG", "L", {}),
    ("JPEG", "CMYK", {}),
    *[("TIFF", mode, {}) for mode in ("RGB", "RGBA", "L", "P", "CMYK", "I;16")],
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
]


@pytest.mark.parametrize(("format_name", "mode", "settings"), FILES)
def test_colours_are_those_of_a_picture_read_at_once(tmp_path, photo, format_name, mode, settings):
    path = tmp_path / f"photo.{format_name.lower()}"
    spread(photo, mode).save(path, format_name, **settings)
    expected = read_picture(path)
    with on_disk(path) as picture:
        assert (picture.size_hw, picture.format) == (expected.size_hw, format_name)
        assert (picture.sha256, picture.name) == (expected.sha256, expected.name)
        difference = whole(picture).astype(int) - expected.pixels
        assert np.abs(difference).max() <= 1
        np.testing.assert_array_equal(picture.read((7, 5, 40, 31)), whole(picture)[5:31, 7:40])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF"])
def test_boxes_are_of_the_upright_picture(tmp_path, photo, format_name, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"turned.{format_name.lower()}"
    Image.fromarray(photo).save(path, format_name, exif=exif)
    expected = read_picture(path)
    assert expected.orientation == orientation
    with on_disk(path) as picture:
        assert (picture.orientation, picture.size_hw) == (orientation, expected.size_hw)
        assert np.abs(whole(picture).astype(int) - expected.pixels).max() <= 1
        assert (picture.notes, picture.part((0, 0, 2, 3)).size_hw) == ((), (3, 2))
        part = picture.read((3, 10, 33, 50)).astype(int)
        assert np.abs(part - expected.pixels[10:50, 3:33]).max() <= 1


def test_a_picture_held_in_memory_keeps_what_is_known_of_it(tmp_path, photo):
    exif = Image.Exif()
    exif[274] = 6
    path = tmp_path / "turned.jpg"
    spread(photo, "RGBA").save(path, "PNG", exif=exif)
    expected = read_picture(path)
    with open_large(path) as picture:
        assert (picture.orientation, picture.size_hw) == (6, expected.size_hw)
        assert picture.notes == expected.notes
        assert "is PNG by its content although its name ends in .jpg" in picture.notes
        np.testing.assert_array_equal(whole(picture), expected.pixels)
        part = picture.part((3, 10, 33, 50))
        np.testing.assert_array_equal(part.pixels, expected.pixels[10:50, 3:33])
        assert expected.alpha is not None
        np.testing.assert_array_equal(part.alpha, expected.alpha[10:50, 3:33])
        assert part.name == f"{expected.name} [3:33, 10:50]"


def test_parts_tell_where_there_is_no_data(photo):
    no_data = np.zeros(photo.shape[:2], bool)
    no_data[20:30, 40:] = True
    picture = of_picture(Picture(pixels=photo, no_data=no_data))
    np.testing.assert_array_equal(picture.part((35, 15, 60, 40)).no_data, no_data[15:40, 35:60])
    assert picture.part((0, 0, 40, 60)).no_data is None


def test_notes_are_those_of_a_picture_read_at_once(tmp_path, photo):
    dark = np.asarray(Image.fromarray(photo).convert("L")).astype(np.uint16)
    Image.fromarray(dark).save(tmp_path / "dark.jpg", "PNG")
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.fromarray(photo).save(tmp_path / "lab.tif", "JPEG", icc_profile=lab)
    for name, note in (("dark.jpg", "of its 16-bit range"), ("lab.tif", "colour profile is for")):
        expected = read_picture(tmp_path / name).notes
        assert len(expected) == 2
        assert note in expected[1]
        with on_disk(tmp_path / name) as picture:
            assert picture.notes == expected


def test_bands_that_are_not_used_are_noted(tmp_path, photo):
    path = tmp_path / "bands.tif"
    Image.fromarray(photo).convert("RGBX").save(path)
    with on_disk(path) as picture:
        assert picture.notes == ("has 4 bands, the first 3 are used",)
    with on_disk(path, options=ReadOptions(bands=(4, 1, 2))) as picture:
        assert picture.notes == ()


def test_a_colour_profile_is_used(tmp_path, photo):
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    data = bytearray(swapped.tobytes())
    red, green = data.find(b"rXYZ"), data.find(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    path = tmp_path / "profile.png"
    Image.fromarray(photo).save(path, icc_profile=bytes(data))
    expected = read_picture(path).pixels
    assert (expected != photo).any()
    with on_disk(path) as picture:
        np.testing.assert_array_equal(whole(picture), expected)


def test_dark_16_bit_pictures_are_stretched_as_one(tmp_path):
    ramp = np.arange(200 * 60, dtype=np.uint16).reshape(200, 60) // 5
    path = tmp_path / "dark.png"
    Image.fromarray(ramp).save(path)
    with on_disk(path) as picture:
        np.testing.assert_array_equal(whole(picture), read_picture(path).pixels)
    options = ReadOptions(value_range=(0, 1000))
    with on_disk(path, options=options) as picture:
        np.testing.assert_array_equal(whole(picture), read_picture(path, options=options).pixels)


def test_bands_and_pages_are_chosen(tmp_path, photo):
    path = tmp_path / "pages.tiff"
    second = Image.fromarray(photo[::-1].copy())
    Image.fromarray(photo).save(path, save_all=True, append_images=[second])
    options = ReadOptions(page=1, bands=(3, 2, 1))
    with on_disk(path, options=options) as picture:
        np.testing.assert_array_equal(whole(picture), photo[::-1, :, ::-1])
    with pytest.raises(InputError, match=r"pages.tiff: page 2 does not exist, there are 2"):
        on_disk(path, options=ReadOptions(page=2))
    with pytest.raises(InputError, match=r"band 4 does not exist, there are 3; choose --bands"):
        on_disk(path, options=ReadOptions(bands=(4, 2, 1)))


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.ppm"])
def test_small_pictures_and_other_formats_are_read_at_once(tmp_path, photo, name):
    Image.fromarray(photo).save(tmp_path / name)
    with open_large(tmp_path / name) as picture:
        np.testing.assert_array_equal(whole(picture), photo)


def test_the_thinnest_pictures_are_read(tmp_path):
    line = np.random.default_rng(0).integers(0, 256, (1, 40_000, 3), np.uint8)
    for pixels in (line, line.transpose(1, 0, 2)):
        path = tmp_path / "thin.png"
        Image.fromarray(np.ascontiguousarray(pixels)).save(path)
        with on_disk(path) as picture:
            np.testing.assert_array_equal(whole(picture), pixels)


@pytest.mark.parametrize("box", [(0, 0, 91, 60), (-1, 0, 5, 5), (5, 5, 5, 9), (0, 9, 4, 8)])
def test_boxes_beyond_the_picture_are_refused(tmp_path, photo, box):
    path = tmp_path / "a.png"
    Image.fromarray(photo).save(path)
    with (
        on_disk(path) as picture,
        pytest.raises(InputError, match="does not lie in a picture of 90x60"),
    ):
        picture.read(box)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_a_file_that_is_cut_short_is_refused(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    path = tmp_path / name
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=rf"{name}: cut short|{name}: is damaged") as caught:
        on_disk(path)
    assert "again" in str(caught.value)


def test_headers_are_held_against_the_limit(tmp_path, photo):
    path = tmp_path / "a.png"
    Image.fromarray(photo).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 200_000, 200_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"a.png: 40000 megapixels, limit 10000; cut it"):
        on_disk(path)
    Image.fromarray(photo).save(path)
    with pytest.raises(ImageError, match=r"a.png: 1 megapixels, limit 0"):
        on_disk(path, max_pixels=100)


def test_pictures_that_only_decode_as_a_whole_are_refused_where_large(tmp_path, photo):
    path = tmp_path / "a.png"
    Image.fromarray(photo).save(path)
    data = bytearray(path.read_bytes())
    data[16:24], data[28] = struct.pack(">II", 20_000, 20_000), 1
    path.write_bytes(data)
    with pytest.raises(
        ImageError, match=r"400 megapixels that only decode all at once .*; save it as"
    ):
        on_disk(path)


def test_without_pyvips_only_large_pictures_are_refused(tmp_path, photo, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(photo).save(path)
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with open_large(path) as picture:
        np.testing.assert_array_equal(whole(picture), photo)
    with pytest.raises(MissingExtra, match=r'not installed; run pip install "anymask\[large\]"'):
        on_disk(path)


def test_a_full_disk_is_told_before_and_while_writing(tmp_path, photo, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(photo).save(path)
    with monkeypatch.context() as patched:
        usage = type("Usage", (), {"free": 100})
        patched.setattr("shutil.disk_usage", lambda folder: usage)
        with pytest.raises(OutputError, match=r"a.png: 0.0 GB of pixels do not fit .*set TMPDIR"):
            on_disk(path)

    class FullDisk(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **how: FullDisk())
    with pytest.raises(OutputError, match=r"do not fit .*\(No space left on device\)"):
        on_disk(path)


def test_all_transparent_is_refused(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((20, 20, 4), np.uint8)).save(path)
    with pytest.raises(ImageError, match="has no visible pixel"):
        on_disk(path)


def test_a_file_that_is_no_picture_is_refused_by_its_content(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("width,height\n1,2\n")
    with pytest.raises(ImageError, match="is text, not a picture"):
        on_disk(path)


def write_rows_png(path, width, height):
    """Write a PNG of any size in little memory."""
    rows = zlib.compressobj(1)
    row = b"\0" + bytes((x // 200 + 80 * band) % 256 for x in range(width) for band in range(3))

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        for _ in range(height):
            if data := rows.compress(row):
                file.write(chunk(b"IDAT", data))
        file.write(chunk(b"IDAT", rows.flush()) + chunk(b"IEND", b""))
    return np.frombuffer(row[1:], np.uint8).reshape(width, 3)


PROGRAM = """
import sys
from pathlib import Path
from anymask.image.large import open_large
with open_large(sys.argv[1]) as picture:
    corner = picture.read((18_000, 19_000, 19_024, 20_000))
    print(picture.size_hw, corner[-1, 0].tolist(), corner.shape)
print(next(line for line in Path("/proc/self/status").read_text().splitlines() if "HWM" in line))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_400_megapixels_are_read_within_500_megabytes(tmp_path):
    path = tmp_path / "scan.png"
    row = write_rows_png(path, 20_000, 20_000)
    command = [sys.executable, "-c", PROGRAM, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[0] == f"(20000, 20000) {row[18_000].tolist()} (1000, 1024, 3)"
    assert int(told[1].split()[1]) < 500_000
    with pytest.raises(ImageError, match=r"400 megapixels, limit 178; .*cut it into tiles"):
        read_picture(path)

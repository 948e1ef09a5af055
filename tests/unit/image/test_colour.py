"""Profiles, inks, palettes and transparency, to sRGB over white."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage.color import lab2rgb

from anymask.errors import ImageError
from anymask.image import read_picture


def icc_profile(space: bytes, tags: dict[bytes, bytes], connection: bytes) -> bytes:
    """Write a version 2 profile by hand: header, table of tags, tags."""
    tags = {b"desc": b"desc" + struct.pack(">4xI5s", 5, b"test\0") + bytes(78), **tags}
    tags |= {b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)}
    tags |= {b"cprt": b"text" + bytes(4) + b"none\0"}
    table, body, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        padded = tag + bytes(-len(tag) % 4)
        table += name + struct.pack(">II", offset + len(body), len(tag))
        body += padded
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    header = struct.pack(
        ">I4sI4s4s4s12s4s", offset + len(body), bytes(4), 0x02100000, kind, space, connection,
        struct.pack(">6H", 2020, 1, 1, 0, 0, 0), b"acsp",
    )  # fmt: skip
    header += bytes(68 - len(header)) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def swapped_rgb() -> bytes:
    """A profile whose red is sRGB's green and the other way round."""
    primaries = {
        b"rXYZ": (0.3851, 0.7169, 0.0971),
        b"gXYZ": (0.4361, 0.2225, 0.0139),
        b"bXYZ": (0.1431, 0.0606, 0.7139),
    }
    tags = {
        name: b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in xyz))
        for name, xyz in primaries.items()
    }
    levels = np.arange(256) / 255
    curve = np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92)
    packed = struct.pack(">256H", *np.rint(curve * 65535).astype(int))
    tags |= {name: b"curv" + bytes(4) + struct.pack(">I", 256) + packed
             for name in (b"rTRC", b"gTRC", b"bTRC")}  # fmt: skip
    return icc_profile(b"RGB ", tags, b"XYZ ")


# Lab of each corner of the ink cube: C, M, Y and K off or on, the last fastest.
CORNERS = np.array([[100, 0, 0], [20, 0, 0], [80, 0, 30], [18, 0, 5], [50, 30, 0], [12, 6, 0],
                    [48, 28, 20], [11, 5, 4], [60, -15, -20], [14, -5, -6], [50, -25, 12],
                    [12, -6, 3], [30, 8, -20], [9, 2, -5], [25, 0, 0], [0, 0, 0]])  # fmt: skip


def made_up_inks() -> bytes:
    """A CMYK profile with a table of two points an ink."""
    identity = bytes(range(256))
    table = np.stack(
        [np.rint(CORNERS[:, 0] * 2.55), CORNERS[:, 1] + 128, CORNERS[:, 2] + 128], axis=1
    )
    unit = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit + identity * 4
    lut += table.astype(np.uint8).tobytes() + identity * 3
    return icc_profile(b"CMYK", {b"A2B0": lut}, b"Lab ")


def test_rgb_goes_through_its_profile(photo, encode):
    picture = read_picture(encode(photo, "PNG", icc_profile=swapped_rgb()))
    swapped = photo[:, :, [1, 0, 2]].astype(int)
    assert np.abs(picture.pixels - swapped).max() <= 6
    assert picture.notes == ()


@pytest.mark.parametrize("format_name", ["JPEG", "WEBP", "TIFF"])
def test_every_format_with_profiles_uses_them(photo, encode, format_name):
    settings = {"lossless": True} if format_name == "WEBP" else {"quality": 95}
    picture = read_picture(encode(photo, format_name, icc_profile=swapped_rgb(), **settings))
    means = photo[:, :, [1, 0, 2]].mean(axis=(0, 1))
    np.testing.assert_allclose(picture.pixels.mean(axis=(0, 1)), means, atol=6)


def test_srgb_by_any_name_is_left_as_it_is(photo, encode):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(
        read_picture(encode(photo, "PNG", icc_profile=srgb)).pixels, photo
    )
    grey = photo[:, :, 0].copy()
    picture = read_picture(encode(grey, "PNG", icc_profile=srgb))
    np.testing.assert_array_equal(picture.pixels, np.stack([grey] * 3, axis=2))
    assert picture.notes == ()


@pytest.mark.parametrize("format_name", ["JPEG", "TIFF"])
def test_inks_go_through_their_profile(encode, format_name):
    corners = [[255 * (i >> 3 & 1), 255 * (i >> 2 & 1), 255 * (i >> 1 & 1), 255 * (i & 1)]
               for i in range(16)]  # fmt: skip
    inks = np.repeat(np.repeat(np.array(corners, np.uint8).reshape(4, 4, 4), 16, 0), 16, 1)
    image = Image.frombytes("CMYK", (64, 64), inks.tobytes())
    settings = {"quality": 100, "subsampling": 0} if format_name == "JPEG" else {}
    picture = read_picture(encode(image, format_name, icc_profile=made_up_inks(), **settings))
    found = picture.pixels[8::16, 8::16].astype(float)
    by_skimage = lab2rgb(CORNERS.reshape(4, 4, 3).astype(float)) * 255
    np.testing.assert_allclose(found.mean(axis=(0, 1)), by_skimage.mean(axis=(0, 1)), atol=6)
    np.testing.assert_allclose(found, by_skimage, atol=12)  # white points are adapted otherwise
    source = ImageCms.ImageCmsProfile(io.BytesIO(made_up_inks()))
    by_pillow = ImageCms.profileToProfile(
        image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    means = np.asarray(by_pillow).mean(axis=(0, 1))
    np.testing.assert_allclose(picture.pixels.mean(axis=(0, 1)), means, atol=6)


@pytest.fixture
def inks(photo):
    return Image.fromarray(photo).convert("CMYK")


def test_inks_without_profile(photo, encode, inks):
    picture = read_picture(encode(inks, "JPEG", quality=95))
    np.testing.assert_allclose(
        picture.pixels.mean(axis=(0, 1)), photo.mean(axis=(0, 1)), atol=6
    )  # stored upside down, as Adobe does
    np.testing.assert_array_equal(read_picture(encode(inks, "TIFF")).pixels, photo)


def test_inks_without_adobes_mark_are_not_upside_down(photo, encode, inks):
    data = encode(inks, "JPEG", quality=95)
    at = data.index(b"\xff\xee")
    length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    unmarked = data[:at] + data[at + length :]
    upright = np.asarray(inks).astype(float)
    stored = 255 - upright
    expected = (255 - stored[..., :3]) * (255 - stored[..., 3:]) / 255
    means = read_picture(unmarked).pixels.mean(axis=(0, 1))
    np.testing.assert_allclose(means, expected.mean(axis=(0, 1)), atol=6)


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("profile", [b"broken" * 40, swapped_rgb()[:200]])
def test_broken_profile_is_noted_and_the_pixels_are_read(photo, encode, format_name, profile):
    plain = read_picture(encode(photo, format_name))
    picture = read_picture(encode(photo, format_name, icc_profile=profile))
    assert picture.notes == ("its colour profile is broken; colours are taken as sRGB",)
    np.testing.assert_array_equal(picture.pixels, plain.pixels)


def test_profile_for_other_colours_is_noted(photo, encode):
    picture = read_picture(encode(photo, "PNG", icc_profile=made_up_inks()))
    assert picture.notes == ("its colour profile is for CMYK, not RGB; not used",)
    np.testing.assert_array_equal(picture.pixels, photo)


@pytest.mark.parametrize("has_profile", [False, True])
def test_lab(photo, encode, has_profile):
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(photo), srgb, lab, outputMode="LAB")
    assert image is not None
    if not has_profile:
        del image.info["icc_profile"]
    picture = read_picture(encode(image, "TIFF"))
    assert np.abs(picture.pixels.astype(int) - photo).mean() < 2
    assert picture.notes == ()


def test_grey_goes_through_its_profile(photo, encode):
    linear = b"curv" + bytes(4) + struct.pack(">I", 0)
    profile = icc_profile(b"GRAY", {b"kTRC": linear}, b"XYZ ")
    grey = photo[:, :, 0].copy()
    share = grey / 255
    srgb = np.where(share <= 0.0031308, share * 12.92, 1.055 * share ** (1 / 2.4) - 0.055)
    picture = read_picture(encode(grey, "PNG", icc_profile=profile))
    difference = np.abs(picture.pixels - srgb[:, :, None] * 255)
    assert difference.mean() < 1
    assert difference[grey > 20].max() <= 2  # 8 bits of linear light are coarse in the shadows


def test_profile_that_does_not_unpack(png, chunk):
    profile = chunk(b"iCCP", b"name\0\0not zlib at all")
    picture = read_picture(png(1, 1, 8, 2, profile, data=b"\0abc"))
    assert picture.notes == ("its colour profile is broken; colours are taken as sRGB",)
    assert picture.pixels.tolist() == [[[97, 98, 99]]]


def white_under(rgb, alpha):
    opacity = alpha[:, :, None] / 255
    return np.rint(rgb * opacity + 255 * (1 - opacity))


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF"])
def test_transparency_lies_over_white_and_is_kept(photo, encode, format_name):
    alpha = np.tile(np.linspace(0, 255, 90).astype(np.uint8), (60, 1))
    settings = {"lossless": True, "exact": True} if format_name == "WEBP" else {}
    picture = read_picture(encode(np.dstack([photo, alpha]), format_name, **settings))
    np.testing.assert_array_equal(picture.alpha, alpha)
    assert np.abs(picture.pixels - white_under(photo, alpha)).max() <= 1


def test_grey_with_alpha(photo, encode):
    grey, alpha = photo[:, :, 0], photo[:, :, 1]
    picture = read_picture(encode(np.dstack([grey, alpha]), "PNG"))
    np.testing.assert_array_equal(picture.alpha, alpha)
    expected = white_under(np.stack([grey] * 3, axis=2), alpha)
    assert np.abs(picture.pixels - expected).max() <= 1


def test_opaque_alpha_is_no_alpha(photo, encode):
    opaque = np.dstack([photo, np.full((60, 90), 255, np.uint8)])
    picture = read_picture(encode(opaque, "PNG"))
    assert picture.alpha is None
    np.testing.assert_array_equal(picture.pixels, photo)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_all_transparent(encode, mode):
    with pytest.raises(ImageError, match="bytes: has no visible pixel; give a picture that"):
        read_picture(encode(Image.new(mode, (9, 9)), "PNG"))


def test_palette_with_transparent_entries(png, chunk):
    palette = chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 9]))
    data = png(3, 1, 8, 3, palette, chunk(b"tRNS", bytes([0, 51])), data=b"\0\0\1\2")
    picture = read_picture(data)
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 51, 255]]
    assert picture.pixels.tolist() == [[[255, 255, 255], [204, 255, 204], [0, 0, 9]]]


@pytest.mark.parametrize(
    ("width", "depth", "kind", "transparent", "row", "alpha", "pixels"),
    [
        (3, 8, 2, (5, 6, 7), bytes([5, 6, 7, 1, 2, 3, 5, 6, 8]), [0, 255, 255], [1, 2, 3]),
        (3, 8, 0, (9,), bytes([9, 1, 8]), [0, 255, 255], [1, 1, 1]),
        (4, 4, 0, (5,), bytes([0x50, 0x5F]), [0, 255, 0, 255], [0, 0, 0]),
        (4, 1, 0, (1,), bytes([0b10110000]), [0, 255, 0, 0], [0, 0, 0]),
        (2, 16, 0, (500,), struct.pack(">2H", 500, 65535), [0, 255], [255, 255, 255]),
        (2, 16, 2, (1, 2, 3), struct.pack(">6H", 1, 2, 3, 65535, 0, 257), [0, 255], [255, 0, 1]),
    ],
)
def test_one_transparent_colour(png, chunk, width, depth, kind, transparent, row, alpha, pixels):
    body = struct.pack(f">{len(transparent)}H", *transparent)
    picture = read_picture(png(width, 1, depth, kind, chunk(b"tRNS", body), data=b"\0" + row))
    assert picture.alpha is not None
    assert picture.alpha[0].tolist() == alpha
    assert picture.pixels[0, 0].tolist() == [255, 255, 255]
    assert picture.pixels[0, 1].tolist() == pixels


def test_one_bit_is_grey(photo, encode):
    image = Image.fromarray(photo).convert("1")
    expected = np.stack([np.asarray(image.convert("L"))] * 3, axis=2)
    for format_name, settings in (
        ("PNG", {}), ("TIFF", {"compression": "group4"}), ("BMP", {}), ("PPM", {}),
    ):  # fmt: skip
        picture = read_picture(encode(image, format_name, **settings))
        np.testing.assert_array_equal(picture.pixels, expected, err_msg=format_name)

"""TIFF in its many layouts, with tifffile, OpenCV and Pillow as the writers."""

import base64
import io

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from anymask.errors import ImageError, InputError
from anymask.image import ReadOptions, read_picture
from anymask.image.tiff_page import write_page


def tiff(array, **settings) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **settings)
    return file.getvalue()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f2", "f4", "f8"])
def test_layouts(photo, byteorder, compression, planar, tile, dtype):
    if dtype[0] == "u":
        largest = 2 ** (8 * int(dtype[1])) - 1
        array = (photo.astype(np.uint64) * largest // 255).astype(byteorder + dtype)
    else:
        array = (photo / 255).astype(byteorder + dtype)
    settings = {"planarconfig": "separate" if planar else "contig", "photometric": "rgb"}
    if planar:
        array = np.ascontiguousarray(array.transpose(2, 0, 1))
    data = tiff(array, byteorder=byteorder, compression=compression, tile=tile, **settings)
    np.testing.assert_array_equal(read_picture(data).pixels, photo)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_predictor_of_differences(photo, byteorder, tile, dtype):
    array = (photo.astype(np.uint16) * (257 if dtype == "u2" else 1)).astype(byteorder + dtype)
    data = tiff(
        array, photometric="rgb", byteorder=byteorder, compression="zlib", predictor=2, tile=tile
    )
    np.testing.assert_array_equal(read_picture(data).pixels, photo)


def test_predictor_of_floats():
    # Written by tifffile with imagecodecs: float32 (5, 7, 3), values k/104, zlib, predictor 3.
    data = base64.b85decode(
        "Nl7XI2mk;84*&oG1ONd5000L7000321ONd5000F5000630{{a6006=O000940{{U4000O8000I70{{U40006"
        "2000pI1ONd5007_s000#M0{{U400093000&N1ONd5000F5000*O1ONd50083v000^R1pom60077U000{S1po"
        "m6007Vc000~T0{{U400031001Zf0{{U400031002D!0{{U400093002_~0{{a6007tk00000001BWAOIi$0R"
        "R910RR910RR910RR910{{a60{{R3c${Ofv9V!fWMlvX7~|0W_%{s88*(CDt*xzX4Ao`j<m6<}`?>ltBs2KWe"
        "Jdg&EMlG9*#!hgkG(z0P{wey%YP#fh?L#D0fcsTb_^ImKuQH@ii9v9KOFG!vD{n>G-Te!BS(?In|b~~L%M9<"
        "ym|8$hTkI0gu9l3p?}Ium{~lW?Ccz1xN&wX%q0JtNkEXCoSbAW@)l;+(RpR%Wnf@$Z;$EDJNF*4v%|~+K@jJ"
        "R!xo?+P_tm9KjS8#AyBg*bUAi2`GrIfX2GE6K0}0AFoSP)TO-VZ84Lg`f`p6"
    )
    values = np.arange(105, dtype=np.float32).reshape(5, 7, 3) / 104
    np.testing.assert_array_equal(read_picture(data).pixels, np.rint(values * 255))


def test_lzw_and_predictor_by_opencv(photo, encode_deep):
    deep = photo.astype(np.uint16) * 257
    data = encode_deep(deep, ".tif", cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_LZW)
    np.testing.assert_array_equal(read_picture(data).pixels, photo)


@pytest.mark.parametrize("compression", ["packbits", "tiff_lzw", "tiff_adobe_deflate", "lzma"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_compressions_by_pillow(photo, encode, compression, mode):
    if mode == "I;16":
        image = Image.fromarray(photo[:, :, 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(photo).convert(mode)
    data = encode(image, "TIFF", compression=compression)
    expected = photo if mode.startswith("RGB") else np.stack([photo[:, :, 0]] * 3, axis=2)
    if mode == "L":
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_picture(data).pixels, expected)


def test_big_tiff(photo):
    data = tiff(photo, bigtiff=True, photometric="rgb", byteorder=">", compression="zlib")
    np.testing.assert_array_equal(read_picture(data).pixels, photo)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_min_is_white(photo, dtype):
    factor = 257 if dtype == "u2" else 1
    array = (photo[:, :, 0].astype(np.uint16) * factor).astype(dtype)
    picture = read_picture(tiff(array, photometric="miniswhite"))
    np.testing.assert_array_equal(picture.pixels[:, :, 0], 255 - photo[:, :, 0])


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_odd_depths_are_packed_without_gaps(photo, bits):
    values = photo[:, :, 0].astype(np.uint32) * (2**bits - 1) // 255
    spread = (values[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    packed = np.packbits(spread.reshape(60, -1).astype(np.uint8), axis=1)
    tags = {256: 90, 257: 60, 258: bits, 259: 1, 262: 1, 277: 1, 278: 60}
    data = write_page(
        ">", {tag: ("I", (value,)) for tag, value in tags.items()}, [packed.tobytes()],
        is_tiled=False,
    )  # fmt: skip
    picture = read_picture(data)
    expected = np.rint(values * 255 / (2**bits - 1))
    np.testing.assert_array_equal(picture.pixels[:, :, 0], expected)


@pytest.mark.parametrize("num_bands", [5, 12])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_many_bands_ask_which(photo, num_bands, dtype):
    factor = 257 if dtype == "u2" else 1
    bands = (np.dstack([photo] * 4)[:, :, :num_bands].astype(np.uint16) * factor).astype(dtype)
    data = tiff(bands, photometric="minisblack", planarconfig="contig")
    with pytest.raises(ImageError) as caught:
        read_picture(data)
    assert str(caught.value) == f"bytes: {num_bands} bands; choose three with --bands 4,3,2."
    picture = read_picture(data, options=ReadOptions(bands=(4, 3, 2)))
    np.testing.assert_array_equal(picture.pixels, photo[:, :, [0, 2, 1]])
    with pytest.raises(InputError, match=f"band 13 does not exist, there are {num_bands}"):
        read_picture(data, options=ReadOptions(bands=(13, 1, 1)))


def test_chosen_planes_are_the_only_ones_read(photo):
    planes = np.ascontiguousarray(np.dstack([photo] * 4).transpose(2, 0, 1))
    data = tiff(planes, photometric="minisblack", planarconfig="separate", compression="zlib")
    picture = read_picture(data, options=ReadOptions(bands=(2, 1, 12)))
    np.testing.assert_array_equal(picture.pixels, photo[:, :, [1, 0, 2]])


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_two_bands(photo, dtype):
    factor = 257 if dtype == "u2" else 1
    pair = (photo[:, :, :2].astype(np.uint16) * factor).astype(dtype)
    settings = {"photometric": "minisblack", "planarconfig": "contig"}
    picture = read_picture(tiff(pair, **settings))
    np.testing.assert_array_equal(picture.pixels[:, :, 1], photo[:, :, 0])
    picture = read_picture(tiff(pair, extrasamples=["unassalpha"], **settings))
    np.testing.assert_array_equal(picture.alpha, photo[:, :, 1])


def test_fourth_band_that_is_no_alpha_is_left_out(photo):
    four = np.dstack([photo, photo[:, :, 0]])
    picture = read_picture(tiff(four, photometric="rgb", extrasamples=["unspecified"]))
    np.testing.assert_array_equal(picture.pixels, photo)
    picture = read_picture(tiff(four.astype(np.uint16) * 257, photometric="minisblack",
                                planarconfig="contig"))  # fmt: skip
    np.testing.assert_array_equal(picture.pixels, photo)
    assert picture.notes == ("has 4 bands, the first 3 are used",)


def test_premultiplied_alpha_of_16_bits(photo):
    alpha = np.full((60, 90, 1), 32768, np.uint32)
    premultiplied = np.dstack([photo.astype(np.uint32) * 257 * alpha // 65535, alpha])
    data = tiff(premultiplied.astype(np.uint16), photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(data)
    expected = photo * (128 / 255) + 255 * (127 / 255)
    assert np.abs(picture.pixels - expected).max() <= 2


def test_inks_of_16_bits(photo):
    inks = np.asarray(Image.fromarray(photo).convert("CMYK")).astype(np.uint16) * 257
    picture = read_picture(tiff(inks, photometric="separated"))
    np.testing.assert_array_equal(picture.pixels, photo)


@pytest.fixture
def three_pages(photo, encode) -> bytes:
    pages = [Image.fromarray(photo[: 20 + 10 * index]) for index in range(3)]
    return encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])


def test_pages(photo, three_pages):
    picture = read_picture(three_pages)
    assert picture.notes == ("has 3 pages, page 0 is read; choose with --page",)
    for page in (1, 2):
        picture = read_picture(three_pages, options=ReadOptions(page=page))
        np.testing.assert_array_equal(picture.pixels, photo[: 20 + 10 * page])
        assert picture.notes == ()


def test_page_that_is_not_there(three_pages):
    with pytest.raises(InputError) as caught:
        read_picture(three_pages, options=ReadOptions(page=9))
    expected = "bytes: page 9 does not exist, there are 3; choose --page from 0 to 2."
    assert str(caught.value) == expected
    assert caught.value.exit_code == 2


def test_previews_are_no_pages(photo):
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(photo[::4, ::4], subfiletype=1, photometric="rgb")
        writer.write(photo, subfiletype=0, photometric="rgb")
        writer.write(photo[::2, ::2], subfiletype=1, photometric="rgb")
    picture = read_picture(file.getvalue())
    np.testing.assert_array_equal(picture.pixels, photo)
    assert picture.notes == ()


def test_chain_of_pages_that_bites_its_tail(photo, three_pages):
    with tifffile.TiffFile(io.BytesIO(three_pages)) as file:
        pages = [page.aspage() for page in file.pages]
        first, last = pages[0].offset, pages[2].offset
        num_tags = len(pages[2].tags)
    at = last + 2 + 12 * num_tags
    looped = three_pages[:at] + first.to_bytes(4, "little") + three_pages[at + 4 :]
    assert read_picture(looped).notes == ("has 3 pages, page 0 is read; choose with --page",)


def test_camera_raw_is_named(photo):
    make = (271, "s", 0, "NIKON CORPORATION", True)
    previews = tiff(photo, photometric="rgb", subfiletype=1, extratags=[make])
    dng = tiff(photo, photometric="rgb", extratags=[(50706, "B", 4, (1, 4, 0, 0), True)])
    for data in (previews, dng):
        with pytest.raises(ImageError, match="is a camera raw picture, which is not read"):
            read_picture(data)


def _tags(**changed):
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 277: 1, 278: 8}
    tags |= {int(tag[1:]): value for tag, value in changed.items()}
    return {tag: ("I", v if isinstance(v, tuple) else (v,)) for tag, v in tags.items()}


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        (_tags(t259=34887), "TIFF compression 34887 is not read; write it with deflate"),
        (_tags(t258=(8, 16), t277=2), r"bands of different depth \(8, 16 bits\), which is not"),
        (_tags(t339=5, t258=64), "complex or untyped samples, which is not read"),
        (_tags(t258=16, t262=8), "colour space 8 at this depth, which is not read"),
        (_tags(t258=24, t339=3), "24-bit samples of this kind, which is not read"),
        (_tags(t322=60000, t323=60000), "tiles of 60000x60000 for a picture of 8x8"),
        (_tags(t256=0), r"has no pixels \(0x8\)"),
    ],
)
def test_layouts_that_are_not_read_are_named(tags, sentence):
    data = write_page("<", tags, [bytes(256)], is_tiled=322 in tags)
    with pytest.raises(ImageError, match=sentence):
        read_picture(data)


def test_page_without_pixels():
    data = write_page("<", _tags(), [], is_tiled=False)
    with pytest.raises(ImageError, match="names no place where its pixels are"):
        read_picture(data)


def test_strips_without_lengths(photo):
    data = bytearray(tiff(photo, photometric="rgb", rowsperstrip=7))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        at = file.pages[0].aspage().tags["StripByteCounts"].offset
    data[at : at + 2] = (60000).to_bytes(2, "little")  # a tag nobody knows
    np.testing.assert_array_equal(read_picture(bytes(data)).pixels, photo)


def test_strips_that_claim_too_much(photo):
    tags = _tags()
    strips = write_page("<", tags, [bytes(64)], is_tiled=False)
    claimed = strips.replace((64).to_bytes(4, "little"), (2**31).to_bytes(4, "little"))
    with pytest.raises(ImageError, match="holds 2147 megabytes, limit"):
        read_picture(claimed, options=ReadOptions(max_pixels=10_000))

"""Bad input of every kind: the exact sentence, the exit code, and that the next one works."""

import io
import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.errors import ImageError
from tests.unit.cli.folders import names_in


def encoded(array, format_name, **settings) -> bytes:
    file = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(file, format_name, **settings)
    return file.getvalue()


def huge_png() -> bytes:
    """A PNG of 30000×30000 pixels by its header, and a few bytes in truth."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def half_jpeg(noise) -> bytes:
    whole = encoded(noise, "JPEG", quality=95)
    return whole[: len(whole) // 2]


def tiff_of_three_pages(noise) -> bytes:
    pages = [Image.fromarray(np.roll(noise, 9 * i, axis=1)) for i in range(3)]
    return encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])


REFUSED = {
    "cut.jpg": (half_jpeg, r"cut.jpg: cut short, \d+ of 48 rows decode"),
    "empty.jpg": (lambda noise: b"", r"empty.jpg: is empty \(0 bytes\)"),
    "page.jpg": (
        lambda noise: b"<!DOCTYPE html><html>",
        r"page.jpg: is a web page, not a picture \(begins with `<!DOCTYPE`\)",
    ),
    "data.jpg": (lambda noise: b'{"a": 1}', "data.jpg: is JSON, not a picture"),
    "x.psd": (lambda noise: b"8BPS" + bytes(99), r"x.psd: is a Photoshop picture \(PSD\), which"),
    "x.pdf": (lambda noise: b"%PDF-1.7" + bytes(99), "x.pdf: is a PDF document, which is not read"),
    "x.eps": (lambda noise: b"%!PS-Adobe" + bytes(99), "x.eps: is a PostScript file"),
    "x.jpg": (
        lambda noise: b"\x01\x02\x03\x04" * 40,
        r"x.jpg: is no known picture format \(begins with 01 02 03 04\)",
    ),
    "clear.png": (
        lambda noise: encoded(np.dstack([noise, np.zeros((48, 64), np.uint8)]), "PNG"),
        "clear.png: has no visible pixel",
    ),
    "huge.png": (lambda noise: huge_png(), "huge.png: 900 megapixels, limit 178"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_picture_that_cannot_be_used(segment, folder, noise, name):
    make, sentence = REFUSED[name]
    (folder / name).write_bytes(make(noise))
    alone = segment(name, "--point", "4,5")
    assert (alone.code, alone.out) == (3, "")
    message, hint = alone.err.splitlines()
    assert message.startswith("error: ")
    assert hint.startswith("hint: ")
    with pytest.raises(ImageError, match=f"^{sentence}"):
        raise ImageError(message.removeprefix("error: "))
    beside = segment(name, "cat.png", "--point", "4,5", "-o", "out")
    assert beside.code == 3
    assert beside.out.startswith("cat.png: score ")
    assert Path("out/cat.png.mask.png").is_file()


def palette(noise) -> bytes:
    image = Image.fromarray(noise).quantize(16)
    return encoded(image, "PNG", transparency=3)


def oriented(noise) -> bytes:
    exif = Image.Exif()
    exif[274] = 6  # turn by 90 degrees clockwise to see it upright
    return encoded(noise, "JPEG", exif=exif)


def frames(noise) -> bytes:
    images = [Image.fromarray(np.roll(noise, 9 * i, axis=1)) for i in range(4)]
    return encoded(images[0], "GIF", save_all=True, append_images=images[1:])


def deep(noise) -> bytes:
    return encoded(noise[:, :, 0].astype(np.uint16) * 257, "PNG")


USED = {
    "wrong.jpg": (lambda noise: encoded(noise, "PNG"), (48, 64), "is PNG by its content although"),
    "none": (lambda noise: encoded(noise, "PNG"), (48, 64), "its name has no suffix"),
    "moves.gif": (frames, (48, 64), "has 4 frames"),
    "pages.tif": (tiff_of_three_pages, (48, 64), "has 3 pages"),
    "ink.jpg": (lambda n: encoded(Image.fromarray(n).convert("CMYK"), "JPEG"), (48, 64), ""),
    "deep.png": (deep, (48, 64), ""),
    "palette.png": (palette, (48, 64), ""),
    "clear.png": (lambda n: encoded(np.dstack([n, n[:, :, 0] | 1]), "PNG"), (48, 64), ""),
    "bits.png": (lambda n: encoded(Image.fromarray(n).convert("1"), "PNG"), (48, 64), ""),
    "turned.jpg": (oriented, (64, 48), ""),
    "dot.png": (lambda noise: encoded(noise[:1, :1], "PNG"), (1, 1), ""),
    "six.png": (lambda noise: encoded(noise[:2, :3], "PNG"), (2, 3), ""),
    "tall.png": (
        lambda noise: encoded(Image.new("L", (1, 40000)), "PNG"),
        (40000, 1),
        "1x40000 is so long and thin that details are lost",
    ),
}


@pytest.mark.parametrize("name", USED)
def test_an_odd_picture_is_used(segment, folder, noise, name):
    make, size_hw, note = USED[name]
    (folder / name).write_bytes(make(noise))
    ran = segment(name, "--point", "0,0", "-o", "m.png")
    assert ran.code == 0, ran.err
    with Image.open("m.png") as mask:
        assert (mask.mode, mask.size) == ("L", size_hw[::-1])
    if note:
        assert f"note: {name}: " in ran.err
        assert note in ran.err


def test_the_record_says_how_a_photo_was_turned(segment, folder, noise):
    (folder / "turned.jpg").write_bytes(oriented(noise))
    (record,) = segment("turned.jpg", "--point", "40,60", "--json").records
    assert (record["width"], record["height"], record["orientation"]) == (48, 64, 6)
    outside = segment("turned.jpg", "--point", "60,40")
    assert "point 0 (60, 40) lies outside 48×64" in outside.err
    assert "did you swap x and y?" in outside.err


def test_a_picture_cut_short_is_used_when_asked(segment, folder, noise):
    (folder / "cut.jpg").write_bytes(half_jpeg(noise))
    ran = segment("cut.jpg", "--point", "4,5", "--allow-truncated", "-o", "m.png")
    assert ran.code == 0
    (rows,) = re.findall(r"note: cut.jpg: .*?(\d+) of 48 rows", ran.err)
    with Image.open("m.png") as mask:
        assert mask.size == (64, int(rows))


def test_the_limit_of_pixels_can_be_lowered_and_raised(segment):
    ran = segment("cat.png", "--point", "4,5", "--max-pixels", 5000)
    assert (ran.code, "cat.png: 0.01 megapixels, limit 0.01" in ran.err) == (3, True)
    assert segment("cat.png", "--point", "4,5", "--max-pixels", 5400).code == 0


def test_another_page_can_be_chosen(segment, folder, noise):
    (folder / "pages.tif").write_bytes(tiff_of_three_pages(noise))
    (folder / "second.png").write_bytes(encoded(np.roll(noise, 9, axis=1), "PNG"))
    (page,) = segment("pages.tif", "--point", "4,5", "--page", 1, "--json").records
    (alone,) = segment("second.png", "--point", "4,5", "--json").records
    assert page["masks"] == alone["masks"]
    assert page["settings"]["page"] == 1


def test_a_page_that_is_not_there_names_the_range(segment, folder, noise):
    (folder / "pages.tif").write_bytes(tiff_of_three_pages(noise))
    ran = segment("pages.tif", "--point", "4,5", "--page", 9)
    assert (ran.code, ran.err) == (
        2,
        "error: pages.tif: page 9 does not exist, there are 3\nhint: choose --page from 0 to 2\n",
    )


def test_a_picture_that_may_not_be_read(segment, folder, monkeypatch):
    """Root may read everything, so the refusal is put on."""
    (folder / "secret.png").write_bytes((folder / "cat.png").read_bytes())
    real = os.open

    def refuse(path, *rest, **named):
        if os.fspath(path) == "secret.png":
            raise PermissionError(13, "Permission denied")
        return real(path, *rest, **named)

    monkeypatch.setattr("os.open", refuse)
    ran = segment("secret.png", "--point", "4,5")
    assert (ran.code, "error: secret.png: permission denied" in ran.err) == (3, True)
    assert segment("cat.png", "--point", "4,5").code == 0


@pytest.mark.parametrize("target", ["loop.png", "gone.png"])
def test_a_link_that_leads_nowhere(segment, folder, target):
    (folder / "loop.png").symlink_to(target)
    ran = segment("loop.png", "cat.png", "--point", "4,5", "-o", "out")
    assert ran.code == 3
    sentence = "leads back to itself" if target == "loop.png" else "link to a missing file"
    assert sentence in ran.err
    assert Path("out/cat.png.mask.png").is_file()


@pytest.mark.parametrize("path", [".", "/dev/zero", "pipe"])
def test_what_is_no_file_stops_everything(segment, folder, path):
    os.mkfifo(folder / "pipe")
    ran = segment("cat.png", path, "--point", "4,5")
    kind = "is a folder" if path == "." else "is not a regular file"
    assert (ran.code, f"error: {path}: {kind}" in ran.err) == (2, True)
    assert not Path("cat.png.mask.png").exists()
    assert segment("cat.png", "--point", "4,5").code == 0


PROMPTS = {
    "outside": (["--point", "4,5", "--point", "95,5"], "point 1 (95, 5) lies outside 90×60"),
    "swapped": (["--point", "20,80"], "did you swap x and y?"),
    "shares": (["--point", "0.5,0.4"], "all coordinates lie between 0 and 1 on a picture of 90×60"),
    "not finite": (["--point", "nan,5"], "--point nan,5: nan is not finite"),
    "text": (["--point", "a,5"], "--point a,5: 'a' is not a number"),
    "nesting": (["--point", "(4,5)"], "--point (4,5): '(4' is not a number"),
    "no area": (["--box", "30,9,20,20"], "has no area (x1 ≤ x0)"),
    "width and height": (
        ["--box", "40,9,30,20"],
        "if this is x, y, width, height, pass (40, 9, 70, 29)",
    ),
    "box outside": (["--box", "100,9,120,20"], "lies outside 90×60"),
    "label": (["--point", "4,5,7"], "labels are + or 1 (add) and - or 0 (remove)"),
    "only negative": (["--point", "4,5,-"], "nothing to look for"),
    "none": ([], "nothing to look for"),
    "far normalized": (["--point", "45,30", "--normalized"], "lies outside 0 to 1"),
}


@pytest.mark.parametrize("words", PROMPTS)
def test_a_prompt_that_cannot_be_used(segment, folder, words):
    flags, sentence = PROMPTS[words]
    ran = segment("cat.png", *flags)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert names_in(folder) == ["cat.png"]
    assert segment("cat.png", "--point", "45,30").code == 0


def test_shares_without_the_flag_are_told_the_flag(segment):
    ran = segment("cat.png", "--point", "0.5,0.4")
    assert "hint: pass --normalized, or give pixels" in ran.err
    assert segment("cat.png", "--point", "0.5,0.4", "--normalized").code == 0


def test_a_box_over_the_edge_is_clipped_and_noted(segment):
    ran = segment("cat.png", "--box", "-5,-5,70,40", "--json")
    (record,) = ran.records
    assert ran.code == 0
    assert record["prompts"][0]["box"] == [0, 0, 70, 40]
    assert "clipped to the picture's 90×60" in record["warnings"][0]
    assert "note: cat.png: box (-5, -5, 70, 40) was clipped" in ran.err


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (["--point", "4,5", "--point", "4,5,-"], "pixel (4, 5) is both added and removed"),
        (
            ["--point", "4,5", "--box", "20,20,50,50"],
            "point 0 (4, 5) is added but lies outside the box",
        ),
    ],
)
def test_a_contradiction_is_answered_and_noted(segment, words, warning):
    ran = segment("cat.png", *words, "--json")
    assert (ran.code, ran.records[0]["warnings"]) == (0, [warning])
    assert f"note: cat.png: {warning}" in ran.err


def test_a_mask_of_another_size_names_both_sizes(segment, folder):
    Image.new("L", (64, 48), 255).save("rough.png")
    ran = segment("cat.png", "--mask", "rough.png")
    assert ran.code == 2
    assert "error: rough.png: mask is 64×48 for a picture of 90×60" in ran.err


def test_an_empty_mask_prompt_is_refused(segment, folder):
    Image.new("L", (90, 60)).save("rough.png")
    ran = segment("cat.png", "--mask", "rough.png")
    assert (ran.code, "error: rough.png: mask is empty, no pixel is set" in ran.err) == (2, True)


def test_a_mask_prompt_that_is_no_png_is_refused(segment, folder):
    (folder / "rough.png").write_text("hello")
    ran = segment("cat.png", "--mask", "rough.png")
    assert (ran.code, "error: rough.png: is not a PNG picture" in ran.err) == (2, True)


def test_two_hundred_boxes_are_answered_in_order(segment):
    words = [word for i in range(200) for word in ("--box", f"{i % 40},5,{i % 40 + 30},50")]
    (record,) = segment("cat.png", *words, "--json").records
    assert [mask["object"] for mask in record["masks"]] == list(range(200))
    (alone,) = segment("cat.png", "--box", "7,5,37,50", "--box", "9,5,39,50", "--json").records
    for number in (7, 167):
        assert record["masks"][number]["score"] == pytest.approx(
            alone["masks"][0]["score"], abs=1e-4
        )


def test_an_empty_answer_is_no_error(segment, monkeypatch):
    """No pixel passes: files are written all the same, and the exit code is 0."""
    monkeypatch.setattr(
        "anymask.masks.mask.full_resolution_mask",
        lambda logits, frame: np.zeros(frame.original_hw, np.bool_),
    )
    ran = segment("cat.png", "--point", "4,5", "--format", "rle", "--format", "overlay")
    assert ran.code == 0
    assert "nothing found, the mask is empty" in ran.out


def test_jpeg_is_refused_for_masks(segment, folder):
    ran = segment("cat.png", "--point", "4,5", "-o", "m.jpg")
    assert (ran.code, ran.err) == (2, "error: m.jpg: JPEG changes mask values\nhint: use PNG\n")
    assert segment("cat.png", "--point", "4,5", "-o", "m.png").code == 0


def test_more_photos_after_a_failure_give_the_same_masks(segment, folder):
    segment("cat.png", "--point", "4,5", "-o", "alone")
    segment("none.png", "cat.png", "--point", "4,5", "-o", "beside")
    assert (folder / "alone/cat.png.mask.png").read_bytes() == (
        folder / "beside/cat.png.mask.png"
    ).read_bytes()

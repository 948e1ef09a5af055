"""Bytes tell what they are; names only earn a note."""

import pytest

from anymask.errors import ImageError
from anymask.image import read_picture
from anymask.image.sniff import sniff

AGAIN = "download it again, the server sent something else."
MEANT = "check that this is the file you mean."


@pytest.mark.parametrize(
    ("data", "kind", "begin", "hint"),
    [
        (b"<!DOCTYPE html>\n<html>", "a web page", "<!DOCTYPE", AGAIN),
        (b"\xef\xbb\xbf\n <html lang='en'>", "a web page", "<html", AGAIN),
        (b'{"error": "no"}', "JSON", '{"error":', AGAIN),
        (b"[1, 2]", "JSON", "[1,", AGAIN),
        (b"<?xml version='1.0'?><Error/>", "XML", "<?xml", AGAIN),
        ("Höhe,Breite\n".encode(), "text", "Höhe,Breite", MEANT),
        ("\ufeffplain".encode("utf-16-le"), "text", "plain", MEANT),
        (b"a" * 5000, "text", "a" * 20, MEANT),
    ],
)
def test_text_is_named_and_quoted(data, kind, begin, hint):
    with pytest.raises(ImageError) as caught:
        read_picture(data)
    assert str(caught.value) == f"bytes: is {kind}, not a picture (begins with `{begin}`); {hint}"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<?xml version='1.0'?><svg/>", "is an SVG drawing, which is not read; save it as PNG."),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "is a Git LFS pointer, not a picture; fetch the file with git lfs pull.",
        ),
        (
            b"\x3f\xa2\x91\x0c\x99",
            "is no known picture format (begins with 3f a2 91 0c); "
            "give a JPEG, PNG, WebP, GIF, BMP, TIFF or PPM file.",
        ),
        (b" \n\t", "is text, not a picture; check that this is the file you mean."),
    ],
)
def test_what_is_no_picture_is_named(data, expected):
    with pytest.raises(ImageError) as caught:
        read_picture(data)
    assert str(caught.value) == f"bytes: {expected}"


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"8BPS\0\1", "a Photoshop picture (PSD)"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript file (EPS or PS)"),
        (b"\xc5\xd0\xd3\xc6\x20\0", "a PostScript file (EPS or PS)"),
        (b"\0\0\0\x18ftypheic\0\0", "a HEIC picture"),
        (b"\0\0\0\x18ftypavif\0\0", "an AVIF picture"),
        (b"\0\0\0\x18ftypcrx \0\0", "a Canon camera raw picture (CR3)"),
        (b"\0\0\0\x18ftypisom\0\0", "a film (MP4 or MOV)"),
        (b"II*\0\x10\0\0\0CR\2\0", "a Canon camera raw picture (CR2)"),
        (b"FUJIFILMCCD-RAW 0201", "a Fujifilm camera raw picture (RAF)"),
        (b"SIMPLE  =                    T", "a FITS picture"),
        (b"\x1f\x8b\x08\0", "GZIP data"),
        (b"PK\3\4", "a ZIP archive"),
        (b"\x93NUMPY\1\0", "a NumPy array file"),
    ],
)
def test_known_formats_that_are_not_read_are_named(data, named):
    with pytest.raises(ImageError) as caught:
        read_picture(data)
    assert caught.value.message == f"bytes: is {named}, which is not read"
    assert caught.value.hint


def test_postscript_never_reaches_a_decoder(monkeypatch):
    from PIL import EpsImagePlugin

    def fail(*_):
        pytest.fail("PostScript was opened")

    monkeypatch.setattr(EpsImagePlugin.EpsImageFile, "_open", fail)
    with pytest.raises(ImageError, match="PostScript"):
        read_picture(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")


def test_text_cut_inside_a_character_is_still_text():
    with pytest.raises(ImageError, match="is text"):
        sniff("aé".encode()[:2], "x")


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("a.png", ()),
        ("a.PNG", ()),
        ("a.jpg", ("is PNG by its content although its name ends in .jpg",)),
        ("a", ("is PNG by its content; its name has no suffix",)),
    ],
)
def test_a_name_that_claims_otherwise_earns_a_note(tmp_path, photo, encode, name, notes):
    (tmp_path / name).write_bytes(encode(photo, "PNG"))
    picture = read_picture(tmp_path / name)
    assert (picture.notes, picture.format) == (notes, "PNG")

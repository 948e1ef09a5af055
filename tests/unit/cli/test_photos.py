import hashlib
import os
import sys

import pytest
from PIL import Image

from anymask.cli.photos import list_photos, read_photo
from anymask.errors import ImageError, InputError
from anymask.image.options import ReadOptions


def stems(*paths):
    return [photo.stem for photo in list_photos(paths)]


def make(*paths):
    for path in paths:
        path.parent.mkdir(exist_ok=True, parents=True)
        Image.new("RGB", (4, 3), (9, 9, 9)).save(path, "PNG")
    return [str(path) for path in paths]


def test_a_photo_keeps_its_name_and_suffix(folder):
    make(folder / "a.jpg", folder / "a.png")
    assert stems("a.jpg", "a.png") == ["a.jpg", "a.png"]


def test_each_photo_is_done_once_in_the_order_given(folder):
    make(folder / "a.png", folder / "b.png")
    assert [p.path for p in list_photos(["b.png", "a.png", "./b.png", "a.png"])] == [
        "b.png",
        "a.png",
    ]


def test_equal_names_from_two_folders_are_told_apart(folder):
    make(folder / "x" / "a.png", folder / "y" / "a.png", folder / "a-2.png")
    assert stems("x/a.png", "y/a.png", "a-2.png") == ["a.png", "a-3.png", "a-2.png"]


def test_names_that_differ_only_in_case_are_told_apart(folder):
    make(folder / "x" / "a.png", folder / "y" / "A.PNG")
    assert len({stem.casefold() for stem in stems("x/a.png", "y/A.PNG")}) == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("-rf.png", "_rf.png"),
        ("a\nb.png", "a_b.png"),
        ("a:b?.png", "a_b_.png"),
        ("con.png", "_con.png"),
        ("a\u202egnp.png", "a_gnp.png"),
        (os.fsdecode(b"a\xff.png"), "a_.png"),
        ("x" * 250, "x" * 180),
    ],
)
def test_an_unsafe_name_is_mended_and_marked(folder, name, expected):
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    assert stems(f"./{name}") == [f"{expected}-{digest}"]


def test_emoji_and_other_scripts_stay(folder):
    assert stems("🐈 кошка.png") == ["🐈 кошка.png"]


def test_two_unsafe_names_stay_apart(folder):
    assert len(set(stems("a\nb.png", "a\tb.png"))) == 2


def test_a_name_is_shown_escaped(folder):
    (photo,) = list_photos([os.fsdecode(b"a\n\xff.png")])
    assert photo.shown == r"a\n\xff.png"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (".", ".: is a folder; name a picture inside it."),
        ("/dev/zero", "/dev/zero: is not a regular file;"),
        ("", "the path of the picture is empty;"),
    ],
)
def test_what_can_never_be_a_picture_is_refused_at_once(folder, path, sentence):
    with pytest.raises(InputError) as caught:
        list_photos(["cat.png", path])
    assert str(caught.value).startswith(sentence)
    assert caught.value.exit_code == 2


def test_a_pipe_is_refused_without_waiting_for_it(folder):
    os.mkfifo(folder / "pipe.png")
    with pytest.raises(InputError, match=r"pipe.png: is not a regular file"):
        list_photos(["pipe.png"])


def test_a_photo_that_is_missing_is_told_later(folder):
    (photo,) = list_photos(["none.png"])
    with pytest.raises(ImageError, match=r"none.png: no such file"):
        read_photo(photo, ReadOptions())


def test_a_terminal_is_no_picture(monkeypatch):
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    with pytest.raises(InputError, match="standard input is a terminal, not a picture; pipe"):
        list_photos(["-"])

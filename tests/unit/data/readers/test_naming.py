"""Names from outside become safe, and stay different."""

from pathlib import Path

import pytest

from anymask.data.readers.naming import leaves_folder, picture_name, set_name_of


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/wbc.tar", "wbc"),
        ("a/my data (2).json", "my-data--2-"),
        ("a/.hidden.tar", "hidden"),
        ("a/größe.tar", "größe"),
        ("a/\n.tar", "data"),
    ],
)
def test_a_set_is_named_after_its_file(path, name):
    assert set_name_of(Path(path)) == name


def test_a_set_is_named_after_its_folder(tmp_path, monkeypatch):
    folder = tmp_path / "VOC2012.v1"
    folder.mkdir()
    assert set_name_of(folder) == "VOC2012.v1"
    monkeypatch.chdir(folder)
    assert set_name_of(Path()) == "VOC2012.v1"


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("", "x"), "x"),
        (("train", "a.b"), "train/a.b"),
        (("./train", "x"), "train/x"),
        (("a b%20",), "a%20b%2520"),
        (("a\nb\udcff",), "a%0Ab%FF"),
        (("é",), "é"),
    ],
)
def test_a_picture_keeps_its_folders(parts, name):
    assert picture_name(*parts) == name


@pytest.mark.parametrize(
    ("name", "leaves"),
    [
        ("x.jpg", False),
        ("a/..b/x.jpg", False),
        ("../x.jpg", True),
        ("a/../../x.jpg", True),
        ("a\\..\\x.jpg", True),
        ("/etc/passwd", True),
        ("C:\\x.jpg", True),
        ("a\0.jpg", True),
    ],
)
def test_names_that_leave_the_folder_are_seen(name, leaves):
    assert leaves_folder(name) is leaves

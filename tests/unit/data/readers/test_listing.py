"""Folders are listed once each, hidden files left out."""

import os

import pytest

from anymask.data.readers.listing import walk
from anymask.errors import DataError


def test_files_come_sorted_folder_by_folder(tmp_path):
    for name in ("b/y.jpg", "b/x.jpg", "a/z.jpg", "top.jpg", ".hidden", "a/.git/config"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(walk(tmp_path)) == [
        ("", ["top.jpg"]),
        ("a", ["z.jpg"]),
        ("b", ["x.jpg", "y.jpg"]),
    ]


def test_links_that_lead_back_end(tmp_path):
    """One that leads to itself counts as a file, for opening it says what is wrong."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    assert [(inside, files) for inside, files in walk(tmp_path) if "x.jpg" in files] == [
        ("a", ["self", "x.jpg"])
    ]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone: cannot be listed \(No such file or directory\)"):
        list(walk(tmp_path / "gone"))


def test_pipes_are_passed_over_and_dangling_links_listed(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    (tmp_path / "b.json").symlink_to("a.json")
    (tmp_path / "c.json").symlink_to("nowhere")
    (tmp_path / "d.json").touch()
    assert list(walk(tmp_path)) == [("", ["c.json", "d.json"])]

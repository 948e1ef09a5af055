"""A conversion is whole, or made anew; never half, and never twice."""

import errno
import json

import pytest

from anymask.predict import kept_conversion
from anymask.predict.kept_conversion import converted


@pytest.fixture
def made():
    """What was converted so far."""
    return []


def ask(folder, made, save=None):
    """A conversion that writes two files."""

    def convert():
        made.append("new")
        return f"content {len(made)}"

    def write(content, place):
        (place / "graph").write_text(content)
        (place / "weights").write_bytes(b"\0" * 100)

    return converted(folder, convert, save or write, lambda place: (place / "graph").read_text())


def test_the_second_time_it_is_read(tmp_path, made):
    folder = tmp_path / "kept" / "one"
    assert ask(folder, made) == ("content 1", ())
    assert ask(folder, made) == ("content 1", ())
    assert made == ["new"]
    assert [path.name for path in folder.parent.iterdir()] == ["one"]
    assert sorted(json.loads((folder / "sha256.json").read_bytes())) == ["graph", "weights"]


@pytest.mark.parametrize("harm", ["changed", "lost", "added", "list", "list is none"])
def test_harm_is_seen(tmp_path, made, harm):
    folder = tmp_path / "one"
    ask(folder, made)
    match harm:
        case "changed":
            (folder / "weights").write_bytes(b"\0" * 99 + b"\1")
        case "lost":
            (folder / "weights").unlink()
        case "added":
            (folder / "more").write_text("")
        case "list":
            (folder / "sha256.json").write_text("{")
        case "list is none":
            (folder / "sha256.json").write_text("[]")
    ready, notes = ask(folder, made)
    assert (ready, made) == ("content 2", ["new", "new"])
    assert notes == (f"{folder}: was damaged and is made again",)
    assert ask(folder, made) == ("content 2", ())


def test_nothing_is_kept_without_a_folder(tmp_path, made):
    assert ask(None, made) == ("content 1", ())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (RuntimeError("could not write\nat line 3"), "could not write"),
    ],
)
def test_a_full_disk_leaves_nothing_behind(tmp_path, made, error, reason):
    def full(content, place):
        (place / "graph").write_text(content)
        if tmp_path in place.parents:
            raise error

    folder = tmp_path / "kept" / "one"
    ready, notes = ask(folder, made, full)
    assert (ready, made) == ("content 1", ["new"])
    assert notes == (f"{folder}: cannot be kept ({reason}); loading stays slow",)
    assert list(folder.parent.iterdir()) == []


def test_two_programs_at_once_keep_one(tmp_path, made, monkeypatch):
    folder = tmp_path / "one"
    bring = kept_conversion._bring_to_disk
    quicker: list[str] = []

    def slowly(path):
        if not quicker:
            quicker.append("began")
            ask(folder, made)
        bring(path)

    monkeypatch.setattr(kept_conversion, "_bring_to_disk", slowly)
    assert ask(folder, made) == ("content 2", ())
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_folder_that_cannot_be_is_told(tmp_path, made):
    """Its name is longer than a disk takes: the conversion is used all the same."""
    folder = tmp_path / ("a" * 300)
    ready, (note,) = ask(folder, made)
    assert ready == "content 1"
    assert note.endswith("cannot be kept (File name too long); loading stays slow")

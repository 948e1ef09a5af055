"""Files are whole or not there."""

import errno
import os
import stat

import pytest

from anymask.errors import OutputError
from anymask.masks.atomic import shown_name, write_bytes


def failing(number):
    def fail(*_given):
        raise OSError(number, os.strerror(number))

    return fail


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "a.bin"
    write_bytes(path, b"one")
    write_bytes(str(path), b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_missing_folders_are_made(tmp_path):
    write_bytes(tmp_path / "x" / "y" / "a.bin", b"deep")
    assert (tmp_path / "x" / "y" / "a.bin").read_bytes() == b"deep"


def test_the_file_has_the_usual_permissions(tmp_path):
    path = tmp_path / "a.bin"
    write_bytes(path, b"")
    other = tmp_path / "b.bin"
    other.write_bytes(b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


def test_the_longest_name_works(tmp_path):
    path = tmp_path / ("n" * 251 + ".png")
    write_bytes(path, b"long")
    assert path.read_bytes() == b"long"


def test_without_overwrite_the_old_file_stays(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match=r"a\.bin: exists already; choose another name or allow"):
        write_bytes(path, b"new", overwrite=False)
    assert path.read_bytes() == b"old"
    write_bytes(tmp_path / "b.bin", b"new", overwrite=False)
    assert (tmp_path / "b.bin").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "a.bin: the disk is full; free some space or choose another folder"),
        (errno.EACCES, "a.bin: permission denied; choose a folder you can write to"),
        (errno.EROFS, "a.bin: the folder is read-only; choose a folder you can write to"),
        (errno.EIO, r"a.bin: cannot be written \(Input/output error\); choose a folder"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, number, sentence, step
):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, step, failing(number))
    with pytest.raises(OutputError, match=sentence):
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_bytes_reach_the_disk_before_the_rename(tmp_path, monkeypatch):
    order = []

    def noted(name):
        original = getattr(os, name)

        def call(*given):
            order.append(name)
            return original(*given)

        return call

    monkeypatch.setattr(os, "fsync", noted("fsync"))
    monkeypatch.setattr(os, "replace", noted("replace"))
    write_bytes(tmp_path / "a.bin", b"new")
    assert order == ["fsync", "replace"]


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="a file stands where a folder should be; choose"):
        write_bytes(tmp_path / "file" / "a.bin", b"new")
    with pytest.raises(OutputError, match="a file stands where a folder should be; choose"):
        write_bytes(tmp_path / "file" / "deeper" / "a.bin", b"new")


def test_too_long_a_name(tmp_path):
    with pytest.raises(OutputError, match="the name is too long; choose a shorter name"):
        write_bytes(tmp_path / ("n" * 300), b"new")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(OutputError, match="is a folder; give the name of a file in it"):
        write_bytes(tmp_path, b"new")


def test_devices_and_pipes_are_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="pipe: is not a regular file; choose another name"):
        write_bytes(tmp_path / "pipe", b"new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_link_goes_on_pointing_to_its_file(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.bin").symlink_to(tmp_path / "real" / "a.bin")
    write_bytes(tmp_path / "link.bin", b"new")
    assert (tmp_path / "link.bin").is_symlink()
    assert (tmp_path / "real" / "a.bin").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain 사진.png", "plain 사진.png"),
        ("two\nlines\x1b[31m.png", r"two\nlines\x1b[31m.png"),
        (b"bad\xff.png", r"bad\xff.png"),
        ("turn\u202egnp.exe", r"turn\u202egnp.exe"),
    ],
)
def test_names_are_shown_on_one_harmless_line(name, shown):
    assert shown_name(name) == shown


def test_errors_show_names_escaped(tmp_path):
    (tmp_path / "a\nb").mkdir()
    with pytest.raises(OutputError, match=r"a\\nb: is a folder"):
        write_bytes(tmp_path / "a\nb", b"")

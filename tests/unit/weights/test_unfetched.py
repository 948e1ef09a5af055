"""A cache that cannot take a checkpoint is told in one sentence, and left without junk."""

import errno
import os
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from anymask.errors import OutputError, WeightsNotFound
from anymask.weights.download import fetch, is_whole
from anymask.weights.unfetched import megabytes
from tests.unit.weights.web import BODY, leave_piece, names_in, published, serving


def test_a_disk_without_room_is_told_before_anything_is_fetched(folder, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9, 12_000_000))
    entry = replace(published(""), num_bytes=375_042_383)
    with serving(BODY) as site:
        with pytest.raises(OutputError) as told:
            fetch(replace(entry, mirrors=(site.url,)), folder=folder)
        assert str(told.value) == (
            f"mobile_sam: needs 375 MB, 12 MB free in {folder}; set ANYMASK_CACHE to a folder with "
            "more space."
        )
        assert (told.value.exit_code, site.ranges, names_in(folder)) == (1, [], [])


def test_only_what_is_missing_needs_room(folder, monkeypatch):
    leave_piece(folder, BODY[:-1000])
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9, 1000))
    with serving(BODY) as site:
        assert fetch(published(site.url), folder=folder).read_bytes() == BODY


class _FullDisk:
    """A file on a disk that takes so many bytes."""

    def __init__(self, file, room: int) -> None:
        self._file, self._room = file, room

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, data: bytes) -> int:
        self._room -= len(data)
        if self._room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._file.write(data)


def test_a_disk_that_fills_up_keeps_no_junk_and_the_next_time_works(folder, monkeypatch):
    real = Path.open

    def small(path, mode="r", *words, **named):
        file = real(path, mode, *words, **named)
        is_piece = path.suffix == ".part" and mode == "wb"
        return _FullDisk(file, 1_000_000) if is_piece else file

    with serving(BODY) as site:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", small)
            with pytest.raises(OutputError, match="cannot be written: the disk is full") as told:
                fetch(published(site.url), folder=folder)
        assert f"needs 3 MB in {folder}" in told.value.message
        assert "set ANYMASK_CACHE" in str(told.value.hint)
        assert names_in(folder) == []
        assert fetch(published(site.url), folder=folder).read_bytes() == BODY


@pytest.mark.parametrize(
    ("code", "reason"),
    [(errno.EROFS, "it is read-only"), (errno.EACCES, "permission denied")],
)
def test_a_cache_that_cannot_be_written(folder, monkeypatch, code, reason):
    folder.mkdir(parents=True)
    real = os.open

    def refuse(path, *words, **named):
        if str(path).startswith(str(folder)):
            raise OSError(code, os.strerror(code), str(path))
        return real(path, *words, **named)

    monkeypatch.setattr("os.open", refuse)
    with serving(BODY) as site, pytest.raises(OutputError, match=reason) as told:
        fetch(published(site.url), folder=folder)
    assert "set ANYMASK_CACHE" in str(told.value.hint)
    assert (site.ranges, names_in(folder)) == ([], [])


@pytest.mark.usefixtures("online")
def test_a_file_where_the_cache_should_be(tmp_path):
    (tmp_path / "cache").write_text("mine")
    with pytest.raises(OutputError, match="a file stands where a folder should be"):
        fetch(published("http://127.0.0.1:9/"), folder=tmp_path / "cache" / "weights")
    assert (tmp_path / "cache").read_text() == "mine"


@pytest.mark.parametrize(
    ("num_bytes", "said"), [(375_042_383, "375 MB"), (2_564_550_879, "2.56 GB"), (0, "0 MB")]
)
def test_amounts_are_said_as_people_say_them(num_bytes, said):
    assert megabytes(num_bytes) == said


def test_a_forbidden_connection_is_not_told_to_try_again(folder, monkeypatch):
    monkeypatch.setenv("ANYMASK_OFFLINE", "1")
    leave_piece(folder, BODY[:1_500_000])
    hint = "; unset ANYMASK_OFFLINE, 2 MB are kept, or download http"
    with pytest.raises(WeightsNotFound, match=hint):
        fetch(published("http://127.0.0.1:9/f"), folder=folder)


def test_a_file_that_cannot_be_read_is_not_whole(folder, monkeypatch):
    folder.mkdir(parents=True)
    path = folder / "mobile_sam.pt"
    path.write_bytes(BODY)
    assert is_whole(published(""), path)

    def locked(*_told):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", locked)
    assert not is_whole(published(""), path)

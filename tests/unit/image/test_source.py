"""Paths, bytes and file objects: nothing blocks, nothing is believed, sentences are exact."""

import hashlib
import io
import os
import socket
from pathlib import Path

import pytest

from anymask.errors import ImageError, InputError
from anymask.image import photo_path, read_picture

CHELSEA = photo_path("chelsea")


def sentence(given) -> str:
    with pytest.raises((ImageError, InputError)) as caught:
        read_picture(given)
    return str(caught.value)


def test_empty_file(tmp_path):
    file = tmp_path / "photo.jpg"
    file.touch()
    assert sentence(file) == f"{file}: is empty (0 bytes); download or copy it again."
    assert sentence(b"") == "bytes: is empty (0 bytes); download or copy it again."


def test_missing_file():
    with pytest.raises(ImageError, match=r"^photo\.jpg: no such file; check the name") as caught:
        read_picture("photo.jpg")
    assert caught.value.exit_code == 3


def test_folder(tmp_path):
    (tmp_path / "pictures.jpg").mkdir()
    with pytest.raises(InputError, match=r"pictures\.jpg: is a folder; name a pict") as caught:
        read_picture(tmp_path / "pictures.jpg")
    assert caught.value.exit_code == 2


def test_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: is not a regular file") as caught:
        read_picture(tmp_path / "pipe")
    assert caught.value.exit_code == 2


def test_pipe_put_in_the_place_of_a_file_does_not_block(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    ordinary = CHELSEA.stat()
    monkeypatch.setattr(os, "stat", lambda path: ordinary)
    with pytest.raises(InputError, match="pipe: is not a regular file"):
        read_picture(tmp_path / "pipe")


def test_socket(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert sentence("socket").startswith("socket: is not a regular file;")


def test_device():
    assert sentence("/dev/zero").startswith("/dev/zero: is not a regular file;")


def test_links(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    Path("dangling").symlink_to("nowhere")
    Path("good.png").symlink_to(CHELSEA)
    assert sentence("loop").startswith("loop: is a link that leads back to itself;")
    assert sentence("dangling").startswith("dangling: is a link to a missing file;")
    assert read_picture("good.png").size_hw == (300, 451)


def test_permission(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        with pytest.raises(ImageError, match=r"chelsea\.png: permission denied;") as caught:
            read_picture(CHELSEA)
        assert caught.value.exit_code == 3
    assert read_picture(CHELSEA).format == "PNG"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "the path of the picture is empty; give the name of a file."),
        ("a\0b.jpg", r"a\x00b.jpg: no such file; check the name and the folder."),
        ("http://x.org/a.jpg", "http://x.org/a.jpg: is an address, not a file; download it first."),
        ("a\nb.jpg", r"a\nb.jpg: no such file; check the name and the folder."),
        (f"{CHELSEA}/x", f"{CHELSEA}/x: cannot be opened (not a directory); check its name."),
    ],
)  # fmt: skip
def test_other_paths_that_lead_nowhere(path, expected):
    assert sentence(path) == expected


@pytest.mark.parametrize("name", ["-rf", "a\nb.png", b"\xff\x80.png", "😀.png", "x" * 251 + ".png"])
def test_odd_names_are_read(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(name)
    Path(name).write_bytes(CHELSEA.read_bytes())
    assert read_picture(name).size_hw == (300, 451)


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_in_any_form(wrap):
    data = CHELSEA.read_bytes()
    picture = read_picture(wrap(data))
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.size_hw == (300, 451)


def test_open_file_keeps_its_name_and_stays_open():
    with CHELSEA.open("rb") as file:
        picture = read_picture(file)
        assert not file.closed
    assert picture.name == str(CHELSEA)
    assert picture.notes == ()


def test_file_in_text_mode():
    expected = "stream: gives text, not bytes; open it in binary mode ('rb')."
    assert sentence(io.StringIO("x")) == expected


def test_closed_file():
    file = io.BytesIO(b"x")
    file.close()
    assert sentence(file).startswith("stream: cannot be read (I/O operation on closed file")


def test_nothing_is_written_beside_the_source(tmp_path, photo, encode):
    file = tmp_path / "a.png"
    file.write_bytes(encode(photo, "PNG"))
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    tmp_path.chmod(0o500)
    read_picture(file)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before

"""Where checkpoints and conversions lie, and whether connections are allowed."""

import errno
from pathlib import Path

import pytest

from anymask.weights.cache import engines_folder, is_there, may_connect, weights_folder


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"ANYMASK_CACHE": "/data/a", "XDG_CACHE_HOME": "/x"}, "/data/a/weights"),
        ({"ANYMASK_CACHE": "", "XDG_CACHE_HOME": "/x"}, "/x/anymask/weights"),
        ({"ANYMASK_CACHE": "~/a"}, "~/a/weights"),
        ({}, "~/.cache/anymask/weights"),
    ],
)
def test_the_folder_follows_from_the_environment(environment, folder):
    assert weights_folder(environment) == Path(folder).expanduser()


def test_the_process_environment_is_read(monkeypatch, tmp_path):
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path))
    assert weights_folder() == tmp_path / "weights"
    assert engines_folder() == tmp_path / "engines"


@pytest.mark.parametrize(
    ("environment", "is_allowed"),
    [
        ({}, True),
        ({"ANYMASK_OFFLINE": ""}, True),
        ({"ANYMASK_OFFLINE": "0"}, True),
        ({"ANYMASK_OFFLINE": "1"}, False),
        ({"ANYMASK_OFFLINE": "yes"}, False),
    ],
)
def test_connections_are_allowed_unless_forbidden(environment, is_allowed):
    assert may_connect(environment) is is_allowed


def test_a_home_that_is_not_known_is_a_folder_like_any_other():
    folder = weights_folder({"ANYMASK_CACHE": "~nobody-of-that-name/a"})
    assert folder == Path("~nobody-of-that-name/a/weights")


def test_a_file_in_a_folder_that_may_not_be_entered_counts_as_none(monkeypatch, tmp_path):
    (tmp_path / "a").touch()
    assert is_there(tmp_path / "a")

    def locked(_path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "is_file", locked)
    assert not is_there(tmp_path / "a")

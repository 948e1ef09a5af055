"""What every test has: a home of its own, no network, and the pictures at hand."""

import os
import shutil
import signal
import socket
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent
PHOTOS = REPOSITORY / "src" / "anymask" / "photos"

# A busy machine may take any time for one example, and CI must find what a laptop found.
settings.register_profile("anymask", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("anymask")


@pytest.fixture(autouse=True)
def _home_of_its_own(monkeypatch, tmp_path_factory):
    """Keep tests, and what they start, away from the user's files and screen."""
    home = tmp_path_factory.getbasetemp() / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("MPLCONFIGDIR", str(home / "matplotlib"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.delenv("ANYMASK_CACHE", raising=False)
    monkeypatch.setenv("ANYMASK_OFFLINE", "1")
    # Programs that tests start find the package where the tests find it.
    paths = [str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


@pytest.fixture(autouse=True)
def _no_network(request, monkeypatch):
    """Refuse connections to other machines unless the test is marked `network`."""
    if request.node.get_closest_marker("network"):
        return
    connect = socket.socket.connect

    def connect_here_only(self, address):
        is_remote = self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1")
        if is_remote and address[0] != "localhost":
            pytest.fail(f"the test connects to {address[0]}; mark it network or fake the answer")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here_only)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of the six bundled photos."""
    return PHOTOS


@pytest.fixture
def folder_with_photos(tmp_path, monkeypatch) -> Path:
    """A working folder that holds copies of the bundled photos."""
    for photo in PHOTOS.iterdir():
        if photo.suffix in (".png", ".jpg"):
            shutil.copy(photo, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def annotated_data() -> Path:
    """The folder with the train/ and eval/ archives; skips where it is not at hand."""
    named = os.environ.get("ANYMASK_DATA", "")
    if not named:
        pytest.skip("ANYMASK_DATA names no folder with train/ and eval/ archives")
    folder = Path(named)
    if not (folder / "eval").is_dir():
        pytest.fail(f"ANYMASK_DATA is {named}, which has no eval folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard():
    """Shells let jobs in the background ignore Ctrl-C, and so would every program a test starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

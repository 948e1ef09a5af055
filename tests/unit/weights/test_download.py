"""A checkpoint arrives whole and as published, fetched once however many ask for it."""

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from anymask.errors import WeightsNotFound
from anymask.weights.download import fetch, is_whole
from tests.unit.weights.web import BODY, names_in, published, serving

FETCH = """
import sys
from pathlib import Path
from anymask.weights.catalogue import PublishedFile
from anymask.weights.download import fetch
url, folder, num_bytes, sha256 = sys.argv[1:]
published = PublishedFile(name="mobile_sam", architecture="mobile_sam", file_name="mobile_sam.pt",
    num_bytes=int(num_bytes), sha256=sha256, mirrors=(url,), licence="Apache-2.0")
print(fetch(published, folder=Path(folder), timeout_s=10))
"""


# --- what arrives ---


def test_a_file_is_fetched_once_and_whole(folder):
    with serving(BODY) as site:
        path = fetch(published(site.url), folder=folder)
        assert fetch(published(site.url), folder=folder) == path
    assert path == folder / "mobile_sam.pt"
    assert path.read_bytes() == BODY
    assert (site.ranges, names_in(folder)) == ([None], ["mobile_sam.pt"])


@pytest.mark.usefixtures("online")
def test_the_cache_of_the_environment_is_the_usual_place(monkeypatch, tmp_path):
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "c"))
    with serving(BODY) as site:
        assert fetch(published(site.url)) == tmp_path / "c" / "weights" / "mobile_sam.pt"


def test_progress_counts_up_to_the_whole(folder):
    seen = []
    with serving(BODY) as site:
        fetch(published(site.url), folder=folder, on_progress=lambda *at: seen.append(at))
    assert seen == sorted(seen)
    assert (len(seen) > 2, seen[-1]) == (True, (len(BODY), len(BODY)))


def test_off_a_terminal_nothing_is_printed(folder, capsys):
    with serving(BODY) as site:
        fetch(published(site.url), folder=folder)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with serving(BODY) as site:
        fetch(published(site.url), folder=folder)
    printed = capsys.readouterr()
    assert (printed.out, "fetching mobile_sam.pt" in printed.err) == ("", True)


# --- no server at all ---


@pytest.fixture
def silent_port():
    """A port that takes no connection and refuses none, as behind a firewall that drops."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # the queue is full now
            yield port


def slow_names(monkeypatch):
    """Let names take long to look up; gives what ends the wait."""
    is_over, real = threading.Event(), socket.getaddrinfo

    def look_up(host, *words, **named):
        if host != "127.0.0.1":
            is_over.wait(20)
        return real("127.0.0.1", *words[:1], **named)

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    return is_over


def test_offline_one_sentence_says_all_there_is_to_know(folder):
    """Name, address, size, hash and folder: enough to bring the file on a stick."""
    entry = published("http://127.0.0.1:9/weights/file.pt")
    with pytest.raises(WeightsNotFound) as told:
        fetch(entry, folder=folder)
    assert str(told.value) == (
        f"mobile_sam: mobile_sam.pt is not in {folder} and cannot be fetched: 127.0.0.1 refuses "
        "the connection; try again, or download http://127.0.0.1:9/weights/file.pt into that "
        f"folder (3,000,000 bytes, sha256 {entry.sha256})."
    )
    assert (told.value.exit_code, names_in(folder)) == (2, [])


def test_addresses_that_never_answer_are_given_up_within_a_second(folder, silent_port):
    urls = [f"http://127.0.0.1:{silent_port}/{number}" for number in range(3)]
    began = time.monotonic()
    with pytest.raises(WeightsNotFound, match=r"127\.0\.0\.1 gives no connection within 1 s"):
        fetch(published(*urls), folder=folder)
    assert 0.9 < time.monotonic() - began < 1.5


def test_a_name_that_takes_forever_to_look_up_is_given_up_as_well(folder, monkeypatch):
    is_over = slow_names(monkeypatch)
    began = time.monotonic()
    with pytest.raises(WeightsNotFound, match=r"weights\.example gives no connection within 0\.3"):
        fetch(published("http://weights.example/file.pt"), folder=folder, timeout_s=0.3)
    assert time.monotonic() - began < 1.0
    is_over.set()


def test_a_name_that_nobody_knows(folder, monkeypatch):
    def unknown(*_words, **_named):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    with pytest.raises(WeightsNotFound, match=r"the name weights\.example is not known here"):
        fetch(published("http://weights.example/file.pt"), folder=folder)


def test_a_silent_mirror_does_not_keep_from_the_next(folder, silent_port):
    with serving(BODY) as site:
        urls = (f"http://127.0.0.1:{silent_port}/", site.url)
        assert fetch(published(*urls), folder=folder, timeout_s=0.3).read_bytes() == BODY


def test_connections_can_be_forbidden(folder, monkeypatch):
    monkeypatch.setenv("ANYMASK_OFFLINE", "1")
    with serving(BODY) as site:
        with pytest.raises(WeightsNotFound, match="ANYMASK_OFFLINE forbids connections; unset"):
            fetch(published(site.url), folder=folder)
        assert (site.ranges, folder.exists()) == ([], False)
        monkeypatch.setenv("ANYMASK_OFFLINE", "0")
        assert fetch(published(site.url), folder=folder).read_bytes() == BODY


def test_offline_a_file_that_is_there_is_enough(folder, monkeypatch):
    monkeypatch.setenv("ANYMASK_OFFLINE", "1")
    folder.mkdir(parents=True)
    (folder / "mobile_sam.pt").write_bytes(b"brought by hand")
    assert fetch(published("http://127.0.0.1:9/"), folder=folder).name == "mobile_sam.pt"


# --- several processes ---


def start(site, folder: Path) -> subprocess.Popen:
    """Fetch in a process of its own."""
    entry = published(site.url)
    words = [site.url, str(folder), str(entry.num_bytes), entry.sha256]
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_of_two_processes_one_fetches_and_the_other_waits(folder):
    with serving(BODY, is_held_after=1000) as site:
        first = start(site, folder)
        site.wait_until_asked()
        second = start(site, folder)
        assert second.stderr is not None
        line = second.stderr.readline()
        site.go.set()
        printed = [process.communicate(timeout=30) for process in (first, second)]
    assert line == "note: another process fetches mobile_sam.pt; waiting for it\n"
    assert printed == [(f"{folder / 'mobile_sam.pt'}\n", "")] * 2
    assert (first.returncode, second.returncode, site.ranges) == (0, 0, [None])
    assert (folder / "mobile_sam.pt").read_bytes() == BODY
    assert names_in(folder) == ["mobile_sam.pt"]


def test_a_killed_process_holds_nobody_up(folder):
    with serving(BODY, is_held_after=1_000_000) as site:
        first = start(site, folder)
        partial = folder / "mobile_sam.pt.part"
        end = time.monotonic() + 20
        while not (partial.exists() and partial.stat().st_size) and time.monotonic() < end:
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=30)
        begun = partial.stat().st_size
        site.is_held_after = None
        notes: list[str] = []
        path = fetch(published(site.url), folder=folder, on_note=notes.append)
    assert (path.read_bytes() == BODY, notes, begun > 0) == (True, [], True)
    assert site.ranges == [None, f"bytes={begun}-"]
    assert names_in(folder) == ["mobile_sam.pt"]


def test_a_damaged_file_is_replaced_where_that_is_asked_for(folder):
    folder.mkdir(parents=True)
    (folder / "mobile_sam.pt").write_bytes(BODY[:-1] + b"!")
    with serving(BODY) as site:
        entry = published(site.url)
        assert not is_whole(entry, fetch(entry, folder=folder))
        assert site.ranges == []
        path = fetch(entry, folder=folder, is_checked=True)
        assert (is_whole(entry, path), site.ranges) == (True, [None])
        fetch(entry, folder=folder, is_checked=True)
        assert site.ranges == [None]


def test_a_damaged_file_stays_where_no_other_can_be_had(folder):
    folder.mkdir(parents=True)
    (folder / "mobile_sam.pt").write_bytes(BODY[:-1])
    with pytest.raises(WeightsNotFound, match=r"mobile_sam\.pt is damaged in .* refuses"):
        fetch(published("http://127.0.0.1:9/"), folder=folder, is_checked=True)
    assert (folder / "mobile_sam.pt").read_bytes() == BODY[:-1]

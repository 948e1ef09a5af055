"""What breaks off is gone on with; what is not the file is told and never stored."""

import hashlib
import re
import ssl
import urllib.error
from dataclasses import replace

import pytest

from anymask.errors import ChecksumMismatch, WeightsNotFound
from anymask.weights.download import fetch
from tests.unit.weights.web import BODY, leave_piece, names_in, published, serving

PAGE = b"\n<!DOCTYPE html><html><body>Please log in</body></html>"
HEAD_TO_HTML = {"Content-Type": "text/html; charset=utf-8"}


# --- transfers that break off ---


def test_a_broken_transfer_goes_on_where_it_was(folder):
    """At 98 % the connection ends; the rest is asked for, and only the rest."""
    cut = len(BODY) * 98 // 100
    with serving(BODY, cuts=[cut]) as site:
        path = fetch(published(site.url), folder=folder)
    assert path.read_bytes() == BODY
    assert site.ranges == [None, f"bytes={cut}-"]


def test_the_piece_of_an_earlier_process_is_gone_on_with(folder):
    leave_piece(folder, BODY[:1_000_000])
    with serving(BODY) as site:
        path = fetch(published(site.url), folder=folder)
    assert (path.read_bytes() == BODY, site.ranges) == (True, ["bytes=1000000-"])
    assert names_in(folder) == ["mobile_sam.pt"]


def test_what_a_dead_server_sent_is_kept_for_the_next_time(folder):
    with serving(BODY, cuts=[700_000, 0, 0, 0, 0, 0]) as site:
        with pytest.raises(WeightsNotFound, match="breaks off after 700,000 of 3,000,000") as told:
            fetch(published(site.url), folder=folder)
        assert "try again, 1 MB are kept" in str(told.value)
        assert (folder / "mobile_sam.pt.part").read_bytes() == BODY[:700_000]
        site.cuts.clear()
        assert fetch(published(site.url), folder=folder).read_bytes() == BODY


def test_ctrl_c_keeps_the_piece_and_no_lock(folder):
    def stop(_done, _total):
        raise KeyboardInterrupt

    with serving(BODY) as site:
        with pytest.raises(KeyboardInterrupt):
            fetch(published(site.url), folder=folder, on_progress=stop)
        assert names_in(folder) == ["mobile_sam.pt.part"]
        assert fetch(published(site.url), folder=folder).read_bytes() == BODY
    assert (site.ranges[0], str(site.ranges[1]).startswith("bytes=")) == (None, True)


def test_a_server_without_ranges_starts_anew(folder):
    leave_piece(folder, BODY[:1_000_000])
    with serving(BODY, has_ranges=False) as site:
        path = fetch(published(site.url), folder=folder)
    assert (path.read_bytes() == BODY, site.ranges) == (True, ["bytes=1000000-"])


def test_the_next_mirror_goes_on_with_what_the_first_sent(folder):
    with serving(BODY, cuts=[900_000, 0]) as first, serving(BODY) as second:
        path = fetch(published(first.url, second.url), folder=folder)
    assert (path.read_bytes() == BODY, second.ranges) == (True, ["bytes=900000-"])


def test_a_server_that_falls_silent_is_left(folder, monkeypatch):
    monkeypatch.setattr("anymask.weights.transfer.STALL_S", 0.1)
    with serving(BODY, is_held_after=500_000) as slow, serving(BODY) as second:
        path = fetch(published(slow.url, second.url), folder=folder)
        assert (path.read_bytes() == BODY, second.ranges) == (True, ["bytes=2500000-"])


@pytest.mark.parametrize(
    ("stale", "ranges"),
    [
        pytest.param(b"x" * len(BODY), [None], id="of the same size"),
        pytest.param(b"x" * (len(BODY) + 9), [None], id="too long"),
        pytest.param(b"x" * 1000, ["bytes=1000-", None], id="shorter"),
        pytest.param(b"", [None], id="empty"),
    ],
)
def test_a_stale_piece_never_becomes_part_of_the_file(folder, stale, ranges):
    leave_piece(folder, stale)
    with serving(BODY) as site:
        assert fetch(published(site.url), folder=folder).read_bytes() == BODY
    assert (names_in(folder), site.ranges) == (["mobile_sam.pt"], ranges)


def test_a_piece_that_is_whole_already_needs_no_server(folder):
    leave_piece(folder, BODY)
    path = fetch(published("http://127.0.0.1:9/gone"), folder=folder)
    assert (path.read_bytes() == BODY, names_in(folder)) == (True, ["mobile_sam.pt"])


def test_a_server_that_sends_us_on_is_asked_for_the_rest_only(folder):
    leave_piece(folder, BODY[:1000])
    with (
        serving(BODY) as store,
        serving(b"", status=302, headers={"Location": store.url}) as site,
    ):
        assert fetch(published(site.url), folder=folder).read_bytes() == BODY
    assert (len(site.ranges), store.ranges) == (1, ["bytes=1000-"])


def test_a_shorter_file_does_not_cost_the_piece(folder):
    leave_piece(folder, BODY[:1000])
    with serving(BODY[:999]) as short, serving(BODY) as site:
        with pytest.raises(WeightsNotFound, match="offers 999 instead of 3,000,000 bytes"):
            fetch(published(short.url), folder=folder)
        assert fetch(published(short.url, site.url), folder=folder).read_bytes() == BODY
    assert site.ranges == ["bytes=1000-"]


def test_a_range_of_another_file_is_not_appended(folder):
    leave_piece(folder, BODY[:1000])
    wrong = {"Content-Range": "bytes 500-2999999/3000000"}
    with (
        serving(BODY, status=206, headers=wrong) as site,
        pytest.raises(WeightsNotFound, match="goes on at byte 500 instead of 0"),
    ):
        fetch(published(site.url), folder=folder)
    assert (folder / "mobile_sam.pt.part").read_bytes() == BODY[:1000]


# --- servers that give something else ---


def test_a_wrong_hash_is_refused_with_both_hashes(folder):
    other = BODY[:-1] + b"!"
    entry = published("")
    with serving(other) as site, pytest.raises(ChecksumMismatch) as told:
        fetch(replace(entry, mirrors=(site.url,)), folder=folder)
    assert f"has sha256 {hashlib.sha256(other).hexdigest()}" in told.value.message
    assert f"published is {entry.sha256}" in told.value.message
    assert (told.value.exit_code, names_in(folder)) == (2, [])


def test_after_a_wrong_hash_the_next_mirror_is_asked(folder):
    with serving(BODY[::-1]) as wrong, serving(BODY) as right:
        path = fetch(published(wrong.url, right.url), folder=folder)
    assert (path.read_bytes() == BODY, len(wrong.ranges), right.ranges) == (True, 1, [None])


@pytest.mark.parametrize(
    ("manners", "sentence"),
    [
        pytest.param({"status": 403}, "127.0.0.1 answers 403 Forbidden", id="403"),
        pytest.param({"status": 404}, "127.0.0.1 answers 404 Not Found", id="404"),
        pytest.param({"status": 503}, "127.0.0.1 answers 503 Service Unavailable", id="503"),
        pytest.param({"status": 204}, "127.0.0.1 answers 204 No Content", id="204"),
        pytest.param(
            {"body": PAGE, "headers": HEAD_TO_HTML},
            "127.0.0.1 sends a web page instead of the file",
            id="login page",
        ),
        pytest.param(
            {"body": PAGE + BODY[len(PAGE) :]},
            "127.0.0.1 sends a web page instead of the file",
            id="login page that says it is a file",
        ),
        pytest.param(
            {"body": BODY[:99]}, "127.0.0.1 offers 99 instead of 3,000,000 bytes", id="another"
        ),
        pytest.param(
            {"body": BODY + b"more", "headers": {"Content-Length": ""}},
            "127.0.0.1 sends more than 3,000,000 bytes",
            id="endless",
        ),
    ],
)
def test_what_is_not_the_file_is_told_and_never_stored(folder, manners, sentence):
    """The next mirror is tried; without one, the sentence says where and what to get by hand."""
    with serving(**{"body": BODY, **manners}) as site, serving(BODY) as good:
        with pytest.raises(WeightsNotFound) as told:
            fetch(published(site.url), folder=folder)
        assert sentence in told.value.message
        assert all(path.stat().st_size == 0 for path in folder.iterdir())
        path = fetch(published(site.url, good.url), folder=folder)
    assert path.read_bytes() == BODY


def test_a_login_page_leaves_the_earlier_piece_alone(folder):
    leave_piece(folder, BODY[:1000])
    with (
        serving(PAGE, headers=HEAD_TO_HTML, has_ranges=False) as site,
        pytest.raises(WeightsNotFound, match="web page"),
    ):
        fetch(published(site.url), folder=folder)
    assert (folder / "mobile_sam.pt.part").read_bytes() == BODY[:1000]


def test_a_server_one_is_sent_on_to_is_named(folder):
    with serving(PAGE, headers=HEAD_TO_HTML) as login:
        away = {"Location": login.url.replace("127.0.0.1", "localhost")}
        with (
            serving(BODY, status=302, headers=away) as site,
            pytest.raises(WeightsNotFound, match=r"127.0.0.1 \(by way of localhost\) sends a web"),
        ):
            fetch(published(site.url), folder=folder)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_lets_nobody_through_is_named(folder, monkeypatch, scheme):
    with serving(b"", status=407) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://me:secret@127.0.0.1:{proxy.port}")
        with pytest.raises(WeightsNotFound, match=r"the proxy 127\.0\.0\.1 answers 407 Proxy Auth"):
            fetch(published(f"{scheme}://weights.example/file.pt"), folder=folder)


def test_the_environments_proxy_brings_the_file(folder, monkeypatch):
    with serving(BODY) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        path = fetch(published("http://weights.example/file.pt"), folder=folder)
    assert (path.read_bytes() == BODY, proxy.ranges) == (True, [None])


def test_a_server_that_speaks_no_tls_is_named(folder):
    with serving(BODY) as site:
        url = site.url.replace("http:", "https:")
        with pytest.raises(WeightsNotFound, match=r"127\.0\.0\.1 does not speak TLS \(\S+\)"):
            fetch(published(url), folder=folder)


def test_a_certificate_that_is_not_trusted_is_told(folder, monkeypatch):
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"

    def refuse(*_words, **_named):
        raise urllib.error.URLError(error)

    monkeypatch.setattr("urllib.request.OpenerDirector.open", refuse)
    with serving(BODY) as site, pytest.raises(WeightsNotFound) as told:
        fetch(published(site.url), folder=folder)
    sentence = "the TLS certificate of 127.0.0.1 is not trusted (self-signed certificate)"
    assert sentence in told.value.message


# --- servers with manners of their own ---


@pytest.mark.parametrize(
    ("status", "headers"),
    [(416, {}), (206, {"Content-Range": f"bytes 0-{len(BODY) - 1}/{len(BODY)}"})],
)
def test_a_server_that_refuses_the_piece_is_asked_for_the_whole(folder, status, headers):
    """Else the piece would be in the way for ever."""
    leave_piece(folder, BODY[:1000])
    with serving(BODY, has_ranges=False) as site:
        site.statuses, site.headers = [status], headers
        path = fetch(published(site.url), folder=folder)
    assert (path.read_bytes() == BODY, site.ranges) == (True, ["bytes=1000-", None])


@pytest.mark.parametrize(
    ("manners", "said"),
    [
        ({"headers": {"Content-Encoding": "gzip"}}, "sends the file packed (gzip)"),
        ({"status": 302, "headers": {"Location": "/x"}}, "sends from one address to the next"),
    ],
)
def test_what_is_odd_about_an_answer_is_said_in_words(folder, manners, said):
    with (
        serving(BODY, **manners) as site,
        pytest.raises(WeightsNotFound, match=re.escape(f"127.0.0.1 {said};")),
    ):
        fetch(published(site.url), folder=folder)
    assert names_in(folder) == []


@pytest.mark.parametrize("name", ["Content-Length", "Content-Range"])
def test_a_length_of_thousands_of_digits_is_none(folder, name):
    digits = {"Content-Length": "9" * 5000, "Content-Range": f"bytes {'9' * 5000}-9/*"}
    status = 206 if name == "Content-Range" else 200
    with serving(BODY, status=status, headers={name: digits[name]}) as site:
        if status == 200:
            assert fetch(published(site.url), folder=folder).read_bytes() == BODY
        else:
            with pytest.raises(WeightsNotFound, match="answers 206 Partial Content"):
                fetch(published(site.url), folder=folder)

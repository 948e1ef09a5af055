"""The page's files are listed once; no path that is asked for ever reaches the disk."""

import pytest
from starlette.requests import Request

from anymask.serve.answers import Refusal
from anymask.serve.static_files import StaticFile, page_files
from tests.unit.serve.asking import ask_raw, error_of


def test_files_are_known_by_their_place_and_kind(tmp_path):
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "main.js").write_text("x")
    (tmp_path / "index.html").write_text("x")
    (tmp_path / "notes.py").write_text("x")
    (tmp_path / "link.js").symlink_to("/etc/passwd")
    found = page_files(tmp_path)
    assert {name: file.kind for name, file in found.items()} == {
        "index.html": "text/html; charset=utf-8",
        "js/main.js": "text/javascript; charset=utf-8",
    }


def test_a_file_is_given_whole_with_its_kind(page):
    answer = page.get("/static/js/main.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.content == page_files()["js/main.js"].path.read_bytes()


def test_text_travels_compressed_where_that_is_understood(page):
    packed = page.get("/static/js/words.js", headers={"Accept-Encoding": "gzip"})
    plain = page.get("/static/js/words.js", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.content == plain.content == page_files()["js/words.js"].path.read_bytes()


def test_a_file_the_browser_has_is_not_sent_again(page):
    tag = page.get("/static/js/main.js").headers["etag"]
    again = page.get("/static/js/main.js", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    changed = page.get("/static/js/main.js", headers={"If-None-Match": '"other"'})
    assert changed.status_code == 200


def test_head_tells_the_length_alone(page):
    answer = page.head("/static/js/main.js")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/..%5capp.py",
        "/static/js\\main.js",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/js/main.js%00",
        "/static/js/%00main.js",
        "/static/js/../js/main.js",
        "/static/js",
        "/static/",
        "/static/file:///etc/passwd",
        "/static/js/main.js/",
        "/%2e%2e/static/js/main.js",
    ],
)
def test_a_path_that_is_none_of_ours_is_not_found(page, path):
    assert error_of(ask_raw(page, "GET", path), 404)["code"] == "not_found"


def test_a_path_that_is_asked_as_it_is_finds_its_file(page):
    answer = ask_raw(page, "GET", "/static/js/%6dain.js")
    assert answer.content == page_files()["js/main.js"].path.read_bytes()


def test_a_file_that_went_missing_is_not_found(tmp_path):
    file = StaticFile(path=tmp_path / "gone.js", kind="text/javascript")
    with pytest.raises(Refusal, match="a file of the page is missing"):
        file.answer(Request({"type": "http", "headers": []}))

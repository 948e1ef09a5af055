"""The page itself, and what it must know about the server."""

import socket

from anymask import __version__
from tests.unit.serve.asking import ask_raw, error_of, send


def test_the_address_alone_gives_the_page(page):
    answer = page.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.text.lower().startswith("<!doctype html>")
    assert page.head("/").headers["etag"] == answer.headers["etag"]


def test_the_server_says_that_it_is_well(page):
    for path in ("/health", "/api/health"):
        answer = page.get(path)
        assert answer.json() == {
            "ok": True,
            "start": answer.headers["x-anymask-start"],
            "version": __version__,
            "model": "tiny",
            "pictures": 0,
            "waiting": 0,
        }


def test_pictures_are_counted(page, photos):
    send(page, (photos / "coins.png").read_bytes())
    assert page.get("/health").json()["pictures"] == 1


def test_the_page_is_told_about_model_limits_and_presets(page, model):
    told = page.get("/api/server").json()
    assert told["model"] == {
        "name": "tiny",
        "origin": model.loaded.origin,
        "input_size": model.loaded.sam.config.input_size,
        "device": "cpu",
        "engine": "torch",
    }
    assert told["limits"] == {"upload_bytes": 64 * 2**20, "pixels": 178_956_970}
    assert told["gallery"][2] == {
        "id": "chelsea",
        "name": "chelsea.png",
        "width": 451,
        "height": 300,
    }
    assert set(told["presets"]) == {"default", "objects", "dense"}
    # Those of the small model inside the package.
    assert told["presets"]["default"]["pred_iou_thresh"] == 0.4
    assert told["presets"]["objects"]["wholes_only"] is True
    assert (told["host"], told["version"]) == (socket.gethostname(), __version__)


def test_who_asks_from_elsewhere_is_told_so(page):
    assert page.get("/api/server").json()["is_local"] is True
    elsewhere = page.__class__(page.app, base_url=page.base_url, client=("192.168.1.7", 1))
    assert elsewhere.get("/api/server").json()["is_local"] is False


def test_other_methods_are_refused_with_those_there_are(page):
    for path in ("/", "/static/js/main.js", "/health"):
        answer = ask_raw(page, "POST", path)
        error = error_of(answer, 405)
        assert error["code"] == "method"
        assert "GET" in answer.headers["allow"]
        assert error["hint"] == f"use {answer.headers['allow']}"

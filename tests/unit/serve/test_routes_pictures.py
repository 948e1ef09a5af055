"""Pictures come in, are encoded, are given back upright, and are forgotten."""

import asyncio
import io
import json
import logging
import struct
import threading
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from anymask.api import Model
from tests.unit.serve.asking import RawRequest, ask, ask_raw, error_of, picture_bytes, send


def test_a_picture_is_told_then_encoded_then_ready(page, photos):
    answer = page.post("/api/pictures?name=cat.png", content=(photos / "chelsea.png").read_bytes())
    assert answer.headers["content-type"] == "application/x-ndjson"
    first, last = map(json.loads, answer.text.splitlines())
    picture = first.pop("picture")
    assert first["stage"] == "encoding"
    assert first["place"] == 0
    assert 0 < first["seconds_expected"] < 60
    assert len(picture.pop("id")) == 32
    assert picture == {
        "name": "cat.png",
        "width": 451,
        "height": 300,
        "notes": [],
        "format": "PNG",
    }
    assert last.keys() == {"stage", "seconds", "was_kept"}
    assert (last["stage"], last["was_kept"]) == ("ready", False)


def test_the_same_bytes_again_are_ready_at_once(page, photos, monkeypatch):
    body = (photos / "coins.png").read_bytes()
    first = send(page, body, "coins.png")
    monkeypatch.setattr(Model, "embed", None)
    answer = page.post("/api/pictures?name=money.png", content=body)
    again, last = map(json.loads, answer.text.splitlines())
    assert again["picture"] == {**first, "name": "money.png"}
    assert last["was_kept"] is True
    assert last["seconds"] < 0.3


def test_a_picture_stands_upright(page):
    exif = Image.Exif()
    exif[0x0112] = 6
    told = send(page, picture_bytes(40, 60, form="JPEG", exif=exif), "phone.jpg")
    assert (told["width"], told["height"], told["format"]) == (40, 60, "JPEG")
    answer = page.get(f"/api/pictures/{told['id']}/picture.png")
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as upright:
        assert upright.size == (40, 60)
        assert not upright.getexif()


def test_what_is_given_back_are_the_pixels_the_model_sees(page, photos, model):
    body = (photos / "astronaut.png").read_bytes()
    told = send(page, body)
    answer = page.get(f"/api/pictures/{told['id']}/picture.png")
    with Image.open(io.BytesIO(answer.content)) as given:
        assert np.array_equal(np.asarray(given), model.embed(body).upright().pixels)


def test_what_was_noticed_while_reading_is_told(page):
    told = send(page, picture_bytes(20, 30), "photo.jpg")
    assert told["notes"] == ["is PNG by its content although its name ends in .jpg"]


def test_a_name_is_text_and_has_no_folders(page):
    name = "../<img src=x onerror=alert(1)>\u202e.png"
    told = send(page, picture_bytes(21, 30), name)
    assert told["name"] == "<img src=x onerror=alert(1)>\\u202e.png"
    entry = page.app.state.serving.shelf.entry(told["id"])
    assert entry.picture.path == "<img src=x onerror=alert(1)>\u202e.png"


def png_header(width, height):
    """A PNG that claims a size, with little behind it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", 9)
        + b"IDAT"
        + b"\0" * 200_000
    )


def test_an_image_bomb_is_refused_from_its_header(page):
    tracemalloc.start()
    try:
        answer = page.post("/api/pictures?name=bomb.png", content=png_header(30_000, 30_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error_of(answer, 413) == {
        "code": "too_many_pixels",
        "message": "bomb.png: 900 megapixels, limit 178",
        "hint": "choose a smaller picture or shrink this one",
    }
    assert peak < 20_000_000
    assert send(page, picture_bytes(22, 30))["width"] == 30


def test_the_limit_of_pixels_can_be_set(open_page):
    page = open_page(max_pixels=1000)
    assert error_of(page.post("/api/pictures", content=picture_bytes(50, 50)), 413)["code"] == (
        "too_many_pixels"
    )
    told = send(page, picture_bytes(20, 30), "small.png")
    # A program that reads the file by its name need not know of it.
    masks = page.app.state.serving.shelf.entry(told["id"]).picture
    assert masks.options.max_pixels == 178_956_970


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', "x.png: is an SVG drawing"),
        (b"<?xml version='1.0'?><svg></svg>", "x.png: is an SVG drawing"),
        (b"<!DOCTYPE html><html></html>", "x.png: is a web page, not a picture"),
        (b"%PDF-1.7\n", "x.png: is a PDF"),
        (b'{"a": 1}', "x.png: is JSON, not a picture"),
        (bytes(range(7, 200)), "x.png: is no known picture format"),
    ],
    ids=["svg", "xml", "html", "pdf", "json", "random"],
)
@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "image/svg+xml"])
def test_what_is_no_picture_is_told_from_its_bytes(page, body, sentence, kind):
    answer = page.post("/api/pictures?name=x.png", content=body, headers={"Content-Type": kind})
    error = error_of(answer, 415)
    assert error["code"] == "not_a_picture"
    assert error["message"].startswith(sentence)
    assert error["hint"]


@pytest.mark.parametrize("kind", ["", "text/plain", "image/gif", "application/pdf"])
def test_the_kind_that_is_claimed_is_not_believed(page, kind):
    headers = [("Content-Type", kind)] if kind else []
    answer = ask_raw(page, "POST", "/api/pictures", headers, [picture_bytes(23, 30)])
    assert answer.status_code == 200


def test_a_picture_that_is_cut_short_is_refused(page, photos):
    body = (photos / "rocket.jpg").read_bytes()
    error = error_of(page.post("/api/pictures?name=r.jpg", content=body[: len(body) // 2]), 422)
    assert error["code"] == "broken_picture"
    assert error["message"].startswith("r.jpg: ")
    assert "rows" in error["message"]


def test_no_bytes_are_refused(page):
    error = error_of(page.post("/api/pictures", content=b""), 400)
    assert error["message"] == "the body is empty (0 bytes)"


@pytest.mark.parametrize("verb", ["picture.png", "masks", ""])
def test_an_unknown_picture_is_not_found(page, verb):
    path = f"/api/pictures/{'0' * 32}/{verb}".rstrip("/")
    steps = {"steps": [{"points": [[1, 1]], "labels": [1]}]}
    answer = (
        page.post(path, json=steps)
        if verb == "masks"
        else page.request("GET" if verb else "DELETE", path)
    )
    assert error_of(answer, 404)["code"] == "unknown_picture"


def test_a_picture_that_had_to_go_is_gone_until_it_is_sent_again(open_page):
    page = open_page(memory_bytes=1)
    body = picture_bytes(30, 40)
    first = send(page, body)["id"]
    send(page, picture_bytes(31, 40))
    point = {"points": [[1, 1]], "labels": [1]}
    error = error_of(page.post(f"/api/pictures/{first}/masks", json={"steps": [point]}), 410)
    assert error == {
        "code": "gone",
        "message": "the picture had to leave the memory",
        "hint": "send it once more",
    }
    again = send(page, body)["id"]
    assert again != first
    assert ask(page, again, point)["masks"]


def test_a_picture_is_forgotten(page):
    id_ = send(page, picture_bytes(32, 40))["id"]
    assert page.delete(f"/api/pictures/{id_}").json() == {"forgotten": 1}
    assert error_of(page.delete(f"/api/pictures/{id_}"), 404)["code"] == "unknown_picture"


def test_all_pictures_are_forgotten(page):
    ids = {send(page, picture_bytes(height, 40))["id"] for height in (33, 34)}
    assert page.delete("/api/pictures").json()["forgotten"] >= 2
    assert page.get("/health").json()["pictures"] == 0
    for id_ in ids:
        assert error_of(page.get(f"/api/pictures/{id_}/picture.png"), 404)


def test_a_model_that_fails_while_encoding_ends_the_stream_with_a_sentence(
    page, monkeypatch, caplog
):
    def fail(*_given, **_named):
        raise RuntimeError("tensor of /home/me/cat.png")

    body = picture_bytes(35, 40)
    with monkeypatch.context() as broken:
        broken.setattr(Model, "embed", fail)
        answer = page.post("/api/pictures?name=cat.png", content=body)
    last = json.loads(answer.text.splitlines()[-1])
    assert last == {
        "stage": "failed",
        "error": {
            "code": "model_failed",
            "message": "the model could not work this out",
            "hint": "try once more, or restart",
        },
    }
    assert [record.getMessage() for record in caplog.records if record.name[:7] == "anymask"] == [
        "a job failed: RuntimeError"
    ]
    assert send(page, body)["width"] == 40


def sent_by(page, height, query="name=secret.png"):
    return RawRequest(page, "POST", f"/api/pictures?{query}", chunks=[picture_bytes(height, 40)])


def test_a_client_that_leaves_while_its_picture_waits_frees_its_place(page, monkeypatch, caplog):
    begun, free = threading.Event(), threading.Event()
    encoded = []
    embed = Model.embed

    def slow(self, picture, **named):
        encoded.append(picture.size_hw)
        begun.set()
        assert free.wait(10)
        return embed(self, picture, **named)

    monkeypatch.setattr(Model, "embed", slow)
    desk = page.app.state.serving.desk

    async def leave():
        first, second = sent_by(page, 36), sent_by(page, 37)
        first_run = asyncio.create_task(first.run())
        await asyncio.to_thread(begun.wait, 10)
        second_run = asyncio.create_task(second.run())
        while desk.waiting < 2:
            await asyncio.sleep(0.01)
        since = time.monotonic()
        second.leaves.set()
        await second_run
        waiting = desk.waiting
        first.leaves.set()
        await first_run
        seconds = time.monotonic() - since
        free.set()
        return waiting, seconds

    with caplog.at_level(logging.INFO, logger="anymask"):
        waiting, seconds = page.portal.call(leave)
    assert waiting == 1
    assert seconds < 1
    assert [record.getMessage() for record in caplog.records] == [
        "a client left while it waited",
        "a client left while its picture of 40×36 waited to be encoded",
    ]
    assert all(record.exc_info is None for record in caplog.records)
    assert "secret" not in caplog.text
    # What had begun is kept, so that the same picture is not encoded once more.
    send(page, picture_bytes(36, 40))
    assert encoded == [(36, 40)]


def test_a_client_that_leaves_while_it_sends_is_one_of_no_trace(page, caplog):
    async def leave():
        request = sent_by(page, 36)
        request.waiting = []
        request.leaves.set()
        return await request.run()

    assert page.portal.call(leave).status_code == 499
    assert [record.name for record in caplog.records if record.exc_info] == []


def test_the_next_picture_of_the_strip_waits_behind_the_one_that_is_looked_at(page, monkeypatch):
    order = []
    free = threading.Event()
    embed = Model.embed

    def noted(self, picture, **named):
        order.append(picture.size_hw[0])
        free.wait(10)
        return embed(self, picture, **named)

    monkeypatch.setattr(Model, "embed", noted)
    desk = page.app.state.serving.desk

    async def both():
        busy = asyncio.create_task(sent_by(page, 50).run())
        while not order:
            await asyncio.sleep(0.01)
        ahead = asyncio.create_task(sent_by(page, 51, "ahead=1").run())
        while desk.waiting < 2:
            await asyncio.sleep(0.01)
        looked_at = asyncio.create_task(sent_by(page, 52).run())
        while desk.waiting < 3:
            await asyncio.sleep(0.01)
        free.set()
        await asyncio.gather(busy, ahead, looked_at)

    page.portal.call(both)
    assert order == [50, 52, 51]


def test_a_picture_sent_ahead_is_ready_too(page):
    assert send(page, picture_bytes(41, 40), ahead=1)["height"] == 41

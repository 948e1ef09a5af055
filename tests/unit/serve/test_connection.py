"""What comes before a request is whole, over a real socket."""

import asyncio
import contextlib
import json

import pytest
import uvicorn

from anymask.serve import connection
from anymask.serve.connection import Connection
from anymask.serve.listening import listen


async def hello(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
def talk(caplog):
    """Send pieces, with the seconds to wait before each; give all that came, and after how long."""

    async def run(*pieces):
        with listen("127.0.0.1", 0) as opened:
            config = uvicorn.Config(hello, http=Connection, lifespan="off", log_level="critical")
            config.load()
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([opened]))
            reader, writer = await asyncio.open_connection(*opened.getsockname())
            began = asyncio.get_running_loop().time()
            came = b""
            with contextlib.suppress(ConnectionError):
                for seconds, piece in pieces:
                    await asyncio.sleep(seconds)
                    writer.write(piece)
                    await writer.drain()
                while more := await asyncio.wait_for(reader.read(1024), 5):
                    came += more
            took = asyncio.get_running_loop().time() - began
            writer.close()
            server.should_exit = True
            await serving
        return came, took

    yield lambda *pieces: asyncio.run(run(*pieces))
    assert caplog.text == ""


HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [(0, b"")],
        [(0, HEAD)],
        [(0.06, bytes([letter])) for letter in HEAD[:10]],
        [(0, HEAD + b"\r\n"), (0.1, HEAD)],
    ],
    ids=["silent", "half", "drop by drop", "a second one"],
)
def test_who_does_not_get_to_the_point_is_not_waited_for(talk, monkeypatch, pieces):
    monkeypatch.setattr(connection, "_HEAD_SECONDS", 0.3)
    came, took = talk(*pieces)
    assert came.count(b"HTTP/1.1") == came.count(b"200 OK") == (b"hello" in came)
    assert 0.25 < took < 2


def test_whole_requests_have_all_the_time_they_need(talk, monkeypatch):
    monkeypatch.setattr(connection, "_HEAD_SECONDS", 0.2)
    last = HEAD + b"Connection: close\r\n\r\n"
    came, _ = talk((0, HEAD + b"\r\n"), (0.4, HEAD + b"\r\n"), (0.4, last))
    assert came.count(b"200 OK") == 3


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", HEAD + b"Host: b\r\n\r\n"],
    ids=["no host", "encrypted", "two hosts"],
)
def test_what_is_no_http_is_refused_as_everything_is(talk, request_bytes):
    came, _ = talk((0, request_bytes + b"\r\n\r\n"))
    head, _, body = came.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"nosniff" in head
    told = json.loads(body)
    assert told["ok"] is False
    assert told["error"]["code"] == "wrong_request"
    assert told["error"]["message"] == "the request is no HTTP"


def test_what_goes_wrong_behind_an_answer_only_ends_the_connection(talk):
    begun = HEAD.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n"
    came, _ = talk((0, begun), (0.1, b"zz\r\n"))
    assert came.count(b"HTTP/1.1") == 1
    assert came.startswith(b"HTTP/1.1 200 OK")

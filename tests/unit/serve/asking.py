"""What a page asks, in short."""

import asyncio
import io
import json
from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np
from PIL import Image


def send(page, body, name="picture.png", **query):
    """Send a picture and give what is told about it, once it is ready."""
    answer = page.post("/api/pictures", params={"name": name, **query}, content=body)
    assert answer.status_code == 200, answer.text
    first, last = map(json.loads, answer.text.splitlines())
    assert (first["stage"], last["stage"]) == ("encoding", "ready")
    return first["picture"]


def ask(page, picture, *steps, **fields):
    """Ask for masks; the answer's JSON."""
    answer = page.post(f"/api/pictures/{picture}/masks", json={"steps": list(steps), **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def error_of(answer, status):
    """The error of an answer, which must have our shape and this status."""
    assert answer.status_code == status, (answer.status_code, answer.text[:300])
    told = answer.json()
    assert set(told) == {"ok", "error"}
    assert told["ok"] is False
    assert set(told["error"]) - {"place"} == {"code", "message", "hint"}
    assert "Traceback" not in answer.text
    return told["error"]


@dataclass(frozen=True)
class RawAnswer:
    """What came back from a request that no client would send."""

    status_code: int
    headers: dict[str, str]
    content: bytes
    chunks_read: int

    @property
    def text(self):
        return self.content.decode()

    def json(self):
        return json.loads(self.content)


def ask_raw(page, method, path, headers=(), chunks=(b"",)):
    """Ask with a path, headers and body just as they are, which a client would put right."""
    return page.portal.call(RawRequest(page, method, path, headers, chunks).run)


class RawRequest:
    """A request that may go on beside others, on the loop of the page's client.

    Args:
        page: The client of the server that is asked.
        method: Like "GET".
        path: As it stands in the request, with its query.
        headers: Pairs; the usual Host is added where none is among them.
        chunks: The body; afterwards the client stays until it is answered, or until it `leaves`.
    """

    def __init__(self, page, method, path, headers=(), chunks=(b"",)):
        names = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        if b"host" not in dict(names):
            names.append((b"host", page.base_url.netloc))
        target, _, query = path.partition("?")
        self.app = page.app
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(target),
            "raw_path": target.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": names,
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8765),
        }
        self.waiting, self.sent, self.num_read = list(chunks), [], 0
        self.has_begun, self.leaves = asyncio.Event(), asyncio.Event()

    async def run(self):
        """Ask, and give what came back."""
        await self.app(self.scope, self._receive, self._send)
        first, *others = self.sent
        head = {name.decode(): value.decode("latin-1") for name, value in first["headers"]}
        body = b"".join(message.get("body", b"") for message in others)
        return RawAnswer(first["status"], head, body, self.num_read)

    async def _receive(self):
        if not self.waiting:
            await self.leaves.wait()
            return {"type": "http.disconnect"}
        self.num_read += 1
        body = self.waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(self.waiting)}

    async def _send(self, message):
        self.sent.append(message)
        if message.get("body"):
            self.has_begun.set()
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.leaves.set()


def picture_bytes(height, width, *, form="PNG", seed=0, **options):
    """A file of a picture with a few soft blobs in it."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (max(1, height // 40), max(1, width // 40), 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, format=form, **options)
    return file.getvalue()

"""A web server on this machine, and the catalogue's entry for the file it has."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from anymask.weights.catalogue import PUBLISHED, PublishedFile

BODY = np.random.default_rng(0).bytes(3_000_000)


@dataclass(kw_only=True)
class Site:
    """What the server does, and what it was asked for.

    Attributes:
        body: The file.
        has_ranges: Whether it goes on in the middle of it.
        cuts: For each request to come, after how many bytes the connection ends.
        status: Of every answer, where it is not the usual one.
        headers: Sent in place of the usual ones.
        statuses: Of the next answers; when they are used up, all is as usual, headers too.
        is_held_after: Bytes after which it waits for `go`.
        ranges: The ranges asked for, one a request; None for the whole.
    """

    body: bytes
    has_ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    is_held_after: int | None = None
    go: threading.Event = field(default_factory=threading.Event)
    ranges: list[str | None] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/weights/file.pt"

    def wait_until_asked(self, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not self.ranges:
            if time.monotonic() > end:
                raise TimeoutError("nobody asked")
            time.sleep(0.01)


@contextmanager
def serving(body: bytes, **manners: Any) -> Iterator[Site]:
    """Run a server with these manners.

    Args:
        body: The file it has.
        manners: Fields of `Site`.
    """
    site = Site(body=body, **manners)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_words: object) -> None:
            """Stay silent."""

        def do_CONNECT(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            answer(self, site)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_words: object) -> None:
            """A client that leaves early is nothing to report."""

    with Server(("127.0.0.1", 0), Handler) as server:
        site.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            site.go.set()
            server.shutdown()
            thread.join()


def answer(handler: BaseHTTPRequestHandler, site: Site) -> None:
    """Answer one request the way the site does."""
    asked = handler.headers.get("Range")
    site.ranges.append(asked)
    cut = site.cuts.pop(0) if site.cuts else None
    start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and site.has_ranges else 0
    whole, rest = len(site.body), site.body[start:]
    status = site.status if site.status != 200 or not start else 206
    headers, is_odd = site.headers, bool(site.statuses)
    if is_odd:
        status = site.statuses.pop(0)
    if start >= whole > 0:
        status, rest = 416, b""
    usual = {"Content-Length": str(len(rest)), "Content-Type": "application/octet-stream"}
    if status == 206:
        usual["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
    handler.send_response(status)
    for name, value in {**usual, **headers}.items():
        if value:
            handler.send_header(name, value)
    handler.end_headers()
    first = rest[: site.is_held_after] if site.is_held_after is not None else rest
    handler.wfile.write(first if cut is None else first[:cut])
    handler.wfile.flush()
    if site.is_held_after is not None:
        site.go.wait(30)
        handler.wfile.write(rest[site.is_held_after :])
    handler.close_connection = True
    if is_odd and not site.statuses:
        site.headers = {}


def published(*urls: str, body: bytes = BODY, name: str = "mobile_sam") -> PublishedFile:
    """The catalogue's entry for a file with this content that lies there."""
    return replace(
        PUBLISHED[name],
        num_bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        mirrors=urls,
    )


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def leave_piece(folder: Path, piece: bytes) -> Path:
    """Put a partial file there as an earlier transfer left it."""
    folder.mkdir(parents=True)
    path = folder / "mobile_sam.pt.part"
    path.write_bytes(piece)
    return path

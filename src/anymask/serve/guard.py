"""The door: who may ask at all, how much they may send, and what every answer carries.

Pure ASGI, so that it stands before every route and before a body is read.
"""

import asyncio
import hmac
import ipaddress
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anymask.errors import AnymaskError
from anymask.serve.answers import Refusal, answer_of, busy, note_trouble
from anymask.serve.settings import ServeSettings

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
# What every answer carries; no answer ever allows another origin anything.
_HEADERS: Final = (
    (
        "Content-Security-Policy",
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; form-action 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_LONGEST_ADDRESS: Final = 8192
# Files on their way in and pictures not yet encoded, at a time; a browser sends six at most.
_MOST_FILES: Final = 8
# How long a body may keep us waiting: for its first bytes, and by how many it has brought since.
_BODY_SECONDS: Final = 10.0
_BODY_BYTES_A_SECOND: Final = 10_000
# Bodies that are files; all others are JSON.
_FILE_PATHS: Final = re.compile(r"/api/pictures(?:/[^/]*/mask-file)?")
# Kinds of bodies that a form of any page may send, and what is no file.
_NO_FILES: Final = (
    "multipart/form-data",
    "application/x-www-form-urlencoded",
    "application/json",
)
# What carries no secret: the page, and pictures that everybody has. Images cannot send a token.
_FOR_ALL: Final = re.compile(r"/|/static/.*|/api/gallery/.*")


class Guard:
    """Stands before an app.

    Args:
        app: What answers those who may ask.
        settings: Names, port, token and limits.
        start: Names this start of the server.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings, start: str) -> None:
        self._app = app
        self._settings = settings
        self._start = start
        self._hosts, self._names = _known_hosts(settings)
        self._num_files = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let the app do it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                self._add_headers(message, scope["path"])
            await send(message)

        try:
            headers = Headers(scope=scope)
            self._check_host(headers)
            self._check_origin(scope, headers)
            self._check_token(scope, headers)
            _check_address(scope)
            limit = self._limit(scope, headers)
            with self._room(scope):
                await self._app(scope, _counted(receive, limit), send_with_headers)
        except Exception as error:  # noqa: BLE001 - the door: no trace may pass
            if not isinstance(error, AnymaskError | Refusal):
                note_trouble("a request failed", error)
            if not has_begun:
                await answer_of(error)(scope, receive, send_with_headers)

    def _add_headers(self, message: Message, path: str) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in _HEADERS:
            headers[name] = value
        headers["X-Anymask-Start"] = self._start
        headers.setdefault("Cache-Control", "no-store")
        if path.startswith("/api"):
            headers["Cache-Control"] = "no-store"

    def _check_host(self, headers: Headers) -> None:
        given = [host.strip().lower() for host in headers.getlist("host")]
        if len(given) == 1 and (given[0] in self._hosts or _without_port(given[0]) in self._names):
            return
        shown = given[0][:60] if given else "no name"
        raise Refusal(
            403,
            "host_refused",
            f"this server is not known as {shown}",
            hint="start it with --allow-host and that name",
        )

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        is_safe = scope["method"] in _SAFE_METHODS
        if is_safe and not scope["path"].startswith("/api"):
            return
        origin = headers.get("origin")
        is_other = origin is not None and _host_of(origin) != headers["host"].strip().lower()
        if is_other or headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise Refusal(
                403,
                "origin_refused",
                "another page asked for this",
                hint="open the page of this server itself",
            )

    def _check_token(self, scope: Scope, headers: Headers) -> None:
        token = self._settings.token
        if token is None or _FOR_ALL.fullmatch(scope["path"]):
            return
        given = headers.get("x-anymask-token", "")
        if not hmac.compare_digest(given.encode(), token.encode()):
            raise Refusal(
                401, "token", "the token is missing or wrong", hint="open the link that was printed"
            )

    @contextmanager
    def _room(self, scope: Scope) -> Iterator[None]:
        """Hold one of the few places for files, which take much memory until they are answered."""
        if not _is_file(scope):
            yield
            return
        if self._num_files >= _MOST_FILES:
            raise busy(self._num_files)
        self._num_files += 1
        try:
            yield
        finally:
            self._num_files -= 1

    def _limit(self, scope: Scope, headers: Headers) -> int:
        """Say how many bytes the body may have, having looked at what is said about it."""
        is_file = _is_file(scope)
        limit = self._settings.upload_bytes if is_file else self._settings.json_bytes
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Refusal(415, "wrong_type", "the body is compressed", hint="send it as it is")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if is_file and kind in _NO_FILES:
            raise Refusal(
                415,
                "wrong_type",
                f"the body is sent as {kind}, not as a file",
                hint="send the file's bytes as application/octet-stream",
            )
        length = headers.get("content-length")
        if length is not None:
            if not re.fullmatch(r"[0-9]{1,18}", length):
                raise Refusal(
                    400, "wrong_request", "Content-Length is no number", hint="leave it out"
                )
            if int(length) > limit:
                raise _too_large(limit)
        return limit


def is_loopback(address: str) -> bool:
    """Say whether an address is this machine itself."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _known_hosts(settings: ServeSettings) -> tuple[frozenset[str], frozenset[str]]:
    """Give the names with port by which we may be called, and those for which any port will do."""
    own = [*_LOCAL_NAMES]
    if settings.host not in ("0.0.0.0", "::", ""):
        own.append(f"[{settings.host}]" if ":" in settings.host else settings.host)
    hosts = {f"{name}:{settings.port}".lower() for name in own}
    if settings.port == 80:
        hosts.update(name.lower() for name in own)
    further = [name.strip().lower() for name in settings.allowed_hosts]
    hosts.update(name for name in further if _without_port(name) != name)
    return frozenset(hosts), frozenset(_names_only(further))


def _is_file(scope: Scope) -> bool:
    """Say whether the body is a file rather than JSON."""
    return scope["method"] == "POST" and _FILE_PATHS.fullmatch(scope["path"]) is not None


def _check_address(scope: Scope) -> None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _LONGEST_ADDRESS:
        raise Refusal(
            414, "wrong_request", "the address is too long", hint="give files shorter names"
        )


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _names_only(names: Iterable[str]) -> list[str]:
    return [name for name in names if _without_port(name) == name]


def _without_port(host: str) -> str:
    return re.sub(r":[0-9]+\Z", "", host) if not host.endswith("]") else host


def _counted(receive: Receive, limit: int) -> Receive:
    """Stop a body that has more bytes than it may, or that comes too slowly, whatever it said."""
    total, is_whole = 0, False
    began = asyncio.get_running_loop().time()

    async def counted() -> Message:
        nonlocal total, is_whole
        if is_whole:
            return await receive()
        try:
            async with asyncio.timeout_at(began + _BODY_SECONDS + total / _BODY_BYTES_A_SECOND):
                message = await receive()
        except TimeoutError as error:
            raise _too_slow() from error
        total += len(message.get("body", b""))
        if total > limit:
            raise _too_large(limit)
        is_whole = not message.get("more_body", False)
        return message

    return counted


def _too_slow() -> Refusal:
    return Refusal(
        408,
        "wrong_request",
        "the body comes too slowly",
        hint="send it again",
        headers={"Connection": "close"},
    )


def _too_large(limit: int) -> Refusal:
    shown = f"{limit / 2**20:g} MB" if limit >= 2**20 else f"{limit} bytes"
    return Refusal(
        413,
        "too_large",
        f"the body is larger than {shown}",
        hint="choose a smaller file",
        headers={"Connection": "close"},
    )

"""One file over HTTP, begun anew or gone on with where an earlier transfer broke off."""

import http.client
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from anymask import __version__
from anymask.image.names import display_name
from anymask.weights.connection import proxy_of, refusal

Progress = Callable[[int, int], None]

STALL_S = 30.0  # a server that sends nothing for so long is given up
_ASKS_PROXY_USER = http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
_NO_SUCH_PIECE = http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
_CHUNK = 1 << 18
_WEB_PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<body")
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_PLACE = re.compile(r"bytes (\d{1,18})-\d+/(\d{1,18}|\*)", re.ASCII)
_IN_CIRCLES = "The HTTP server returned a redirect error"  # what the library says of them


class SourceFailed(Exception):
    """A server does not give the file; the text says why, beginning with the server's name.

    Args:
        reason: Why, in a few words.
        may_go_on: Whether asking the same server again may help.
    """

    def __init__(self, reason: str, *, may_go_on: bool = False) -> None:
        super().__init__(reason)
        self.may_go_on = may_go_on


class PieceRefused(SourceFailed):
    """A server gives the file, but not the piece that was asked for."""


class OtherBytes(SourceFailed):
    """A server gives a file of the right size that is not the published one."""


def transfer(url: str, partial: Path, num_bytes: int, on_progress: Progress) -> None:
    """Bring a partial file to its full length; what is in it stays where the server allows.

    Args:
        url: The address.
        partial: The file, which may hold a first piece already, or not be there.
        num_bytes: Length of the whole.
        on_progress: Called with the bytes that are there and the length of the whole.

    Raises:
        SourceFailed: If the server does not give the file; the piece that came is kept, and
            nothing that is not a piece of it.
        OSError: If the file cannot be written.
    """
    start = partial.stat().st_size if partial.exists() else 0
    if start > num_bytes:  # of another file
        start = 0
    if start == num_bytes:
        return
    try:
        _bring(url, partial, (start, num_bytes), on_progress)
    except PieceRefused:
        if not start:
            raise
        _bring(url, partial, (0, num_bytes), on_progress)


def _bring(url: str, partial: Path, span: tuple[int, int], on_progress: Progress) -> None:
    """Ask once for what lies between two places, and store what comes."""
    start, num_bytes = span
    host = urlsplit(url).hostname or url
    headers = {"User-Agent": f"anymask/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with _opened(urllib.request.Request(url, headers=headers), host) as response:
        who = _who_answers(response, host)
        start = _start(response, start, num_bytes, who)
        _store(response, partial, (start, num_bytes), who, on_progress)


def _opened(request: urllib.request.Request, host: str) -> Any:  # noqa: ANN401 - as urllib
    try:
        # One made now knows the proxies that the environment names now.
        return urllib.request.build_opener().open(request, timeout=STALL_S)
    except urllib.error.HTTPError as error:
        with error:
            who = _proxy_name(request.full_url) if error.code == _ASKS_PROXY_USER else None
            if str(error.reason).startswith(_IN_CIRCLES):
                raise SourceFailed(f"{host} sends from one address to the next") from error
            said = display_name(error.reason)[:60]
            kind = PieceRefused if error.code == _NO_SUCH_PIECE else SourceFailed
            raise kind(f"{who or host} answers {error.code} {said}".rstrip()) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SourceFailed(_unopened(error, request.full_url, host)) from error


def _unopened(error: Exception, url: str, host: str) -> str:
    """Say why no answer came at all."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the TLS certificate of {host} is not trusted ({cause.verify_message})"
    if isinstance(cause, ssl.SSLError):
        return f"{host} does not speak TLS ({cause.reason or cause})"
    if isinstance(cause, ConnectionError) and not isinstance(cause, ConnectionRefusedError):
        return f"{host} ends the connection without an answer"
    if isinstance(cause, TimeoutError):
        return f"{host} does not answer within {STALL_S:g} s"
    if isinstance(cause, OSError):
        told = str(cause)
        # What the library says when the proxy answers and does not let through.
        if told.startswith("Tunnel connection failed"):
            status = display_name(told.rpartition("failed: ")[2])[:60]
            return f"{_proxy_name(url) or host} answers {status}"
        return refusal(cause, host, STALL_S)
    return f"{host} does not answer as a web server does ({type(error).__name__})"


def _proxy_name(url: str) -> str | None:
    proxy = proxy_of(url)
    return None if proxy is None else f"the proxy {proxy.hostname}"


def _who_answers(response: Any, host: str) -> str:  # noqa: ANN401 - urllib states no class
    """Name the server, and the one it sent us on to."""
    last = urlsplit(response.url).hostname or host
    return host if last == host else f"{host} (by way of {display_name(last)})"


def _start(response: Any, asked: int, num_bytes: int, who: str) -> int:  # noqa: ANN401
    """Give the place in the whole where the answer begins."""
    if "html" in response.headers.get_content_type():
        raise SourceFailed(f"{who} sends a web page instead of the file")
    packed = response.headers.get("Content-Encoding", "identity")
    if packed != "identity":
        raise SourceFailed(f"{who} sends the file packed ({display_name(packed)[:40]})")
    length = response.headers.get("Content-Length", "")
    if response.status == http.HTTPStatus.OK:
        _check_length(int(length) if _LENGTH.fullmatch(length) else num_bytes, num_bytes, who)
        return 0
    place = _PLACE.match(response.headers.get("Content-Range", ""))
    if response.status != http.HTTPStatus.PARTIAL_CONTENT or place is None:
        raise SourceFailed(f"{who} answers {response.status} {response.reason}".rstrip())
    _check_length(num_bytes if place[2] == "*" else int(place[2]), num_bytes, who)
    if int(place[1]) != asked:
        raise PieceRefused(f"{who} goes on at byte {int(place[1]):,} instead of {asked:,}")
    return asked


def _check_length(offered: int, num_bytes: int, who: str) -> None:
    if offered != num_bytes:
        raise SourceFailed(f"{who} offers {offered:,} instead of {num_bytes:,} bytes")


def _store(
    response: Any,  # noqa: ANN401 - urllib states no class
    partial: Path,
    span: tuple[int, int],
    who: str,
    on_progress: Progress,
) -> None:
    """Write what comes behind what is there, from the first to the last place of the span."""
    done, num_bytes = span
    chunk = _received(response, who, span)
    # Some servers call their login page a file. It must not replace a piece of the real one.
    if not done and chunk.lstrip(b"\xef\xbb\xbf \t\r\n")[:9].lower().startswith(_WEB_PAGE):
        raise SourceFailed(f"{who} sends a web page instead of the file")
    with partial.open("r+b" if done else "wb") as file:
        file.seek(done)
        while chunk:
            done += len(chunk)
            if done > num_bytes:
                file.truncate(0)
                raise SourceFailed(f"{who} sends more than {num_bytes:,} bytes")
            file.write(chunk)
            on_progress(done, num_bytes)
            chunk = _received(response, who, (done, num_bytes))
    if done < num_bytes:
        raise _broken_off(who, (done, num_bytes))


def _received(response: Any, who: str, span: tuple[int, int]) -> bytes:  # noqa: ANN401
    try:
        return bytes(response.read1(_CHUNK))
    except TimeoutError as error:
        raise SourceFailed(f"{who} sends nothing for {STALL_S:g} s", may_go_on=True) from error
    except (OSError, http.client.HTTPException) as error:
        raise _broken_off(who, span) from error


def _broken_off(who: str, span: tuple[int, int]) -> SourceFailed:
    return SourceFailed(f"{who} breaks off after {span[0]:,} of {span[1]:,} bytes", may_go_on=True)

"""The files of the page: found once as the server starts, and named by nothing else afterwards."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fastapi import Request, Response

from anymask.serve.answers import Refusal

_KINDS: Final = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".mjs": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".webp": "image/webp",
        ".ico": "image/vnd.microsoft.icon",
        ".woff2": "font/woff2",
        ".webmanifest": "application/manifest+json",
        ".txt": "text/plain; charset=utf-8",
    }
)


_PACKED_KINDS: Final = ("text/", "application/json", "image/svg+xml")


@dataclass(slots=True, kw_only=True)
class StaticFile:
    """One file of the page.

    Attributes:
        path: Where it lies.
        kind: Its content type.
        packed: Its content as it was last sent compressed, behind the tag of that content.
    """

    path: Path
    kind: str
    packed: tuple[str, bytes] = ("", b"")

    def answer(self, request: Request) -> Response:
        """Give the file, or 304 where the browser has it already."""
        try:
            body = self.path.read_bytes()
        except OSError as error:
            raise Refusal(
                404, "not_found", "a file of the page is missing", hint="install anymask again"
            ) from error
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        headers["Content-Type"] = self.kind
        if self.kind.startswith(_PACKED_KINDS):
            headers["Vary"] = "Accept-Encoding"
            if "gzip" in request.headers.get("accept-encoding", ""):
                return Response(
                    self._pack(tag, body), headers=headers | {"Content-Encoding": "gzip"}
                )
        return Response(body, headers=headers)

    def _pack(self, tag: str, body: bytes) -> bytes:
        if self.packed[0] != tag:
            self.packed = (tag, gzip.compress(body, 6, mtime=0))
        return self.packed[1]


def page_files(folder: Path | None = None) -> Mapping[str, StaticFile]:
    """List the page's files.

    Args:
        folder: Where they lie; None for those of the package.

    Returns:
        By the name they are asked for, such as "js/main.js". Links and what is no file of a page
        are left out.
    """
    folder = folder or Path(str(files("anymask") / "serve" / "static"))
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = _KINDS.get(path.suffix.lower())
        if kind is not None and path.is_file() and not path.is_symlink():
            found[path.relative_to(folder).as_posix()] = StaticFile(path=path, kind=kind)
    return MappingProxyType(found)

"""The files of the page: found once as the server starts, and named by nothing else afterwards."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file of the page.

    Attributes:
        path: Where it lies.
        kind: Its content type.
    """

    path: Path
    kind: str

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
        return Response(body, headers={**headers, "Content-Type": self.kind})


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

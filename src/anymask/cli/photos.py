"""The photos a command was given: each once, and each with a name of its own for its outputs."""

import hashlib
import io
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from anymask.errors import ImageError, InputError
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.image.options import ReadOptions
    from anymask.image.picture import Picture

STDIN = "-"
_STDIN_SHOWN = "standard input"
# What some system does not allow in a name, or what a shell would take for a flag.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f<>:\"/\\|?*\u200e\u200f\u202a-\u202e\ud800-\udfff]|^-|[. ]$")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE | re.ASCII)
# Names end at 255 bytes; what is added to one for its outputs is far shorter than the rest.
_LONGEST_BYTES = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """One photo that was named.

    Attributes:
        path: As it was typed; "-" is standard input.
        shown: The same, safe to print.
        stem: What its outputs are called before their endings; no other photo's is the same.
    """

    path: str
    shown: str
    stem: str


def list_photos(paths: Sequence[str]) -> list[Photo]:
    """Give the photos in order, each once.

    Args:
        paths: What was typed.

    Returns:
        The photos. Those that share a file name get numbers in their stems.

    Raises:
        InputError: If one is a folder or no regular file, or standard input is a terminal.
    """
    seen: dict[str, str] = {}
    for path in paths:
        seen.setdefault(path if path == STDIN else str(Path(path).absolute()), path)
    once = list(seen.values())
    for path in once:
        _refuse_wrong_kind(path)
    wished = [safe_name(PurePath(path).name if path != STDIN else "stdin") for path in once]
    counts = Counter(name.casefold() for name in wished)
    taken = {name.casefold() for name in wished if counts[name.casefold()] == 1}
    photos = []
    for path, name in zip(once, wished, strict=True):
        stem = name if counts[name.casefold()] == 1 else _free_name(name, taken)
        taken.add(stem.casefold())
        shown = _STDIN_SHOWN if path == STDIN else shown_name(path)
        photos.append(Photo(path=path, shown=shown, stem=stem))
    return photos


def read_photo(photo: Photo, options: "ReadOptions") -> "Picture":
    """Read a photo.

    Args:
        photo: Which one.
        options: How to read it.

    Returns:
        The upright picture.

    Raises:
        InputError: If it cannot be read.
    """
    from anymask.image.read import read_picture

    if photo.path != STDIN:
        return read_picture(photo.path, options=options)
    try:
        return read_picture(io.BytesIO(sys.stdin.buffer.read()), options=options)
    except InputError as error:
        message = error.message.replace("stream:", f"{_STDIN_SHOWN}:", 1)
        raise type(error)(message, hint=error.hint) from error


def _refuse_wrong_kind(path: str) -> None:
    """Refuse what can never be a picture, before anything starts; the rest is told later."""
    if path == STDIN:
        if sys.stdin.isatty():
            raise InputError(
                "standard input is a terminal, not a picture",
                hint="pipe a picture in, or name a file",
            )
        return
    from anymask.image.source import open_source

    try:
        open_source(path).file.close()
    except ImageError:
        return


def safe_name(name: str) -> str:
    """Give a name that any system can hold; where it had to change, its hash keeps it apart.

    Args:
        name: A file's name, without folders.
    """
    safe = _UNSAFE.sub("_", name)
    if _RESERVED.fullmatch(safe):
        safe = f"_{safe}"
    while len(os.fsencode(safe)) > _LONGEST_BYTES:
        safe = safe[:-1]
    if safe == name:
        return name
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f"{safe}-{digest[:8]}"


def _free_name(name: str, taken: set[str]) -> str:
    if name.casefold() not in taken:
        return name
    path = PurePath(name)
    number = 2
    while (free := f"{path.stem}-{number}{path.suffix}").casefold() in taken:
        number += 1
    return free

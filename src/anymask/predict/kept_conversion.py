"""A conversion that takes long is done once and kept: whole, checked, or made anew.

Each conversion has a folder of its own. Its files and a list of their hashes are written under a
temporary name beside it, brought to the disk, and renamed; so a folder of the final name is whole
unless something damaged it, which the hashes show.
"""

import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from anymask.masks.atomic import shown_name

_HASHES = "sha256.json"

Made = TypeVar("Made")
Ready = TypeVar("Ready")


def converted(
    folder: Path | None,
    convert: Callable[[], Made],
    save: Callable[[Made, Path], None],
    read: Callable[[Path], Ready],
) -> tuple[Ready, tuple[str, ...]]:
    """Give a conversion ready to use: the kept one, or a new one that is then kept.

    Args:
        folder: Where it is kept; None to keep nothing.
        convert: Makes it: slow.
        save: Writes what `convert` gave as files into a folder.
        read: Loads those files completely; they may be gone afterwards.

    Returns:
        What `read` gave, and notes on what a person should know.
    """
    notes = []
    if folder is not None and _is_there(folder):
        if _is_whole(folder):
            return read(folder), ()
        notes.append(f"{shown_name(folder)}: was damaged and is made again")
    made = convert()
    if folder is not None:
        try:
            _keep(folder, made, save)
        # Engines report what the disk refuses in their own way, as a RuntimeError.
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            notes.append(f"{shown_name(folder)}: cannot be kept ({reason}); loading stays slow")
        else:
            return read(folder), tuple(notes)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        save(made, Path(name))
        return read(Path(name)), tuple(notes)


def _is_there(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # A name too long, or a folder that may not be entered: told when keeping.
        return False


def _is_whole(folder: Path) -> bool:
    try:
        hashes = json.loads((folder / _HASHES).read_bytes())
        return isinstance(hashes, dict) and hashes == _hashes_of(folder)
    except (OSError, ValueError):
        return False


def _hashes_of(folder: Path) -> dict[str, str]:
    hashes = {}
    for path in sorted(folder.iterdir()):
        if path.name != _HASHES:
            with path.open("rb") as file:
                hashes[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def _keep(folder: Path, made: Made, save: Callable[[Made, Path], None]) -> None:
    partial = folder.with_name(f".{uuid.uuid4().hex}.part")
    try:
        partial.mkdir(parents=True)
        save(made, partial)
        (partial / _HASHES).write_text(json.dumps(_hashes_of(partial)))
        for path in partial.iterdir():
            _bring_to_disk(path)
        if folder.is_dir() and not _is_whole(folder):
            shutil.rmtree(folder)
        # Another process may have been quicker; what it kept is as good.
        if not folder.is_dir():
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _bring_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())

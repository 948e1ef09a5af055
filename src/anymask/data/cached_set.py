"""One prepared set in the cache: whole or not there, and known again by its files."""

import errno
import hashlib
import json
import os
import shutil
import socket
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anymask.data.packing import PackSettings, SetLayout, pack_set
from anymask.data.readers.listing import walk
from anymask.data.readers.naming import set_name_of
from anymask.errors import DataError, OutputError
from anymask.masks.atomic import shown_name

_FORMAT = 1  # of the cache's folders; a new number makes every set anew


def cached_set(
    layout: SetLayout, cache: Path, settings: PackSettings, on_pictures: Callable[[int], None]
) -> Path:
    """Give the folder of a prepared set, the one there or a new one.

    Args:
        layout: The set.
        cache: Folder of the prepared sets; made if missing.
        settings: How it is prepared.
        on_pictures: Called with how many more pictures are done.

    Raises:
        DataError: If the set cannot be read at all.
        OutputError: If the cache cannot be written.
    """
    place = [_FORMAT, layout.kind, str(layout.path.resolve()), asdict(settings)]
    key = hashlib.sha256(json.dumps(place).encode("ascii")).hexdigest()[:12]
    folder = cache / f"{set_name_of(layout.path)[:80]}-{key}"
    found = _reusable(folder, layout)
    if found is not None:
        on_pictures(found)
        return folder
    host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())
    part = cache / f".part.{host}.{os.getpid()}.{uuid.uuid4().hex}"
    _make_cache(cache)
    try:
        _remove_abandoned(cache, f".part.{host}.")
        part.mkdir()
        used = pack_set(layout, part, settings, on_pictures)
        _complete(part, layout, used)
        _swap_in(part, folder)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        if error.filename is not None and not _is_inside(Path(error.filename), cache):
            raise DataError(
                f"{shown_name(error.filename)}: cannot be read ({error.strerror})",
                hint="check the file and its permissions",
            ) from error
        raise _not_written(cache, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _make_cache(cache: Path) -> None:
    # What fails here may be a folder above the cache, which is not the data's fault either.
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(cache, error) from error


def _complete(part: Path, layout: SetLayout, used: Sequence[Path]) -> None:
    """Add to a set's facts by what it will be known again."""
    outside = sorted(str(path.absolute()) for path in used if not _is_inside(path, layout.path))
    path = part / "facts.json"
    facts = json.loads(path.read_bytes())
    facts["outside"] = outside
    # A picture that was missing and is there now changes nothing but its folder.
    folders = {str(Path(name).parent) for name in outside} if facts["bad"] else ()
    facts["folders"] = _times_of(folders)
    facts["stamp"] = _stamp(layout.path, outside, facts["settings"])
    facts["index_sha256"] = _index_sha256(part)
    with path.open("w", encoding="ascii") as file:
        file.write(json.dumps(facts, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _reusable(folder: Path, layout: SetLayout) -> int | None:
    """Say how many pictures a prepared set has if it is whole and its files are the same."""
    try:
        facts = json.loads((folder / "facts.json").read_bytes())
        stamp = _stamp(layout.path, facts["outside"], facts["settings"])
        if stamp != facts["stamp"] or _index_sha256(folder) != facts["index_sha256"]:
            return None
        if _times_of(facts["folders"]) != facts["folders"]:
            return None
        archive = (folder / facts["archive"]).stat()
        if [archive.st_size, archive.st_mtime_ns] != facts["archive_stamp"]:
            return None
        return int(facts["pictures"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stamp(root: Path, outside: Sequence[str], settings: dict[str, Any]) -> str:
    """Give a digest of names, sizes and times of a set's files; where it lies does not matter."""
    digest = hashlib.sha256(json.dumps([_FORMAT, settings]).encode("ascii"))

    def add(path: Path, base: Path) -> None:
        status = path.stat()
        name = os.fsencode(os.path.relpath(path, base))
        digest.update(b"%b\0%d %d\n" % (name, status.st_size, status.st_mtime_ns))

    if root.is_file():
        add(root, root.parent)
    else:
        for inside, names in walk(root):
            for name in names:
                add(root / inside / name, root)
    for name in outside:
        add(Path(name), root.parent)
    return digest.hexdigest()


def _times_of(folders: Iterable[str]) -> dict[str, int]:
    return {folder: Path(folder).stat().st_mtime_ns for folder in folders}


def _swap_in(part: Path, folder: Path) -> None:
    """Put a finished folder in its place; between the two steps there is none, never a half."""
    if folder.exists():
        old = part.with_name(f"{part.name}.old")
        folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        part.rename(folder)
    handle = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_abandoned(cache: Path, prefix: str) -> None:
    """Remove what processes of this machine that are no more have left half done."""
    for path in cache.glob(f"{prefix}*"):
        number = path.name.removeprefix(prefix).partition(".")[0]
        if number.isdigit() and not _is_running(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_inside(path: Path, folder: Path) -> bool:
    return path.absolute().is_relative_to(folder.absolute())


def _index_sha256(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in ("index.npy", "names.bin"):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _not_written(cache: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(
            f"{shown_name(cache)}: the disk is full", hint="free some space, then run it again"
        )
    return OutputError(
        f"{shown_name(cache)}: cannot be written ({error.strerror or error})",
        hint="choose a folder you can write to",
    )

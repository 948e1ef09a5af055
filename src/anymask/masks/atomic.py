"""Files that are either whole or not there."""

import contextlib
import errno
import os
import uuid
from pathlib import Path

from anymask.errors import OutputError


def write_bytes(path: str | os.PathLike[str], data: bytes, *, overwrite: bool = True) -> None:
    """Write a file so that nobody ever sees half of it.

    The bytes go to a temporary name in the same folder, are brought to the disk, and are then
    renamed; an old file stays whole until that moment. Missing folders are made; a link is
    followed.

    Args:
        path: The file.
        data: Its whole content.
        overwrite: Whether a file of that name may be replaced.

    Raises:
        OutputError: If the file exists and may not be replaced, is not a regular file, or cannot
            be written (permission, full disk, a file where a folder should be).
    """
    target = Path(os.path.realpath(path))
    # The length of this name does not depend on the target's, which may be the longest allowed.
    partial = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        _check_target(target, path, overwrite=overwrite)
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_new(partial, data)
        partial.replace(target)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{shown_name(path)}: {_reason(error)}", hint=_remedy(error)) from error
    finally:
        # After the rename it is gone; where the folder is none it never was.
        with contextlib.suppress(OSError):
            partial.unlink()


def shown_name(path: str | os.PathLike[str] | bytes) -> str:
    """Give a file name as it may be shown: line breaks, control characters and bad bytes escaped.

    Args:
        path: Any name, also one that is not valid text.

    Returns:
        Printable text on one line.
    """
    text = os.fsdecode(path)
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    # File names with bytes that are no UTF-8 arrive as these code points, one a byte.
    if "\udc80" <= letter <= "\udcff":
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")


def _check_target(target: Path, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    if target.is_dir():
        raise OutputError(f"{shown_name(path)}: is a folder", hint="give the name of a file in it")
    if target.exists() and not target.is_file():
        raise OutputError(f"{shown_name(path)}: is not a regular file", hint="choose another name")
    if target.exists() and not overwrite:
        raise OutputError(
            f"{shown_name(path)}: exists already", hint="choose another name or allow overwriting"
        )


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _reason(error: OSError) -> str:
    known = {
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
        errno.EROFS: "the folder is read-only",
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.ENAMETOOLONG: "the name is too long",
        errno.ENOTDIR: "a file stands where a folder should be",
        errno.EEXIST: "a file stands where a folder should be",
    }
    return known.get(error.errno or 0, f"cannot be written ({error.strerror or error})")


def _remedy(error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "free some space or choose another folder"
    if error.errno == errno.ENAMETOOLONG:
        return "choose a shorter name"
    return "choose a folder you can write to"

"""What is said where a published checkpoint is not there and cannot be brought."""

import errno
import shutil
from collections.abc import Iterable
from pathlib import Path

from anymask.errors import ChecksumMismatch, OutputError, WeightsError, WeightsNotFound
from anymask.image.names import display_name
from anymask.weights.cache import is_there, may_connect
from anymask.weights.catalogue import PublishedFile


def partial_path(path: Path) -> Path:
    """Give the file in which a transfer lies until it is whole.

    Args:
        path: The file it will become.
    """
    return path.with_name(f"{path.name}.part")


def size_of(path: Path) -> int:
    """Give a file's size in bytes; 0 where it is not there."""
    return path.stat().st_size if is_there(path) else 0


def megabytes(num_bytes: int) -> str:
    """Give an amount of bytes as people say it: "375 MB", "2.56 GB"."""
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.0f} MB"


def check_space(published: PublishedFile, partial: Path) -> None:
    """See that what is missing of a checkpoint fits on the disk.

    Args:
        published: Which one.
        partial: Its partial file, whose folder must exist.

    Raises:
        OutputError: If it does not fit.
    """
    there = size_of(partial)
    needed = published.num_bytes - (there if there <= published.num_bytes else 0)
    free = shutil.disk_usage(partial.parent).free
    if free < needed:
        raise OutputError(
            f"{published.name}: needs {megabytes(needed)}, {megabytes(free)} free in "
            f"{display_name(partial.parent)}",
            hint="set ANYMASK_CACHE to a folder with more space",
        )


def unavailable(
    published: PublishedFile, folder: Path, reasons: Iterable[str], *, is_wrong: bool = False
) -> WeightsError:
    """Give the error that no server gives a file, and that says how to bring it by other means.

    Args:
        published: Which one.
        folder: Where it belongs.
        reasons: What was in the way, one a server.
        is_wrong: Whether a server gave other bytes.
    """
    kind = ChecksumMismatch if is_wrong else WeightsNotFound
    path = folder / published.file_name
    begun = size_of(partial_path(path))
    again = "try again" if may_connect() else "unset ANYMASK_OFFLINE"
    if begun:
        again += f", {megabytes(begun)} are kept"
    state = "is damaged" if is_there(path) else "is not"
    return kind(
        f"{published.name}: {published.file_name} {state} in {display_name(folder)} and cannot be "
        f"fetched: {', '.join(reasons)}",
        hint=f"{again}, or download {published.url} into that folder ({published.num_bytes:,} "
        f"bytes, sha256 {published.sha256})",
    )


def unwritable(published: PublishedFile, folder: Path, error: OSError) -> OutputError:
    """Give the error that the cache cannot be written, in words.

    Args:
        published: Which checkpoint.
        folder: Where it belongs.
        error: What the system said.
    """
    known = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EROFS: "it is read-only",
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
        errno.EEXIST: "a file stands where a folder should be",
        errno.ENOTDIR: "a file stands where a folder should be",
    }
    reason = known.get(error.errno or 0, str(error.strerror or error))
    return OutputError(
        f"{published.name}: needs {megabytes(published.num_bytes)} in {display_name(folder)}, "
        f"which cannot be written: {reason}",
        hint="set ANYMASK_CACHE to a folder with space that you can write to",
    )

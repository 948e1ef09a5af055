"""Published checkpoints fetched into the cache: whole and as published, or not at all."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from anymask.errors import OutputError
from anymask.weights.cache import is_there, may_connect, weights_folder
from anymask.weights.catalogue import PublishedFile
from anymask.weights.connection import Attempt
from anymask.weights.transfer import OtherBytes, Progress, SourceFailed, transfer
from anymask.weights.transfer_bar import shown_progress
from anymask.weights.unfetched import check_space, partial_path, size_of, unavailable, unwritable

_TRIES = 5  # of one server, as long as each brings the file further


def fetch(
    published: PublishedFile,
    *,
    folder: Path | None = None,
    timeout_s: float = 1.0,
    on_progress: Progress | None = None,
    on_note: Callable[[str], None] | None = None,
    is_checked: bool = False,
) -> Path:
    """Give a published checkpoint's file, fetched first where it is not in the cache.

    A transfer that broke off is gone on with. Of several processes one fetches, the others wait.

    Args:
        published: Which one.
        folder: Where it is kept; the cache's folder of weights by default.
        timeout_s: Seconds within which one of the servers must accept a connection.
        on_progress: Called with the bytes that are there and the size of the whole; by default
            a bar shows them on a terminal.
        on_note: Called with what a person should know; by default it is a line of standard error.
        is_checked: Whether a file that is there is read and replaced where it is not the
            published one; loading checks it anyway, and refuses.

    Returns:
        The file in the cache.

    Raises:
        WeightsNotFound: If no server gives it, or connections are forbidden.
        ChecksumMismatch: If a server gives other bytes, and none the published ones.
        OutputError: If the cache is full or cannot be written.
    """
    folder = weights_folder() if folder is None else folder
    path = folder / published.file_name
    if is_there(path) and not (is_checked and not is_whole(published, path)):
        return path
    if not may_connect():
        raise unavailable(published, folder, ["ANYMASK_OFFLINE forbids connections"])
    try:
        with _alone(path, on_note or _note), shown_progress(published, on_progress) as progress:
            if not is_whole(published, path):  # another process may have brought it
                _fetch(published, path, timeout_s, progress)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise unwritable(published, folder, error) from error
    return path


def is_whole(published: PublishedFile, path: Path) -> bool:
    """Say whether a file is there, can be read, and has exactly the published bytes.

    Args:
        published: What it must be.
        path: The file.
    """
    try:
        if not path.is_file() or path.stat().st_size != published.num_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == published.sha256
    except OSError:
        return False


def _fetch(published: PublishedFile, path: Path, timeout_s: float, on_progress: Progress) -> None:
    partial = partial_path(path)
    check_space(published, partial)
    try:
        if not is_whole(published, partial):
            _ask_mirrors(published, partial, timeout_s, on_progress)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        # On a full disk, what cannot become whole is in everybody's way.
        with suppress(OSError):
            partial.unlink()
        raise


def _ask_mirrors(
    published: PublishedFile, partial: Path, timeout_s: float, on_progress: Progress
) -> None:
    """Bring the partial file to the published bytes, from the first server that gives them."""
    attempts = [Attempt(url, timeout_s) for url in published.mirrors]
    refusals: list[SourceFailed] = []
    for url, attempt in zip(published.mirrors, attempts, strict=True):
        failure = attempt.failure()
        refusal = SourceFailed(failure) if failure else _ask(published, url, partial, on_progress)
        if refusal is None:
            return
        refusals.append(refusal)
    is_wrong = any(isinstance(refusal, OtherBytes) for refusal in refusals)
    raise unavailable(published, partial.parent, map(str, refusals), is_wrong=is_wrong)


def _ask(
    published: PublishedFile, url: str, partial: Path, on_progress: Progress
) -> SourceFailed | None:
    """Ask one server until the file is whole; give what was in the way, if anything."""
    refusal: SourceFailed | None = None
    for _ in range(_TRIES):
        before = size_of(partial)
        try:
            transfer(url, partial, published.num_bytes, on_progress)
        except SourceFailed as failed:
            refusal = failed
            if failed.may_go_on and size_of(partial) != before:
                continue
            return refusal
        if is_whole(published, partial):
            return None
        with partial.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        partial.unlink()
        host = urlsplit(url).hostname
        refusal = OtherBytes(
            f"the file of {host} has sha256 {sha256}, published is {published.sha256}"
        )
        if not before:  # else the piece that was there before may be the wrong one
            return refusal
    return refusal


@contextmanager
def _alone(path: Path, on_note: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time fetch a file; a lock dies with the process that holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    marker = path.with_name(f".{path.name}.lock")
    lock = FileLock(marker)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_note(f"another process fetches {path.name}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        # Before it is let go: whoever waits on a removed file sees that, and makes a new one.
        with suppress(OSError):
            marker.unlink()
        lock.release()


def _note(text: str) -> None:
    sys.stderr.write(f"note: {text}\n")
    sys.stderr.flush()

"""Files that come into a folder together, once all of them are there and right."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from anymask.errors import OutputError
from anymask.masks.atomic import shown_name


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say in a sentence what the disk refuses.

    Args:
        folder: Where files are written.

    Raises:
        OutputError: If the folder or a file in it cannot be written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"{shown_name(folder)}: cannot be written ({error.strerror or error})",
            hint="choose a folder you can write to, with room for the weights",
        ) from error


@contextmanager
def room_in(folder: Path) -> Iterator[Path]:
    """Give a folder inside that is gone afterwards; a folder made for nothing goes too.

    Args:
        folder: The outer one; made where it is missing.

    Yields:
        The inner one, on the same disk.
    """
    was_there = folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=".part") as name:
            yield Path(name)
    finally:
        if not was_there:
            with contextlib.suppress(OSError):
                folder.rmdir()


def moved(room: Path, folder: Path, names: Sequence[str]) -> list[Path]:
    """Bring files to the disk and to their places.

    Args:
        room: Where they were written.
        folder: Where they go.
        names: All that may be there, in the order in which they go. What was not written is taken
            away where an earlier export left it.

    Returns:
        The files that were moved.
    """
    files = []
    for name in names:
        source, target = room / name, folder / name
        if source.exists():
            with source.open("rb+") as file:
                os.fsync(file.fileno())
            source.replace(target)
            files.append(target)
        elif target.is_file():
            target.unlink()
    return files

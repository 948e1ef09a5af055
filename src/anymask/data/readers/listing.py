"""What lies in a folder: streamed, hidden files left out, each folder entered once."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from anymask.errors import DataError
from anymask.image import display_name

PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
)


def scan(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Give what lies in one folder, in no order; names that begin with a dot are left out.

    Args:
        folder: The folder.

    Raises:
        DataError: If the folder cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    yield entry
    except OSError as error:
        raise DataError(
            f"{display_name(folder)}: cannot be listed ({error.strerror})",
            hint="check the path and its permissions",
        ) from error


def walk(folder: Path, *, has_pipes: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Give every folder below and its files, sorted by name; links that lead back end.

    Args:
        folder: Where to begin.
        has_pipes: Whether pipes and devices are given, too. Who opens one may wait for ever.

    Yields:
        The folder's path relative to `folder`, with "/" between and "" for itself, and the names
        of its files.

    Raises:
        DataError: If a folder cannot be listed.
    """
    entered: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        with suppress(OSError):  # what cannot be looked at cannot be listed, which is said below
            stat = (folder / inside).stat()
            if (stat.st_dev, stat.st_ino) in entered:
                continue
            entered.add((stat.st_dev, stat.st_ino))
        files: list[str] = []
        folders: list[str] = []
        for entry in scan(folder / inside):
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link that leads back to itself: told when it is opened
                is_folder, is_file = False, True
            # A link to nothing is told when it is opened; a pipe would then wait for ever.
            if has_pipes or is_folder or is_file or not os.path.exists(entry.path):  # noqa: PTH110
                (folders if is_folder else files).append(entry.name)
        yield inside, sorted(files)
        prefix = f"{inside}/" if inside else ""
        waiting.extend(prefix + name for name in sorted(folders, reverse=True))


def split_suffix(name: str) -> tuple[str, str]:
    """Split a file's name into stem and suffix, the suffix in lower case.

    Args:
        name: Name of a file.
    """
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 (on millions of names)
    return stem, suffix.lower()

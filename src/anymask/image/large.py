"""Pictures too large for memory: decoded once to a temporary file, then read box by box."""

import os
import shutil
import tempfile
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from anymask.errors import ImageError, InputError, OutputError
from anymask.image.large_header import FORMATS, read_large_header
from anymask.image.options import ReadOptions
from anymask.image.orient import upright
from anymask.image.picture import Picture
from anymask.image.read import read_picture
from anymask.image.sniff import HEAD_BYTES, sniff, suffix_note
from anymask.image.source import Source, open_source
from anymask.image.strips import Strips
from anymask.masks.boxes import IntBox

MAX_TILED_PIXELS = 10**10
"""The largest picture that is read in boxes: 30 GB of temporary file."""

IN_MEMORY_PIXELS = 40_000_000
"""Pictures up to this are simply held in memory."""

Pixels = NDArray[np.uint8]

# Opacity, and where there is no data; None where all is opaque and has a value.
_Hidden = tuple[NDArray[np.uint8] | None, NDArray[np.bool_] | None]


class _Store(Protocol):
    """Pixels of the upright picture, any box at a time."""

    def read(self, box: IntBox) -> Pixels: ...

    def hidden(self, box: IntBox, /) -> _Hidden: ...

    def close(self) -> None: ...


class LargePicture:
    """An upright 8-bit RGB picture of which only boxes are held in memory.

    Closed with `close` or by `with`; its temporary file has no name and is gone with the program
    at the latest.

    Attributes:
        size_hw: Height and width of the upright picture, pixels.
        name: Name for messages, already escaped.
        sha256: Hex digest of the source's bytes.
        format: What the source was: "JPEG", "PNG", …
        orientation: EXIF orientation that was found and is undone, 1 to 8.
        notes: What was noticed or assumed while reading, one clause each.
        path: Where it was read from, as it was given; None for what came from memory.
    """

    def __init__(
        self,
        store: _Store,
        *,
        size_hw: tuple[int, int],
        name: str,
        sha256: str,
        format: str,  # noqa: A002 - the name it has in Picture
        orientation: int = 1,
        notes: tuple[str, ...] = (),
        path: str | None = None,
    ) -> None:
        self._store = store
        self.size_hw = size_hw
        self.name, self.sha256, self.format = name, sha256, format
        self.orientation, self.notes, self.path = orientation, notes, path

    def __enter__(self) -> "LargePicture":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the temporary file go."""
        self._store.close()

    def read(self, box: IntBox) -> Pixels:
        """Read a box.

        Args:
            box: Corners x0, y0, x1, y1, pixels of the upright picture, right and bottom edge
                exclusive.

        Returns:
            uint8 RGB, (y1 - y0, x1 - x0, 3).

        Raises:
            InputError: If the box is empty or reaches beyond the picture.
        """
        x0, y0, x1, y1 = box
        height, width = self.size_hw
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise InputError(
                f"box {box} does not lie in a picture of {width}x{height}",
                hint="give x0, y0, x1, y1 inside it",
            )
        return self._store.read(box)

    def part(self, box: IntBox) -> Picture:
        """Cut out a box as a picture of its own.

        Args:
            box: Corners x0, y0, x1, y1, pixels of the upright picture, right and bottom edge
                exclusive.

        Returns:
            The part, with opacity and where there is no data as far as they are known: of
            pictures that are held in memory. Larger ones lie over white, and those that can hold
            pixels without data are not read at all.

        Raises:
            InputError: If the box is empty or reaches beyond the picture.
        """
        x0, y0, x1, y1 = box
        alpha, no_data = self._store.hidden(box)
        return Picture(
            pixels=self.read(box),
            alpha=alpha,
            name=f"{self.name} [{x0}:{x1}, {y0}:{y1}]",
            format=self.format,
            no_data=no_data,
        )


def open_large(
    source: str | os.PathLike[str] | Picture,
    *,
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    max_pixels: int = MAX_TILED_PIXELS,
    in_memory_pixels: int = IN_MEMORY_PIXELS,
) -> LargePicture:
    """Open a picture of any size, to be read box by box.

    Small ones are read at once as `read_picture` does. Larger ones are decoded from top to bottom
    in little memory to a temporary file without a name, in the folder that TMPDIR tells.

    Args:
        source: The file, or a picture that was read already.
        options: How to read it; `max_pixels` of it does not matter.
        max_pixels: Largest width × height that is opened.
        in_memory_pixels: Up to how many pixels it is held in memory.

    Returns:
        The picture; close it after use.

    Raises:
        ImageError: If it is missing, damaged, too large, or of a kind that is not read.
        InputError: If the path is no regular file, or a page or band does not exist.
        MissingExtra: If it is large and pyvips is not installed.
        OutputError: If the temporary file does not fit on the disk.
    """
    if isinstance(source, Picture):
        return of_picture(source)
    opened = open_source(source)
    with opened.file:
        format_name = sniff(opened.read_at(0, HEAD_BYTES), opened.name)
        if format_name not in FORMATS:
            return of_picture(read_picture(source, options=options))
        header = read_large_header(opened, format_name, options, max_pixels=max_pixels)
        height, width = header.size_hw
        if height * width <= in_memory_pixels:
            return of_picture(read_picture(source, options=options))
        sha256 = opened.sha256()
        strips = Strips(opened, header, options)
        store = _DiskStore(strips, header.size_hw, opened)
    note = suffix_note(format_name, opened.suffix)
    return LargePicture(
        store,
        size_hw=store.size_hw,
        name=opened.name,
        sha256=sha256,
        format=format_name,
        orientation=strips.orientation,
        notes=(*filter(None, [note]), *strips.notes),
        path=os.fspath(source),
    )


def of_picture(picture: Picture) -> LargePicture:
    """Give a picture that is in memory as one that is read box by box.

    Args:
        picture: The upright picture.
    """
    return LargePicture(
        _MemoryStore(picture),
        size_hw=picture.size_hw,
        name=picture.name,
        sha256=picture.sha256 or "",
        format=picture.format,
        orientation=picture.orientation,
        notes=picture.notes,
        path=picture.path,
    )


class _MemoryStore:
    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def read(self, box: IntBox) -> Pixels:
        return _cut(self._picture.pixels, box)

    def hidden(self, box: IntBox) -> _Hidden:
        alpha, no_data = self._picture.alpha, self._picture.no_data
        part = None if no_data is None else _cut(no_data, box)
        if part is not None and not part.any():
            part = None
        return (None if alpha is None else _cut(alpha, box)), part

    def close(self) -> None:
        self._picture = Picture(pixels=self._picture.pixels[:0])


class _DiskStore:
    """Rows of RGB in a temporary file, as they are stored; they are turned when read.

    Read with plain reads, not mapped into memory: mapped pages count as the program's own.
    """

    def __init__(self, strips: Strips, stored_hw: tuple[int, int], source: Source) -> None:
        height, self._width = stored_hw
        self._orientation = strips.orientation
        self.size_hw = stored_hw[::-1] if self._orientation >= 5 else stored_hw
        num_bytes = 3 * height * self._width
        _check_room(num_bytes, source.name)
        self._file = tempfile.TemporaryFile(prefix="anymask-", buffering=0)  # noqa: SIM115
        try:
            for strip in strips:
                self._append(strip, source.name)
        except BaseException:
            self._file.close()
            raise

    def _append(self, strip: Pixels, name: str) -> None:
        waiting = strip.data.cast("B")
        try:
            while waiting:
                waiting = waiting[self._file.write(waiting) :]
        except OSError as error:
            raise _no_room(name, strip.nbytes, error.strerror or str(error)) from error

    def read(self, box: IntBox) -> Pixels:
        stored = _stored_box(box, self.size_hw, self._orientation)
        return upright(self._read_stored(stored), self._orientation)

    def hidden(self, _box: IntBox) -> _Hidden:
        return None, None

    def _read_stored(self, box: IntBox) -> Pixels:
        x0, y0, x1, y1 = box
        pixels = np.empty((y1 - y0, x1 - x0, 3), np.uint8)
        for row, line in enumerate(pixels, start=y0):
            self._file.seek(3 * (row * self._width + x0))
            if self._file.readinto(line.data.cast("B")) != line.nbytes:
                raise ImageError(
                    "the temporary file of a large picture ended early",
                    hint="check the disk it is on",
                )
        return pixels

    def close(self) -> None:
        self._file.close()


def _cut(plane: NDArray[Any], box: IntBox) -> NDArray[Any]:
    x0, y0, x1, y1 = box
    return plane[y0:y1, x0:x1].copy()


def _check_room(num_bytes: int, name: str) -> None:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if num_bytes > free:
        raise _no_room(name, num_bytes, f"{free / 1e9:.1f} GB are free")


def _no_room(name: str, num_bytes: int, reason: str) -> OutputError:
    return OutputError(
        f"{name}: {num_bytes / 1e9:.1f} GB of pixels do not fit into the folder for temporary "
        f"files ({reason})",
        hint="free some space or set TMPDIR to another folder",
    )


def _stored_box(box: IntBox, size_hw: tuple[int, int], orientation: int) -> IntBox:
    """Give the same box before the picture was turned upright."""
    x0, y0, x1, y1 = box
    height, width = size_hw
    if orientation in (3, 4, 7, 8):
        y0, y1 = height - y1, height - y0
    if orientation in (2, 3, 6, 7):
        x0, x1 = width - x1, width - x0
    return (y0, x0, y1, x1) if orientation >= 5 else (x0, y0, x1, y1)

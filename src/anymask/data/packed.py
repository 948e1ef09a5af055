"""A prepared set: pictures and masks found by their place in a tar archive.

A set's folder in the cache holds `index.npy` (one row a picture: where its picture and its
annotation lie, its size and fingerprint), `names.bin`, `facts.json`, `bad.jsonl`, and
`pictures.tar` unless the set's own archive serves as it is.
"""

import json
import os
import tarfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anymask.data.picture import AnnotatedPicture
from anymask.data.readers.naming import picture_name
from anymask.data.readers.sa1b_record import PSEUDO
from anymask.errors import DataError
from anymask.masks.atomic import shown_name
from anymask.masks.rle import decompress

MIN_AREA_PX = 40
ROW = np.dtype(
    [
        ("picture_at", "<i8"),
        ("picture_bytes", "<i8"),
        ("note_at", "<i8"),
        ("note_bytes", "<i8"),
        ("height", "<i4"),
        ("width", "<i4"),
        ("masks", "<i4"),
        ("name_bytes", "<i4"),
        ("name_at", "<i8"),
        ("print", "<u8", (3,)),
    ]
)
_PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Where a picture and its annotation lie in an archive, bytes from its start."""

    picture_at: int
    picture_bytes: int
    note_at: int
    note_bytes: int


class PackedSet:
    """A prepared set of annotated pictures.

    It is opened at the first use, in whatever process that happens: pickling it costs nothing.

    Args:
        folder: The set's folder in the cache.
        name: Name of the set; None for the one it was prepared under.
        min_area_px: Masks smaller than this are left out at reading, pixels.

    Raises:
        DataError: When it is first used, if the folder holds no prepared set, or the archive it
            points to has changed since.
    """

    def __init__(
        self, folder: Path, *, name: str | None = None, min_area_px: int = MIN_AREA_PX
    ) -> None:
        self.folder = folder
        self.min_area_px = max(1, min_area_px)
        self._name = name
        self._opened: _Opened | None = None

    @property
    def name(self) -> str:
        """Name of the set."""
        return self._name or str(self.facts["name"])

    @property
    def facts(self) -> dict[str, Any]:
        """What was written down about the set when it was prepared."""
        return self._open().facts

    @property
    def index(self) -> NDArray[np.void]:
        """One row a picture; its fields are those of `ROW`."""
        return self._open().index

    @property
    def fingerprints(self) -> NDArray[np.uint64]:
        """Fingerprints of the pictures, uint64, (N, 3)."""
        return np.asarray(self.index["print"])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures in order."""
        return tuple(self.name_of(index) for index in range(len(self)))

    def name_of(self, index: int) -> str:
        """Give the name of one picture."""
        opened = self._open()
        start, length = (int(opened.index[index][field]) for field in ("name_at", "name_bytes"))
        return os.fsdecode(bytes(opened.names[start : start + length]))

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[AnnotatedPicture]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> AnnotatedPicture:
        """Read one picture and its masks.

        Args:
            index: Row, from 0; negative ones count from the end.

        Raises:
            DataError: If the archive cannot be read there.
            IndexError: If there is no such row.
        """
        opened = self._open()
        row = opened.index[index]
        name = self.name_of(index)
        size_hw = (int(row["height"]), int(row["width"]))
        note = opened.read(int(row["note_at"]), int(row["note_bytes"]))
        noted = noted_masks(note, f"{self.name}/{name}")
        masks = [mask for mask in noted if int(mask.runs[1::2].sum()) >= self.min_area_px]
        is_mixed = any(mask.is_pseudo for mask in masks)
        return AnnotatedPicture(
            set_name=self.name,
            name=name,
            encoded=opened.read(int(row["picture_at"]), int(row["picture_bytes"])),
            size_hw=size_hw,
            runs=tuple(mask.runs for mask in masks),
            pseudo=tuple(mask.is_pseudo for mask in masks) if is_mixed else None,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.folder, self._name, self.min_area_px)

    def _open(self) -> "_Opened":
        if self._opened is None:
            self._opened = _Opened(self.folder)
        return self._opened


class _Opened:
    """A set's files, open."""

    def __init__(self, folder: Path) -> None:
        try:
            self.facts: dict[str, Any] = json.loads((folder / "facts.json").read_bytes())
            self.index: NDArray[np.void] = np.load(folder / "index.npy", mmap_mode="r")
            self.names = np.fromfile(folder / "names.bin", dtype=np.uint8)
            archive = folder / str(self.facts["archive"])
            self._file = os.open(archive, os.O_RDONLY)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{shown_name(folder)}: is no prepared set ({error})", hint="prepare the data again"
            ) from error
        weakref.finalize(self, os.close, self._file)
        self._shown = shown_name(archive)
        status = os.fstat(self._file)
        if [status.st_size, status.st_mtime_ns] != self.facts["archive_stamp"]:
            raise DataError(
                f"{self._shown}: has changed since it was prepared", hint="prepare the data again"
            )

    def read(self, start: int, length: int) -> bytes:
        # Reading by place moves no file position: processes after a fork do not disturb each other.
        found = os.pread(self._file, length, start)
        if len(found) != length:
            raise DataError(
                f"{self._shown}: ends before byte {start + length}", hint="prepare the data again"
            )
        return found


def _restored(folder: Path, name: str | None, min_area_px: int) -> PackedSet:
    return PackedSet(folder, name=name, min_area_px=min_area_px)


def archive_members(path: Path) -> dict[str, Members] | None:
    """Find the pictures of an archive that have an annotation beside them.

    Args:
        path: The archive.

    Returns:
        Where each lies, by its picture's name inside the set; None if the file is no plain tar
        archive, so that nothing in it has a place of its own.

    Raises:
        OSError: If the file cannot be read.
    """
    pictures: dict[str, tuple[int, int]] = {}
    notes: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            while (member := archive.next()) is not None:
                # The archive would remember every member it has given.
                archive.members.clear()  # type: ignore[attr-defined]  # not in the stubs
                stem, dot, suffix = member.name.rpartition(".")
                kind = f"{dot}{suffix}".lower()
                if not member.isreg() or member.issparse():
                    continue
                if kind in _PICTURE_SUFFIXES:
                    pictures[stem] = (member.offset_data, member.size)
                elif kind == ".json":
                    notes[stem] = (member.offset_data, member.size)
    except tarfile.TarError:
        return None
    return {
        picture_name(stem): Members(
            picture_at=place[0],
            picture_bytes=place[1],
            note_at=notes[stem][0],
            note_bytes=notes[stem][1],
        )
        for stem, place in pictures.items()
        if stem in notes
    }


class NotedMask(NamedTuple):
    """One mask of an annotation: run lengths, int64, (K,), and whether a model made it."""

    runs: NDArray[np.int64]
    is_pseudo: bool


def noted_runs(note: bytes, shown: str) -> list[NDArray[np.int64]]:
    """Read the masks of an annotation in the SA-1B layout.

    Args:
        note: The JSON file.
        shown: Name for messages.

    Returns:
        Run lengths of each mask, int64, (K,).

    Raises:
        DataError: If it is no such annotation.
    """
    return [mask.runs for mask in noted_masks(note, shown)]


def noted_masks(note: bytes, shown: str) -> list[NotedMask]:
    """Read the masks of an annotation in the SA-1B layout, and who made them.

    Args:
        note: The JSON file.
        shown: Name for messages.

    Raises:
        DataError: If it is no such annotation.
    """
    try:
        return [
            NotedMask(_read_code(entry["segmentation"]["counts"]), entry.get(PSEUDO) is True)
            for entry in json.loads(note)["annotations"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{shown}: has no annotation in the SA-1B layout ({error})",
            hint="prepare the data again",
        ) from error


def _read_code(code: object) -> NDArray[np.int64]:
    return decompress(code) if isinstance(code, str) else np.asarray(code, dtype=np.int64)

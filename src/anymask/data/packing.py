"""Making a prepared set: every picture is opened once, and kept as training wants it."""

import io
import json
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from anymask.data.failures import write_failures
from anymask.data.fingerprints import fingerprint
from anymask.data.opening import Fitted, Runs, fit, open_sample, usable_bytes
from anymask.data.packed import ROW, Members, archive_members, noted_runs
from anymask.data.readers.naming import set_name_of
from anymask.data.readers.sa1b_record import PSEUDO
from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.errors import DataError
from anymask.masks.rle import compress

OWN_ARCHIVE = "pictures.tar"


class SetLayout(Protocol):
    """One set as a reader recognised it."""

    @property
    def kind(self) -> str:
        """Name of the layout."""

    @property
    def path(self) -> Path:
        """Its file or folder."""

    def read(self, left_out: Counter[str] | None = None) -> Iterator[AnnotatedFile | BadSample]:
        """Give every picture with its masks, and every fault; count what is left out on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSettings:
    """How sets are prepared.

    Attributes:
        longest_px: Longest side that is kept, pixels.
        all_checked_up_to: Pictures of an archive that serves as it is are all opened up to this
            many; of more, only an even sample.
        sample: How many that sample has.
    """

    longest_px: int = 1024
    all_checked_up_to: int = 100_000
    sample: int = 10_000


@dataclass(slots=True)
class _Rows:
    """The index while it grows."""

    rows: list[Any] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)
    name_at: int = 0
    bad: list[BadSample] = field(default_factory=list)
    used: set[Path] = field(default_factory=set)
    checked: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        name: str,
        members: Members,
        size_hw: tuple[int, int],
        num_masks: int,
        words: NDArray[np.uint64],
    ) -> None:
        encoded = os.fsencode(name)
        places = (members.picture_at, members.picture_bytes, members.note_at, members.note_bytes)
        self.rows.append((*places, *size_hw, num_masks, len(encoded), self.name_at, words))
        self.names.append(encoded)
        self.name_at += len(encoded)


def pack_set(
    layout: SetLayout, folder: Path, settings: PackSettings, on_pictures: Callable[[int], None]
) -> tuple[Path, ...]:
    """Write a set's folder: index, facts, bad samples, and its pictures where they must change.

    Args:
        layout: The set.
        folder: An empty folder; it is complete only when this returns.
        settings: How.
        on_pictures: Called with how many more pictures and bad samples are done; with a negative
            number when an archive must be gone through again.

    Returns:
        The picture files that were read.

    Raises:
        DataError: If the set cannot be read at all.
        OSError: If the folder cannot be written.
    """
    seen = 0

    def on_picture() -> None:
        nonlocal seen
        seen += 1
        on_pictures(1)

    rows, archive = _index_in_place(layout, settings, on_picture), layout.path
    if rows is None:
        on_pictures(-seen)
        archive = folder / OWN_ARCHIVE
        rows = _repack(layout, archive, settings, on_picture)
    index = np.array(rows.rows, dtype=ROW)
    with (folder / "index.npy").open("wb") as file:
        np.save(file, index)
    (folder / "names.bin").write_bytes(b"".join(rows.names))
    write_failures(folder / "bad.jsonl", rows.bad)
    status = archive.stat()
    is_own = archive.name == OWN_ARCHIVE and archive.parent == folder
    facts = {
        "name": set_name_of(layout.path),
        "kind": layout.kind,
        "archive": OWN_ARCHIVE if is_own else str(archive.absolute()),
        "archive_stamp": [status.st_size, status.st_mtime_ns],
        "settings": asdict(settings),
        "pictures": len(index),
        "masks": int(index["masks"].sum()),
        "without_masks": int((index["masks"] == 0).sum()),
        "bad": len(rows.bad),
        "checked": rows.checked,
        "left_out": dict(rows.left_out),
    }
    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="ascii")
    for name in ("index.npy", "names.bin", "facts.json"):
        _to_disk(folder / name)
    return tuple(sorted(rows.used))


def _index_in_place(
    layout: SetLayout, settings: PackSettings, on_picture: Callable[[], None]
) -> _Rows | None:
    """Index an archive that can stay as it is; None as soon as something in it cannot."""
    if not layout.path.is_file():
        return None
    members = archive_members(layout.path)
    if not members:
        return None
    is_large = len(members) > settings.all_checked_up_to
    step = len(members) / settings.sample if is_large else 1.0
    rows, seen = _Rows(), 0
    with layout.path.open("rb") as archive:
        for found in layout.read(rows.left_out):
            on_picture()
            if isinstance(found, BadSample):
                rows.bad.append(found)
                continue
            place = members.get(found.name)
            if place is None or not isinstance(found.source, bytes):
                return None
            is_checked = not is_large or int(seen / step) != int((seen - 1) / step) or seen == 0
            seen += 1
            is_kept = _index_one(rows, found, place, settings, archive if is_checked else None)
            if not is_kept:
                return None
    return rows


def _index_one(
    rows: _Rows,
    found: AnnotatedFile,
    place: Members,
    settings: PackSettings,
    archive: io.BufferedReader | None,
) -> bool:
    """Add a picture that lies in an archive; False if it cannot stay there as it is."""
    if archive is None and found.size_hw is not None:
        if max(found.size_hw) > settings.longest_px:
            return False
        words = np.zeros(3, dtype=np.uint64)
        rows.add(found.name, place, found.size_hw, len(found.runs), words)
        return True
    opened = open_sample(found)
    rows.checked += 1
    if isinstance(opened, BadSample):
        rows.bad.append(opened)
        return True
    picture = opened.picture
    if max(picture.size_hw) > settings.longest_px or usable_bytes(opened) is None:
        return False
    if archive is not None:
        note = os.pread(archive.fileno(), place.note_bytes, place.note_at)
        if not _same_masks(note, opened.runs, found.shown):
            return False
    rows.bad.extend(opened.bad)
    words = fingerprint(picture.pixels)
    rows.add(found.name, place, picture.size_hw, len(opened.runs), words)
    return True


def _same_masks(note: bytes, runs: Sequence[Runs], shown: str) -> bool:
    """Say whether an annotation, read in the plainest way, gives these masks."""
    try:
        noted = [found for found in noted_runs(note, shown) if found[1::2].any()]
    except DataError:
        return False
    return len(noted) == len(runs) and all(map(np.array_equal, noted, runs))


def _repack(
    layout: SetLayout, archive: Path, settings: PackSettings, on_picture: Callable[[], None]
) -> _Rows:
    """Write every picture and its masks into an archive of the SA-1B layout, and index it."""
    rows = _Rows()
    kept: dict[str, tuple[tuple[int, int], int, NDArray[np.uint64]]] = {}
    with tarfile.open(archive, "w") as out:
        for found in layout.read(rows.left_out):
            on_picture()
            opened = found if isinstance(found, BadSample) else open_sample(found)
            if isinstance(opened, BadSample):
                rows.bad.append(opened)
                continue
            rows.checked += 1
            if isinstance(opened.file.source, Path):
                rows.used.add(opened.file.source)
            fitted = fit(opened, settings.longest_px)
            rows.bad.extend((*opened.bad, *fitted.gone))
            name = opened.file.name
            _add_member(out, f"{name}.jpg", fitted.encoded)
            _add_member(out, f"{name}.json", _note(len(kept), name, fitted))
            kept[name] = fitted.size_hw, len(fitted.runs), fingerprint(opened.picture.pixels)
    _to_disk(archive)
    members = archive_members(archive) or {}
    for name, (size_hw, num_masks, words) in kept.items():
        rows.add(name, members[name], size_hw, num_masks, words)
    return rows


def _add_member(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
    archive.members.clear()  # type: ignore[attr-defined]  # not in the stubs


def _note(number: int, name: str, fitted: Fitted) -> bytes:
    """Give the annotation of a picture in the SA-1B layout."""
    height, width = fitted.size_hw
    annotations = [
        {
            "id": index,
            "segmentation": {"size": [height, width], "counts": compress(counts)},
            "area": int(counts[1::2].sum()),
        }
        | ({PSEUDO: True} if fitted.pseudo is not None and fitted.pseudo[index] else {})
        for index, counts in enumerate(fitted.runs)
    ]
    image = {"image_id": number, "width": width, "height": height, "file_name": f"{name}.jpg"}
    return json.dumps({"image": image, "annotations": annotations}).encode("ascii")


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())

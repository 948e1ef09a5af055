"""Sets as readers recognise them, made of what a test puts in."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from anymask.data.packed import archive_members, noted_runs
from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.masks.rle import counts_of
from tests.scenes import scene


@dataclass(frozen=True, kw_only=True)
class FakeLayout:
    """A set that gives what it was told to give."""

    path: Path
    give: Callable[[], Iterator[AnnotatedFile | BadSample]]
    kind: str = "fake"

    def read(self, left_out: Counter[str] | None = None) -> Iterator[AnnotatedFile | BadSample]:
        return self.give()


def shard_layout(path: Path) -> FakeLayout:
    """A tar shard, read in the plainest way."""

    def give() -> Iterator[AnnotatedFile | BadSample]:
        data = path.read_bytes()
        for name, place in (archive_members(path) or {}).items():
            note = data[place.note_at : place.note_at + place.note_bytes]
            yield AnnotatedFile(
                set_name=path.stem,
                name=name,
                source=data[place.picture_at : place.picture_at + place.picture_bytes],
                shown=f"{path.name}/{name}",
                size_hw=None,
                runs=tuple(noted_runs(note, name)),
            )

    return FakeLayout(path=path, give=give)


def write_scenes(folder: Path, number: int = 3, suffix: str = "png") -> list:
    """Write scenes as picture files and give them with their masks."""
    folder.mkdir(exist_ok=True)
    files = []
    for index in range(number):
        pixels, masks = scene(index)
        path = folder / f"scene_{index}.{suffix}"
        Image.fromarray(pixels).save(path)
        runs = tuple(counts_of(mask) for mask in masks)
        files.append(annotated(path, pixels.shape[:2], runs))
    return files


def annotated(path, size_hw, runs) -> AnnotatedFile:
    """A picture file with masks."""
    return AnnotatedFile(
        set_name=path.parent.name,
        name=path.stem,
        source=path,
        shown=path.name,
        size_hw=None if size_hw is None else (int(size_hw[0]), int(size_hw[1])),
        runs=tuple(np.asarray(run, dtype=np.int64) for run in runs),
    )


def folder_layout(folder: Path, files) -> FakeLayout:
    """A folder with these files and faults."""
    return FakeLayout(path=folder, give=lambda: iter(files))


def decoded(encoded: bytes) -> np.ndarray:
    """The pixels of a JPEG or PNG file, RGB."""
    return np.asarray(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB))

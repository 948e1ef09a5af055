"""Tar shards in the SA-1B layout, read whole: for sets small enough to stay in memory.

Source: the published SA-1B data set, one JSON a picture with run-length encoded masks.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from anymask.data.picture import AnnotatedPicture
from anymask.data.readers.sa1b_tar import read_sa1b_tar
from anymask.data.sample_record import BadSample
from anymask.errors import DataError
from anymask.masks.atomic import shown_name


def find_shards(folder: Path) -> tuple[Path, ...]:
    """Give the tar files of a folder, sorted by name.

    Raises:
        DataError: If there are none.
    """
    shards = tuple(sorted(folder.glob("*.tar")))
    if not shards:
        raise DataError(
            f"{folder}: holds no .tar shard", hint="point to a folder of tars in the SA-1B layout"
        )
    return shards


def read_shards(paths: Iterable[Path], min_area_px: int = 40) -> Iterator[AnnotatedPicture]:
    """Give every annotated picture of some shards, in file order.

    Args:
        paths: Tar files.
        min_area_px: Masks smaller than this are left out, pixels.

    Raises:
        DataError: If a shard is no tar file, or a sample of it cannot be used.
    """
    for path in paths:
        for found in read_sa1b_tar(path):
            if isinstance(found, BadSample):
                raise DataError(f"{found.input}: {found.message}", hint=found.hint)
            if found.size_hw is None or not isinstance(found.source, bytes):
                raise DataError(
                    f"{shown_name(found.shown)}: says no size", hint="download it again"
                )
            kept = [i for i, runs in enumerate(found.runs) if runs[1::2].sum() >= min_area_px]
            yield AnnotatedPicture(
                set_name=path.stem,
                name=found.name,
                encoded=found.source,
                size_hw=found.size_hw,
                runs=tuple(found.runs[i] for i in kept),
                pseudo=None if found.pseudo is None else tuple(found.pseudo[i] for i in kept),
            )

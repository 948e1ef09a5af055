"""Reader of tar shards in the SA-1B layout: `name.jpg` beside `name.json`.

Source: the published SA-1B data set, one JSON a picture with run-length encoded masks.
"""

import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from anymask.data.picture import AnnotatedPicture
from anymask.errors import DataError
from anymask.masks.rle import decompress


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
        DataError: If a shard is no tar file, or an annotation cannot be read.
    """
    for path in paths:
        try:
            with tarfile.open(path) as shard:
                yield from _pictures(shard, path, min_area_px)
        except (tarfile.TarError, OSError) as error:
            raise DataError(
                f"{path}: is not a readable tar shard ({error})", hint="download it again"
            ) from error


def _pictures(shard: tarfile.TarFile, path: Path, min_area_px: int) -> Iterator[AnnotatedPicture]:
    waiting: dict[str, dict[str, bytes]] = {}
    for member in shard:
        stem, _, suffix = member.name.rpartition(".")
        file = shard.extractfile(member) if suffix in ("jpg", "json") else None
        if file is None:
            continue
        pair = waiting.setdefault(stem, {})
        pair[suffix] = file.read()
        if len(pair) == 2:
            yield _picture(path, stem, waiting.pop(stem), min_area_px)


def _picture(path: Path, stem: str, pair: dict[str, bytes], min_area_px: int) -> AnnotatedPicture:
    try:
        record: dict[str, Any] = json.loads(pair["json"])
        size_hw = (int(record["image"]["height"]), int(record["image"]["width"]))
        codes = [annotation["segmentation"]["counts"] for annotation in record["annotations"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: {stem}.json is not an SA-1B annotation ({error})", hint="download it again"
        ) from error
    runs = [decompress(code) for code in codes]
    return AnnotatedPicture(
        set_name=path.stem,
        name=stem,
        encoded=pair["jpg"],
        size_hw=size_hw,
        runs=tuple(run for run in runs if run[1::2].sum() >= min_area_px),
    )

"""Shards are read as pycocotools wrote them, and a bad one is named."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from anymask.data.shards import find_shards, read_shards
from anymask.errors import DataError
from tests.scenes import scene, write_shard


def test_every_mask_comes_back_exactly(tmp_path: Path) -> None:
    pictures = list(read_shards([write_shard(tmp_path / "discs.tar", 3)]))
    assert [p.name for p in pictures] == ["discs_000", "discs_001", "discs_002"]
    assert {p.set_name for p in pictures} == {"discs"}
    for number, picture in enumerate(pictures):
        for index, mask in enumerate(scene(number)[1]):
            np.testing.assert_array_equal(picture.mask(index), mask)


def test_small_masks_are_left_out(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "discs.tar", 2)
    areas = [mask.sum() for number in range(2) for mask in scene(number)[1]]
    cutoff = int(np.median(areas))
    kept = sum(len(p.runs) for p in read_shards([path], min_area_px=cutoff))
    assert kept == sum(area >= cutoff for area in areas)


def test_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no \.tar shard; point to a folder of tars"):
        find_shards(tmp_path)


def test_shards_are_sorted_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_shard(tmp_path / f"{name}.tar", 1)
    assert [path.name for path in find_shards(tmp_path)] == ["a.tar", "b.tar"]


def test_file_that_is_no_tar_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.tar"
    path.write_bytes(b"not a tar at all")
    with pytest.raises(DataError, match=r"broken\.tar: is not a readable tar shard"):
        list(read_shards([path]))


def test_annotation_that_is_no_sa1b_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.tar"
    with tarfile.open(path, "w") as shard:
        for name, data in (("one.jpg", b"x"), ("one.json", b'{"image": {}}')):
            file = tmp_path / name
            file.write_bytes(data)
            shard.add(file, name)
    with pytest.raises(DataError, match=r"one\.json: is no SA-1B record: "):
        list(read_shards([path]))

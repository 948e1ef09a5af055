"""A prepared set gives what lay in its archive, in any process."""

import multiprocessing
import os
import pickle
import tarfile

import numpy as np
import pytest

from anymask.data.packed import PackedSet, archive_members, noted_runs
from anymask.data.prepare import prepare_data
from anymask.errors import DataError
from tests.scenes import scene, write_shard
from tests.unit.data.layouts_of_discs import shard_layout


@pytest.fixture
def packed(tmp_path):
    """Three scenes in a shard that stays where it is."""
    write_shard(tmp_path / "discs.tar", 3)
    prepared = prepare_data(
        [tmp_path / "discs.tar"],
        tmp_path / "cache",
        failures=tmp_path / "failures.jsonl",
        read=lambda path: (shard_layout(path),),
    )
    return prepared.sets[0]


def test_pictures_and_masks_are_those_of_the_archive(packed, tmp_path):
    with tarfile.open(tmp_path / "discs.tar") as archive:
        members = [archive.getmember(f"discs_00{index}.jpg") for index in range(3)]
    data = (tmp_path / "discs.tar").read_bytes()
    stored = [data[one.offset_data : one.offset_data + one.size] for one in members]
    assert (packed.name, len(packed)) == ("discs", 3)
    assert packed.names == ("discs_000", "discs_001", "discs_002")
    for number, picture in enumerate(packed):
        assert (picture.set_name, picture.name) == ("discs", f"discs_00{number}")
        assert (picture.encoded, picture.size_hw) == (stored[number], (96, 128))
        assert len(picture.runs) == 3
        for index, mask in enumerate(scene(number)[1]):
            np.testing.assert_array_equal(picture.mask(index), mask)
    assert packed[-1].name == "discs_002"
    with pytest.raises(IndexError):
        packed[3]


def test_small_masks_are_left_out_at_reading(packed):
    areas = [int(mask.sum()) for mask in scene(0)[1]]
    smaller = PackedSet(packed.folder, min_area_px=sorted(areas)[1])
    assert len(smaller[0].runs) == 2
    assert len(PackedSet(packed.folder, min_area_px=max(areas) + 1)[0].runs) == 0


def test_pickled_it_is_small_and_opens_again(packed):
    whole = [picture.name for picture in packed]
    renamed = PackedSet(packed.folder, name="other", min_area_px=77)
    data = pickle.dumps(renamed)
    assert len(data) < 500
    again = pickle.loads(data)  # noqa: S301 (just written)
    assert (again.name, again.min_area_px) == ("other", 77)
    assert [picture.name for picture in again] == whole


def read_names(packed: PackedSet) -> list[str]:
    return [picture.name for picture in packed] + [str(os.getpid())]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_read_it_too(packed, method):
    assert packed[0].name == "discs_000"
    with multiprocessing.get_context(method).Pool(1) as pool:
        *names, process = pool.apply(read_names, (packed,))
    assert names == list(packed.names)
    assert process != str(os.getpid())


def test_an_archive_that_changed_since_is_refused(packed, tmp_path):
    write_shard(tmp_path / "discs.tar", 2)
    with pytest.raises(DataError, match=r"discs\.tar: has changed since it was prepared; prepare"):
        PackedSet(packed.folder)[0]


def test_an_archive_cut_while_open_is_told(packed, tmp_path):
    assert packed[0].name == "discs_000"
    os.truncate(tmp_path / "discs.tar", 600)
    with pytest.raises(DataError, match=r"discs\.tar: ends before byte \d+"):
        packed[2]


def test_a_folder_without_a_set_is_refused(tmp_path):
    with pytest.raises(DataError, match="is no prepared set"):
        len(PackedSet(tmp_path))


def test_compressed_archives_have_no_places(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w:gz"):
        pass
    (tmp_path / "y.tar").write_bytes(b"not a tar at all" * 100)
    assert archive_members(tmp_path / "x.tar") is None
    assert archive_members(tmp_path / "y.tar") is None


@pytest.mark.parametrize("note", [b"{", b"[]", b'{"annotations": [{"segmentation": []}]}'])
def test_an_odd_annotation_is_named(note):
    with pytest.raises(DataError, match=r"^discs/p: has no annotation in the SA-1B layout"):
        noted_runs(note, "discs/p")


def test_run_lengths_may_be_lists():
    note = b'{"annotations": [{"segmentation": {"counts": [3, 2, 1]}}]}'
    assert noted_runs(note, "p")[0].tolist() == [3, 2, 1]

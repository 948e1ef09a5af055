"""Masks of people and of a model in one archive, told apart wherever it is read."""

import json
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from pycocotools import mask as coco

from anymask.data.layouts import recognise_all
from anymask.data.prepare import prepare_data
from anymask.data.shards import read_shards
from anymask.errors import OutputError
from anymask.train.annotated_sets import write_annotated_sets
from anymask.train.pseudo_masks import PseudoSettings
from anymask.train.pseudo_records import PseudoRecord, write_record
from tests.scenes import scene
from tests.unit.train.self_scenes import find_discs, prepared_scenes, third_disc


@pytest.fixture
def discs(tmp_path):
    return prepared_scenes(tmp_path, 4)


@pytest.fixture
def records(tmp_path, discs):
    for picture in discs:
        choice = find_discs(None, picture, PseudoSettings())
        write_record(tmp_path / "records", picture, PseudoRecord(choice=choice))
    return tmp_path / "records"


@pytest.fixture
def write(tmp_path, discs, records):
    """Write the set; returns what was written."""
    return lambda *passed_over: write_annotated_sets(
        [discs], records, tmp_path / "out", frozenset(passed_over)
    )


def test_readers_tell_whose_each_mask_is(write, tmp_path):
    written = write()
    prepared = prepare_data(
        written.paths, tmp_path / "cache", failures=tmp_path / "f.jsonl", read=recognise_all
    )
    assert [group.name for group in prepared.sets] == ["discs"]
    for pictures in (list(prepared.sets[0]), list(read_shards(written.paths))):
        assert len(pictures) == 4
        for picture in pictures:
            assert picture.pseudo == (False, False, True)
            for index, mask in enumerate(scene(int(picture.name[-3:]))[1]):
                np.testing.assert_array_equal(picture.mask(index), mask)


def test_shrunk_pictures_still_tell_whose_each_mask_is(write, tmp_path):
    prepared = prepare_data(
        write().paths,
        tmp_path / "cache",
        longest_px=64,
        failures=tmp_path / "f.jsonl",
        read=recognise_all,
    )
    picture = prepared.sets[0][0]
    assert (picture.size_hw, picture.pseudo) == ((48, 64), (False, False, True))


def test_the_annotation_is_that_of_sa1b_with_one_field_more(write, discs):
    written = write()
    with tarfile.open(written.paths[0]) as archive:
        assert archive.getnames()[:2] == ["discs_000.jpg", "discs_000.json"]
        picture, record = (archive.extractfile(name) for name in archive.getnames()[:2])
        assert picture is not None
        assert picture.read() == discs[0].encoded
        told = json.load(record)  # type: ignore[arg-type]
    assert told["image"] == {
        "image_id": 0,
        "width": 128,
        "height": 96,
        "file_name": "discs_000.jpg",
    }
    people, _, model = told["annotations"]
    assert set(people) == {"id", "segmentation", "bbox", "area"}
    decoded = third_disc("discs_000")
    encoded = coco.encode(np.asfortranarray(decoded.astype(np.uint8)))
    assert model.pop("segmentation") == {"size": [96, 128], "counts": encoded["counts"].decode()}
    rows, columns = np.nonzero(decoded)
    assert model == {
        "id": 2,
        "bbox": [
            float(columns.min()),
            float(rows.min()),
            float(np.ptp(columns) + 1),
            float(np.ptp(rows) + 1),
        ],
        "area": int(decoded.sum()),
        "pseudo": True,
        "predicted_iou": 0.92,
        "stability_score": 0.97,
        "point_coords": [[104.0, 48.0]],
        "crop_box": [0.0, 0.0, 128.0, 96.0],
    }


def test_pictures_passed_over_keep_their_labels_and_get_nothing_else(write):
    written = write("discs/discs_001")
    by_name = {picture.name: picture for picture in read_shards(written.paths)}
    assert by_name["discs_001"].pseudo is None
    assert len(by_name["discs_001"].runs) == 2
    assert by_name["discs_002"].pseudo == (False, False, True)
    counts = written.counts["discs"]
    assert (counts.pictures, counts.asked, counts.labelled, counts.pseudo) == (4, 3, 8, 3)
    assert written.left_out == {"labelled": 6}


def test_a_set_written_again_is_not_touched_unless_it_changed(write):
    (path,) = write().paths
    before = path.stat().st_mtime_ns, path.stat().st_ino
    write()
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    write("discs/discs_001")
    assert path.stat().st_ino != before[1]
    assert [file.name for file in path.parent.iterdir()] == ["discs.tar"]


def test_a_second_round_drops_the_masks_of_the_first(write, records, tmp_path):
    prepared = prepare_data(
        write().paths, tmp_path / "cache", failures=tmp_path / "f.jsonl", read=recognise_all
    )
    again = write_annotated_sets(prepared.sets, tmp_path / "none", tmp_path / "2", frozenset())
    assert [picture.pseudo for picture in read_shards(again.paths)] == [None] * 4
    assert again.counts["discs"].labelled == 8


def test_pictures_without_any_mask_are_left_out(discs, tmp_path):
    class Unlabelled:
        name = "plain"
        names = discs.names

        def name_of(self, index):
            return discs.name_of(index)

        def __len__(self):
            return len(discs)

        def __getitem__(self, index):
            return replace(discs[index], runs=(), set_name="plain")

    plain = Unlabelled()
    picture = plain[2]
    choice = find_discs(None, picture, PseudoSettings())
    write_record(tmp_path / "records", picture, PseudoRecord(choice=choice))
    written = write_annotated_sets([plain], tmp_path / "records", tmp_path / "out", frozenset())
    (read,) = read_shards(written.paths)
    assert (read.name, read.pseudo) == ("discs_002", (True, True, True))
    nothing = write_annotated_sets([plain], tmp_path / "none", tmp_path / "empty", frozenset())
    assert nothing.paths == ()
    assert list((tmp_path / "empty").iterdir()) == []


def test_what_cannot_be_written_is_said_in_a_sentence(write, tmp_path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError, match=r"discs\.tar: cannot be written"):
        write()

"""What a model found is kept picture by picture, and known again."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from anymask.data.picture import AnnotatedPicture
from anymask.masks.finding import Finding
from anymask.masks.rle import counts_of
from anymask.train.pseudo_masks import PseudoChoice, PseudoMask, PseudoSettings
from anymask.train.pseudo_records import PseudoRecord, read_record, records_folder, write_record
from tests.scenes import disc

PICTURE = AnnotatedPicture(
    set_name="set",
    name="inside/picture",
    encoded=b"pixels",
    size_hw=(96, 128),
    runs=(counts_of(disc(30, 40, 12)), counts_of(disc(80, 40, 12))),
)
FINDING = Finding(point=(60.5, 40.0), stability_score=0.97, crop_box=(0, 0, 128, 96))
RECORD = PseudoRecord(
    choice=PseudoChoice(
        masks=(PseudoMask(runs=counts_of(disc(60, 40, 9)), score=0.91, finding=FINDING),),
        left_out=Counter(labelled=2, pred_iou_thresh=300),
    )
)


@pytest.fixture
def records(tmp_path):
    write_record(tmp_path, PICTURE, RECORD)
    return tmp_path


def test_what_was_found_comes_back(records):
    record = read_record(records, PICTURE)
    assert record is not None
    (mask,) = record.choice.masks
    np.testing.assert_array_equal(mask.runs, counts_of(disc(60, 40, 9)))
    assert (mask.score, mask.finding) == (0.91, FINDING)
    assert record.choice.left_out == {"labelled": 2, "pred_iou_thresh": 300}
    assert record.failed is None
    assert [path.relative_to(records).as_posix() for path in records.rglob("*.json")] == [
        "set/inside/picture.json"
    ]


@pytest.mark.parametrize(
    ("change", "is_known"),
    [
        ({"encoded": b"other pixels"}, False),
        ({"runs": PICTURE.runs[:1]}, False),
        ({"name": "other"}, False),
        ({"runs": (*PICTURE.runs, PICTURE.runs[0]), "pseudo": (False, False, True)}, True),
        ({"pseudo": (False, True)}, False),
    ],
)
def test_it_is_of_one_picture_and_its_labels(records, change, is_known):
    assert (read_record(records, replace(PICTURE, **change)) is not None) == is_known


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"picture": 1}', b"\xff\xfe"])
def test_a_damaged_one_counts_as_none(records, content):
    (records / "set/inside/picture.json").write_bytes(content)
    assert read_record(records, PICTURE) is None


def test_half_of_one_counts_as_none(records):
    path = records / "set/inside/picture.json"
    told = json.loads(path.read_bytes())
    del told["masks"][0]["counts"]
    path.write_text(json.dumps(told))
    assert read_record(records, PICTURE) is None


def test_why_a_picture_failed_is_kept(tmp_path):
    nothing = PseudoChoice(masks=(), left_out=Counter())
    write_record(tmp_path, PICTURE, PseudoRecord(choice=nothing, failed="is cut short"))
    record = read_record(tmp_path, PICTURE)
    assert record is not None
    assert (record.failed, record.choice.masks) == ("is cut short", ())


def test_each_model_and_each_choice_of_thresholds_has_its_own_folder(tmp_path):
    settings = PseudoSettings()
    folders = {
        records_folder(tmp_path, "a" * 64, settings),
        records_folder(tmp_path, "b" * 64, settings),
        records_folder(tmp_path, "a" * 64, replace(settings, least_score=0.9)),
    }
    assert len(folders) == 3
    assert records_folder(tmp_path, "a" * 64, PseudoSettings()) in folders

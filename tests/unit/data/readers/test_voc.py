"""A VOC tree, its palette images written by Pillow."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from anymask.data.readers.voc import read_voc
from anymask.data.sample_record import AnnotatedFile
from anymask.errors import DataError

OBJECTS = np.zeros((6, 8), np.uint8)
OBJECTS[1:3, 1:5] = 1
OBJECTS[4:, 4:] = 2
OBJECTS[0] = 255


def samples_of(path, **options):
    """Read a path; its samples are of any type, so that their fields can be asked for."""
    return read_voc(path, **options)


def tree(tmp_path):
    for name in ("JPEGImages", "SegmentationObject"):
        (tmp_path / name).mkdir()
    for name in ("2007_1", "2007_2", "2007_3"):
        Image.new("RGB", (8, 6)).save(tmp_path / "JPEGImages" / f"{name}.jpg")
    for name in ("2007_1", "2007_2"):
        labels = Image.fromarray(OBJECTS)
        labels.putpalette(np.random.default_rng(0).bytes(768))
        labels.save(tmp_path / "SegmentationObject" / f"{name}.png")
    return tmp_path


def test_objects_are_read_and_void_is_none(tmp_path):
    left_out: Counter[str] = Counter()
    one, two = samples_of(tree(tmp_path), left_out=left_out)
    assert (one.name, two.name, one.size_hw) == ("2007_1", "2007_2", (6, 8))
    assert one.source == tmp_path / "JPEGImages" / "2007_1.jpg"
    for number, runs in enumerate(one.runs, 1):
        mask = np.repeat(np.arange(len(runs)) % 2, runs).reshape(8, 6).T
        np.testing.assert_array_equal(mask, np.equal(OBJECTS, number))
    assert len(one.runs) == 2
    assert left_out == {"no-labels": 1}


def test_void_alone_is_no_object(tmp_path):
    folder = tree(tmp_path)
    void = np.where(OBJECTS == 255, 255, 0).astype(np.uint8)
    Image.fromarray(void).save(folder / "SegmentationObject" / "2007_1.png")
    assert next(samples_of(folder)).runs == ()


def test_what_cannot_be_used_is_named(tmp_path):
    folder = tree(tmp_path)
    (folder / "JPEGImages" / "2007_1.jpg").unlink()
    (folder / "SegmentationObject" / "2007_2.png").write_bytes(b"x")
    Image.fromarray(OBJECTS).save(folder / "SegmentationObject" / "2007_3.png")
    missing, damaged, good = samples_of(folder)
    assert (missing.code, damaged.code) == ("no-picture", "unreadable-labels")
    assert damaged.input == str(folder / "SegmentationObject" / "2007_2.png")
    assert isinstance(good, AnnotatedFile)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="JPEGImages: cannot be listed"):
        list(samples_of(tmp_path))

"""BSDS500's .mat files, written by scipy in the shape of the published ones."""

import sys

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from anymask.data.readers.bsds import read_bsds
from anymask.errors import MissingExtra

FIRST = np.array([[1, 1, 2], [1, 3, 2]], np.uint16)
SECOND = np.array([[1, 1, 1], [2, 2, 2]], np.uint16)


def samples_of(path, **options):
    """Read a path; its samples are of any type, so that their fields can be asked for."""
    return read_bsds(path, **options)


def save(path, *maps):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = np.empty((1, len(maps)), object)
    for number, labels in enumerate(maps):
        cells[0, number] = {"Segmentation": labels, "Boundaries": labels > 1}
    savemat(path, {"groundTruth": cells})


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, 2)).save(path)


def masks(sample):
    height, width = sample.size_hw
    return [
        np.repeat(np.arange(len(runs)) % 2, runs).reshape(width, height).T for runs in sample.runs
    ]


@pytest.mark.parametrize("is_tree", [True, False])
def test_the_regions_of_every_person_are_given(tmp_path, is_tree):
    for name in ("train/12003", "val/9"):
        photo(tmp_path / ("images" if is_tree else "") / f"{name}.jpg")
        save(tmp_path / ("groundTruth" if is_tree else "") / f"{name}.mat", FIRST, SECOND)
    one, two = samples_of(tmp_path)
    assert (one.name, two.name, one.size_hw) == ("train/12003", "val/9", (2, 3))
    found = masks(one)
    expected = [FIRST == 1, FIRST == 2, FIRST == 3, SECOND == 1, SECOND == 2]
    assert len(found) == len(expected)
    for mask, region in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mask, region)


def test_what_cannot_be_used_is_named(tmp_path):
    for name in "abcdefgz":
        photo(tmp_path / f"{name}.jpg")
    photo(tmp_path / "g.png")
    for name in "gyz":
        save(tmp_path / f"{name}.mat", FIRST)
    (tmp_path / "a.mat").write_bytes(b"no mat file at all, but long enough to be one" * 9)
    savemat(tmp_path / "b.mat", {"other": FIRST})
    save(tmp_path / "c.mat", FIRST, FIRST.T)
    savemat(tmp_path / "d.mat", {"groundTruth": FIRST})
    whole = (tmp_path / "z.mat").read_bytes()
    (tmp_path / "e.mat").write_bytes(whole[:400])
    *bad, good = sorted(samples_of(tmp_path), key=lambda sample: getattr(sample, "input", "~"))
    assert [(sample.input[-5:], sample.code) for sample in bad] == [
        ("a.mat", "unreadable-labels"),
        ("b.mat", "unreadable-labels"),
        ("c.mat", "size-differs"),
        ("d.mat", "unreadable-labels"),
        ("e.mat", "unreadable-labels"),
        ("f.jpg", "no-labels"),
        ("g.jpg", "ambiguous-pair"),
        ("y.mat", "no-picture"),
    ]
    assert bad[1].message == 'holds no "groundTruth"'
    assert good.name == "z"


def test_without_scipy_the_extra_is_named(tmp_path, monkeypatch):
    photo(tmp_path / "a.jpg")
    save(tmp_path / "a.mat", FIRST)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtra, match=r"reading \.mat files needs scipy; install anymask\["):
        list(samples_of(tmp_path))

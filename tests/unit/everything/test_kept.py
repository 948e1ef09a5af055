"""Candidates in a file, and back."""

from dataclasses import replace

import numpy as np
import pytest

from anymask.errors import InputError, OutputError
from anymask.everything.candidate_masks import CandidateMasks
from anymask.everything.candidates import Floors
from anymask.everything.generate import find_all
from anymask.everything.kept import PictureOf
from anymask.everything.settings import EverythingSettings
from tests.unit.everything.answering import Disc, answering_model, embedded

OF = PictureOf(name="a.jpg", sha256="1" * 64, model="small", model_sha256="2" * 64)


@pytest.fixture
def found(monkeypatch):
    """All candidates of a picture of two things."""
    loaded = answering_model(monkeypatch, Disc(32, 32, 18), Disc(90, 60, 20, score=0.7))
    settings = EverythingSettings(points_per_side=4, crop_n_layers=1)
    candidates = find_all(loaded, embedded(loaded), settings, floors=Floors()).candidates
    return CandidateMasks(candidates=candidates, settings=settings, picture_of=OF)


def test_what_is_read_is_what_was_written(found, tmp_path):
    path = tmp_path / "a.candidates.npz"
    found.save(path)
    read = CandidateMasks.load(path)
    assert read.candidates.rows.tobytes() == found.candidates.rows.tobytes()
    assert list(read.candidates.codes) == list(found.candidates.codes)
    assert read.candidates.crops == found.candidates.crops
    assert read.settings == found.settings
    assert read.candidates.floors == Floors()
    assert read.picture_of == OF
    assert len(read) == len(found) == 5 * 16 * 3
    for options in ({}, {"pred_iou_thresh": 0.5}, {"pred_iou_thresh": 0.5, "min_area": 1100}):
        ours, theirs = read.choose(**options), found.choose(**options)
        assert [mask.rle for mask in ours] == [mask.rle for mask in theirs]
    assert len(read.choose(pred_iou_thresh=0.5)) > len(read.choose())
    assert read.explain((90, 60)).sentence() == found.explain((90, 60)).sentence()


def test_no_candidates_are_a_file_too(found, tmp_path):
    none = replace(
        found.candidates, rows=found.candidates.rows[:0], codes=(), left_out={"pred_iou_thresh": 3}
    )
    replace(found, candidates=none).save(tmp_path / "a.npz")
    read = CandidateMasks.load(tmp_path / "a.npz")
    assert len(read) == 0
    assert len(read.choose()) == 0
    assert read.candidates.left_out == {"pred_iou_thresh": 3}


def test_a_file_is_not_replaced_unless_that_is_allowed(found, tmp_path):
    path = tmp_path / "a.npz"
    found.save(path)
    with pytest.raises(OutputError, match="exists already"):
        found.save(path, overwrite=False)


def spoiled(found, tmp_path, change):
    """The file with one of its arrays changed."""
    path = tmp_path / "a.npz"
    found.save(path)
    with np.load(path) as arrays:
        held = dict(arrays)
    np.savez(path, **change(held))
    return path


def retold(held, old, new):
    told = held["told"].tobytes()
    assert old in told
    return np.frombuffer(told.replace(old, new), np.uint8)


def with_far_boxes(rows):
    far = rows.copy()
    far["box"][0] = 10**9
    return far


def test_flipped_bits_never_crash(found, tmp_path):
    path = tmp_path / "a.npz"
    found.save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        spoilt = bytearray(whole)
        spoilt[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(spoilt)
        try:
            CandidateMasks.load(path)
        except InputError:
            refused += 1
    assert refused > 40


@pytest.mark.parametrize(
    "change",
    [
        lambda held: {**held, "ends": held["ends"][:-1]},
        lambda held: {**held, "codes": held["codes"][:-3]},
        lambda held: {**held, "rows": held["rows"]["area"]},
        lambda held: {name: held[name] for name in ("rows", "codes", "ends")},
        lambda held: {**held, "told": np.frombuffer(b"[]", np.uint8)},
        lambda held: {**held, "told": np.frombuffer(b"{", np.uint8)},
        lambda held: {**held, "codes": np.full_like(held["codes"], 200)},
        lambda held: {**held, "ends": held["ends"][::-1].copy()},
        lambda held: {**held, "told": retold(held, b'"crops": [[0', b'"crops": [[1, 0')},
        lambda held: {**held, "told": retold(held, b"[96, 128]", b"[96, 1e999]")},
        lambda held: {**held, "told": retold(held, b'"left_out": {', b'"left_out": [], "x": {')},
        lambda held: {**held, "rows": with_far_boxes(held["rows"])},
    ],
)
def test_a_damaged_file_is_refused_by_name(found, tmp_path, change):
    path = spoiled(found, tmp_path, change)
    with pytest.raises(InputError, match=r"a\.npz: .*make it anew with --keep-candidates"):
        CandidateMasks.load(path)


def test_run_lengths_of_another_size_are_refused(found, tmp_path):
    def change(held):
        told = held["told"].tobytes().replace(b"[96, 128]", b"[96, 129]")
        return {**held, "told": np.frombuffer(told, np.uint8)}

    with pytest.raises(InputError, match=r"a\.npz: RLE .*anew"):
        CandidateMasks.load(spoiled(found, tmp_path, change))


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"{}" * 100])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "b.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"b\.npz: is no file of candidates, or damaged"):
        CandidateMasks.load(path)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match=r"c\.npz: No such file"):
        CandidateMasks.load(tmp_path / "c.npz")


def test_a_pickle_is_never_opened(found, tmp_path):
    def change(held):
        return {**held, "ends": np.array([print], dtype=object)}

    with pytest.raises(InputError, match="is no file of candidates, or damaged"):
        CandidateMasks.load(spoiled(found, tmp_path, change))

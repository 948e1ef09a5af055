"""Logits go to a file and come back; anything else is refused with a sentence."""

import numpy as np
import pytest

from anymask.errors import InputError
from anymask.masks.logits_file import load_logits, logits_bytes


def test_logits_come_back_bit_for_bit(tmp_path):
    logits = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    path = tmp_path / "a.npy"
    path.write_bytes(logits_bytes(logits))
    assert np.array_equal(load_logits(path), logits)
    assert np.array_equal(np.load(path), logits)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((2, 3, 4), np.float32), "holds no floats in two axes"),
        (np.zeros((3, 4), np.uint8), "holds no floats in two axes"),
        (np.full((3, 4), np.nan, np.float32), "holds no logits, or NaN or infinite ones"),
        (np.zeros((0, 4), np.float32), "holds no logits"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, sentence):
    path = tmp_path / "a.npy"
    np.save(path, array)
    with pytest.raises(InputError, match=rf"a\.npy: {sentence}"):
        load_logits(path)


def test_objects_are_never_unpacked(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="is no NumPy file of numbers; write it with segment"):
        load_logits(path)


def test_what_is_no_file_of_numbers_is_refused(tmp_path):
    (tmp_path / "cut.npy").write_bytes(logits_bytes(np.zeros((9, 9), np.float32))[:-5])
    with pytest.raises(InputError, match=r"cut\.npy: is no NumPy file of numbers"):
        load_logits(tmp_path / "cut.npy")
    with pytest.raises(InputError, match=r"none\.npy: cannot be read \(No such file"):
        load_logits(tmp_path / "none.npy")
    with pytest.raises(InputError, match="is not a regular file"):
        load_logits(tmp_path)

"""Of boxes that overlap much only the best stays."""

import cv2
import numpy as np
import pytest

from anymask.everything.duplicates import suppress


def boxes_and_scores(seed, number=200):
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 100, (number, 2))
    return np.concatenate([corner, corner + rng.integers(5, 60, (number, 2))], 1), rng.random(
        number
    )


@pytest.mark.parametrize("threshold", [0.311, 0.477, 0.703])
@pytest.mark.parametrize("seed", range(4))
def test_what_stays_is_what_opencv_keeps(seed, threshold):
    boxes, scores = boxes_and_scores(seed)
    sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    expected = cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.0, threshold)
    np.testing.assert_array_equal(suppress(boxes, scores, threshold).kept, expected)


def test_each_that_goes_names_a_better_one_it_overlaps():
    boxes, scores = boxes_and_scores(9)
    found = suppress(boxes, scores, 0.5)
    gone = np.flatnonzero(found.rival >= 0)
    assert set(gone) | set(found.kept.tolist()) == set(range(len(boxes)))
    assert np.isin(found.rival[gone], found.kept).all()
    assert (scores[found.rival[gone]] >= scores[gone]).all()
    assert (found.overlap[gone] > 0.5).all()


def test_of_equals_the_earlier_stays():
    found = suppress(np.array([[0, 0, 9, 9]] * 3), np.ones(3), 0.7)
    assert found.kept.tolist() == [0]
    assert found.rival.tolist() == [-1, 0, 0]


def test_boxes_without_area_stay():
    found = suppress(np.zeros((3, 4), np.int64), np.array([0.1, 0.3, 0.2]), 0.7)
    assert found.kept.tolist() == [1, 2, 0]


def test_nothing_gives_nothing():
    assert suppress(np.zeros((0, 4), np.int64), np.zeros(0), 0.7).kept.shape == (0,)

"""IoU and stability score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from anymask.errors import InputError
from anymask.masks.overlap import iou, stability_score


@settings(max_examples=60, deadline=None)
@given(arrays(np.bool_, (2, 6, 5)))
def test_iou_is_that_of_pycocotools(pair):
    codes = [coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in pair]
    assert iou(pair[0], pair[1]) == pytest.approx(coco.iou(codes[:1], codes[1:], [0])[0, 0])


def test_half_of_a_square():
    square = np.ones((4, 4), dtype=bool)
    half = square.copy()
    half[:, 2:] = False
    assert iou(square, half) == 0.5
    assert iou(square, square) == 1.0


def test_two_empty_masks_share_nothing():
    assert iou(np.zeros((2, 2), dtype=bool), np.zeros((2, 2), dtype=bool)) == 0.0


def test_sizes_must_agree():
    with pytest.raises(
        InputError, match="one size, got 512×2 and 640×4; compare masks of the same"
    ):
        iou(np.zeros((2, 512), dtype=bool), np.zeros((4, 640), dtype=bool))


def test_stability_is_the_iou_of_the_two_cutoffs():
    # The narrow mask lies inside the wide one, so their IoU is the ratio of their areas.
    logits = np.random.default_rng(0).normal(0, 3, (4, 3, 20, 30)).astype(np.float32)
    score = stability_score(logits, 0.3, 1.0)
    assert score.shape == (4, 3)
    expected = [[iou(plane > 1.3, plane > -0.7) for plane in planes] for planes in logits]
    np.testing.assert_allclose(score, expected, rtol=1e-12)
    assert 0.4 < score.min() < score.max() < 0.8


def test_an_empty_wide_mask_has_no_stability():
    assert stability_score(np.full((5, 5), -9.0), 0.0, 1.0) == 0.0
    assert stability_score(np.full((5, 5), 9.0), 0.0, 1.0) == 1.0


@pytest.mark.parametrize("offset", [0.0, -1.0, float("nan")])
def test_offset_must_be_positive(offset):
    with pytest.raises(InputError, match="offset_logit must be > 0, got"):
        stability_score(np.zeros((2, 2)), 0.0, offset)

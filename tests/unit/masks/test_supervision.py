"""Masks given to the package supervision, with the real one."""

import builtins

import numpy as np
import pytest
import supervision as sv

from anymask.errors import InputError, MissingExtra
from anymask.masks.mask import Mask, Masks
from anymask.masks.supervision import to_detections
from anymask.vocabulary import ImageFrame

FRAME = ImageFrame(original_hw=(60, 80), resized_hw=(48, 64), input_size=64)


def masks(*scores):
    y, x = np.mgrid[:16, :16]
    return Masks(
        tuple(
            Mask(
                score=score,
                low_res_logits=(3.0 + number - np.hypot(y - 6, x - 7)).astype(np.float32),
                frame=FRAME,
            )
            for number, score in enumerate(scores)
        )
    )


def given_over(masks, **options):
    return masks.to_supervision(**options)


def test_masks_boxes_scores_and_names_arrive():
    given = masks(0.5, 0.75)
    found = given_over(given, labels=["cat", "dog"])
    assert {type(found)} == {sv.Detections}
    np.testing.assert_array_equal(found.mask, given.arrays)
    assert found.mask.dtype == np.bool_
    assert found.xyxy.tolist() == [list(mask.box) for mask in given]
    assert found.confidence.tolist() == [0.5, 0.75]
    assert found.class_id.tolist() == [0, 1]
    assert found.data["class_name"].tolist() == ["cat", "dog"]
    assert found.area.tolist() == [mask.area for mask in given]
    # Right and bottom edges are exclusive here; the package's own boxes include the last pixel.
    assert (found.xyxy - sv.mask_to_xyxy(found.mask)).tolist() == [[0, 0, 1, 1]] * 2


def test_one_name_is_one_class_and_without_names_all_are_objects():
    named = given_over(masks(0.5, 0.6, 0.7), labels=["b", "a", "b"])
    assert named.class_id.tolist() == [0, 1, 0]
    assert named.data["class_name"].tolist() == ["b", "a", "b"]
    unnamed = given_over(masks(0.5, 0.6))
    assert unnamed.class_id.tolist() == [0, 0]
    assert unnamed.data["class_name"].tolist() == ["object", "object"]


def test_the_package_filters_draws_and_suppresses_what_it_was_given():
    found = given_over(masks(0.5, 0.9, 0.7), labels=["a", "b", "b"])
    assert found[found.data["class_name"] == "b"].confidence.tolist() == pytest.approx([0.9, 0.7])
    kept = found.with_nms(threshold=0.3, class_agnostic=True)
    assert kept.confidence.tolist() == pytest.approx([0.9])
    picture = np.zeros((60, 80, 3), dtype=np.uint8)
    drawn = sv.MaskAnnotator(opacity=1.0).annotate(picture.copy(), found)
    np.testing.assert_array_equal(drawn.any(axis=2), found.mask.any(axis=0))


def test_no_masks_are_no_detections():
    found = given_over(Masks())
    assert len(found) == 0
    assert found.xyxy.shape == (0, 4)
    assert found.data["class_name"].tolist() == []


def test_a_mask_without_pixels_has_an_empty_box():
    found = to_detections(np.zeros((1, 5, 7), dtype=bool), [0.25])
    assert found.xyxy.tolist() == [[0, 0, 0, 0]]
    assert np.asarray(found.confidence).tolist() == [0.25]


def test_too_few_names_are_refused():
    with pytest.raises(InputError, match="one name a mask, got 1 for 2 masks; name every mask"):
        given_over(masks(0.5, 0.6), labels=["cat"])


def test_without_the_package_the_command_that_adds_it_is_told(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **named):
        if name.partition(".")[0] == "supervision":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r'that package; pip install "anymask\[supervision\]"'):
        given_over(masks(0.5))

"""The facade's generator by itself: odd pictures, no masks, options changed between pictures."""

import copy
import json

import numpy as np
import pytest
import torch
from pycocotools import mask as coco

from anymask import segment_anything as facade
from anymask.errors import ConfigError, ImageError, InputError, StateError
from tests.unit.predict import networks

ALL = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0}


@pytest.fixture(scope="module")
def model():
    """The facade's model, small."""
    return facade.SamModel(networks.seeded_sam(networks.small_vit()))


def generator(model, **options):
    return facade.SamAutomaticMaskGenerator(model, **{"points_per_side": 3, **ALL, **options})


@pytest.mark.parametrize("size", [(40, 56), (1, 1), (2, 3), (1, 400), (400, 1)])
@pytest.mark.parametrize("layers", [0, 1])
def test_records_fit_the_picture_whatever_its_size(model, size, layers):
    found = generator(model, crop_n_layers=layers).generate(networks.picture(*size))
    assert len(found) >= 27 - 27 * (layers > 0)
    height, width = size
    for one in found:
        mask, (x, y, w, h) = one["segmentation"], one["bbox"]
        assert (mask.shape, mask.dtype) == (size, np.bool_)
        assert one["area"] == mask.sum()
        assert 0 <= x <= x + w < width
        assert 0 <= y <= y + h < height
        rows, columns = np.nonzero(mask)
        if len(rows):
            corners = columns.min(), rows.min(), np.ptp(columns), np.ptp(rows)
            assert (x, y, w, h) == corners
        ((px, py),) = one["point_coords"]
        assert 0 <= px <= width
        assert 0 <= py <= height
        cx, cy, cw, ch = one["crop_box"]
        assert 0 <= cx < cx + cw <= width
        assert 0 <= cy < cy + ch <= height


@pytest.mark.parametrize(
    "options",
    [
        {"pred_iou_thresh": 99.0},
        {"stability_score_thresh": 99.0},
        {"pred_iou_thresh": 99.0, "crop_n_layers": 1, "min_mask_region_area": 50},
        {"points_per_side": None, "point_grids": [np.zeros((0, 2))]},
    ],
)
@pytest.mark.parametrize("mode", ["binary_mask", "uncompressed_rle", "coco_rle"])
def test_no_mask_is_an_answer_like_any_other(model, options, mode):
    assert generator(model, output_mode=mode, **options).generate(networks.picture()) == []


def test_a_uniform_picture_is_answered(model):
    found = generator(model).generate(np.full((40, 56, 3), 128, np.uint8))
    assert len(found) == 27


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_run_lengths_say_what_the_masks_say(model):
    picture = networks.picture()
    masks, runs, codes = (
        [one["segmentation"] for one in generator(model, output_mode=mode).generate(picture)]
        for mode in ("binary_mask", "uncompressed_rle", "coco_rle")
    )
    assert json.loads(json.dumps(runs)) == runs
    for mask, run, code in zip(masks, runs, codes, strict=True):
        np.testing.assert_array_equal(coco.decode(code), mask)
        np.testing.assert_array_equal(coco.decode(coco.frPyObjects(run, 40, 56)), mask)


def test_options_may_be_changed_between_two_pictures(model):
    """Programs tune thresholds on the object they hold."""
    kept, picture = generator(model), networks.picture()
    scores = sorted(one["predicted_iou"] for one in kept.generate(picture))
    kept.pred_iou_thresh = scores[13]
    assert len(kept.generate(picture)) == 13
    kept.pred_iou_thresh, kept.output_mode = 0.0, "coco_rle"
    assert [set(one["segmentation"]) for one in kept.generate(picture)] == [{"size", "counts"}] * 27


def test_more_grids_than_layers_are_no_fault(model):
    grids = [np.array([[0.5, 0.5]]), np.zeros((9, 2))]
    found = generator(model, points_per_side=None, point_grids=grids).generate(networks.picture())
    assert [one["point_coords"] for one in found] == [[[28.0, 20.0]]] * 3


def test_nothing_is_left_behind(model):
    made, picture = generator(model), networks.picture()
    before = picture.copy()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    made.predictor.set_image(picture)
    with torch.enable_grad():
        first = made.generate(picture)
        assert torch.is_grad_enabled()
    assert made.predictor.is_image_set is False
    np.testing.assert_array_equal(picture, before)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    again = made.generate(picture)
    assert [one["area"] for one in again] == [one["area"] for one in first]


@pytest.mark.parametrize(
    ("image", "error", "sentence"),
    [
        (networks.picture() / 255, ImageError, r"^image must be uint8 \(H, W, 3\), got float64"),
        (networks.picture()[..., 0], ImageError, r"^image must be uint8 .* got uint8 \(40, 56\)"),
        (np.zeros((8, 8, 4), np.uint8), AssertionError, r"^image must have three channels, got"),
    ],
)
def test_a_picture_that_cannot_be_used_is_one_sentence(model, image, error, sentence):
    made = generator(model)
    with pytest.raises(error, match=sentence):
        made.generate(image)
    assert len(made.generate(networks.picture())) == 27


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"points_per_side": None}, AssertionError, "^Exactly one of points_per_side and"),
        ({"point_grids": []}, AssertionError, "^Exactly one of points_per_side and"),
        ({"output_mode": "png"}, AssertionError, "^output_mode is 'png'; use binary_mask, unc"),
    ],
)
def test_options_that_cannot_be_used_are_one_sentence(model, options, error, sentence):
    with pytest.raises(error, match=sentence):
        generator(model, **options)


def test_what_only_shows_while_generating(model):
    made = generator(copy.copy(model), points_per_side=None, point_grids=[np.array([[2.0, 0.5]])])
    with pytest.raises(ConfigError, match=r"^point_grids\[0\] holds \(2, 0.5\); points of grids"):
        made.generate(networks.picture())
    made = generator(copy.copy(model))
    made.predictor.model.mask_threshold = 1.5
    with pytest.raises(StateError, match=r"^mask_threshold is 1.5, but masks are generated at 0"):
        made.generate(networks.picture())
    with pytest.raises(InputError, match=r"^sam_model must come from sam_model_registry, got"):
        generator(None)

"""Options of everything mode: published names and defaults, wrong values refused."""

import inspect
from typing import Any

import pytest

from anymask.errors import ConfigError
from anymask.everything.overrides import with_options
from anymask.everything.presets import PRESETS, preset
from anymask.everything.settings import EverythingSettings
from tests.reference.torchvision_standin import import_reference

OWN_GRID = (((0.5, 0.5), (0.25, 0.75)),)


def test_published_options_have_their_published_defaults():
    published = import_reference("segment_anything").SamAutomaticMaskGenerator
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(published.__init__).parameters.items()
        if name not in ("self", "model", "output_mode")
    }
    ours = EverythingSettings()
    assert len(defaults) == 12
    assert {name: getattr(ours, name) for name in defaults} == defaults


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"points_per_side": 0}, "points_per_side is 0; use 1 or more"),
        ({"points_per_batch": 0}, "points_per_batch is 0; use 1 or more"),
        ({"stability_score_offset": 0.0}, "stability_score_offset is 0.0; use 1.0"),
        ({"crop_n_layers": -1}, "crop_n_layers is -1; use 0 or more"),
        ({"crop_n_layers": 7}, "crop_n_layers is 7; use 6 or less"),
        ({"crop_overlap_ratio": 1.0}, "crop_overlap_ratio is 1.0; use less than 1"),
        ({"crop_n_points_downscale_factor": 0}, "crop_n_points_downscale_factor is 0"),
        ({"min_mask_region_area": -5}, "min_mask_region_area is -5; use 0 or more"),
        ({"stability_score_thresh": float("nan")}, "stability_score_thresh is nan"),
        ({"box_nms_thresh": -0.3}, "box_nms_thresh is -0.3; use 0 or more"),
        ({"max_area_share": 95.0}, "max_area_share is 95.0; use 1 or less"),
        ({"points_per_side": 100_000}, "points_per_side is 100000; use 1024 or less"),
        ({"mode": "quick"}, "mode is 'quick'|mode must be"),
        ({"point_grids": OWN_GRID}, "exactly one of points_per_side and point_grids"),
        ({"points_per_side": None}, "exactly one of points_per_side and point_grids"),
        (
            {"points_per_side": None, "point_grids": OWN_GRID, "crop_n_layers": 1},
            "point_grids has 1 grids for 2 layers",
        ),
        (
            {"points_per_side": None, "point_grids": (((0.5, 1.5),),)},
            r"point_grids\[0\] holds \(0.5, 1.5\); points of grids are \(x, y\) from 0 to 1",
        ),
        (
            {"points_per_side": None, "point_grids": OWN_GRID, "mode": "adaptive"},
            "point_grids with mode adaptive",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        EverythingSettings(**options)


def test_an_unknown_option_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"'pred_iou_tresh'.*pred_iou_thresh"):
        with_options(EverythingSettings(), {"pred_iou_tresh": 0.9})


@pytest.mark.parametrize(
    "name", ["pred_iou_thresh", "stability_score_thresh", "box_nms_thresh", "crop_nms_thresh"]
)
def test_what_is_meant_in_per_cent_is_refused_where_people_type_it(name):
    with pytest.raises(ConfigError, match=f"{name} is 88; use a share like 0.88, not per cent"):
        with_options(EverythingSettings(), {name: 88.0})
    # Published programs set such thresholds to let nothing pass, or to keep all duplicates.
    published: dict[str, Any] = {name: 99.0}
    assert getattr(EverythingSettings(**published), name) == 99.0


def test_an_option_of_the_wrong_type_is_refused():
    with pytest.raises(ConfigError, match="points_per_side"):
        with_options(EverythingSettings(), {"points_per_side": "many"})


def test_own_grids_take_the_place_of_the_regular_one():
    settings = with_options(EverythingSettings(), {"point_grids": OWN_GRID})
    assert settings.points_per_side is None
    assert settings.point_grids == OWN_GRID
    assert with_options(settings, {"points_per_side": 8}).point_grids is None


def test_presets_of_published_weights_keep_the_published_thresholds():
    for name in PRESETS:
        settings = preset(name, is_embedded=False)
        assert (settings.pred_iou_thresh, settings.stability_score_thresh) == (0.88, 0.95)
    assert preset("default", is_embedded=False) == EverythingSettings()


def test_sa1b_is_as_the_paper_made_it():
    settings = preset("sa1b", is_embedded=False)
    assert settings.crop_n_layers == 2
    assert settings.crop_n_points_downscale_factor == 2
    assert settings.points_per_side == 32
    assert settings.min_mask_region_area == 100
    assert settings.max_area_share == 0.95
    assert settings.drop_small_masks


def test_the_small_models_presets_have_thresholds_of_their_own():
    for name in PRESETS:
        ours, published = (preset(name, is_embedded=is_own) for is_own in (True, False))
        assert ours.pred_iou_thresh < published.pred_iou_thresh


def test_an_unknown_preset_is_refused():
    with pytest.raises(ConfigError, match="preset 'objekts' is unknown; use default, dense"):
        preset("objekts", is_embedded=True)

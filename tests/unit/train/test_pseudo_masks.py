"""Which masks of a model are new, and good enough to learn from."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from anymask.data.picture import AnnotatedPicture
from anymask.errors import ConfigError
from anymask.masks.overlap import iou
from anymask.masks.png import png_bytes
from anymask.masks.rle import counts_of
from anymask.train.pseudo_masks import (
    PseudoMask,
    PseudoSettings,
    choose_pseudo_masks,
    find_pseudo_masks,
)
from tests.scenes import disc
from tests.unit.everything.answering import Disc, answering_model
from tests.unit.predict import networks

LOOSE = PseudoSettings(may_cross=True, most_sides=4)


def found(mask, score=0.9):
    return PseudoMask(runs=counts_of(mask), score=score)


def chosen(masks, labelled=(), settings=LOOSE):
    choice = choose_pseudo_masks(masks, [counts_of(mask) for mask in labelled], (96, 128), settings)
    return [mask.score for mask in choice.masks], dict(choice.left_out)


def test_a_mask_that_is_labelled_already_is_left_out():
    label = disc(40, 40, 16)
    for shift in range(1, 16):
        mask = disc(40 + shift, 40, 16)
        one, other = (coco.encode(np.asfortranarray(m.astype(np.uint8))) for m in (mask, label))
        is_same = coco.iou([one], [other], [0])[0, 0] > 0.5
        expected = ([], {"labelled": 1}) if is_same else ([0.9], {})
        assert chosen([found(mask)], [label]) == expected


def test_of_two_that_look_the_same_the_better_scored_stays():
    masks = [found(disc(40, 40, 16), 0.8), found(disc(42, 40, 16), 0.95), found(disc(90, 40, 9))]
    assert chosen(masks) == ([0.95, 0.9], {"duplicate": 1})
    looser = replace(LOOSE, most_overlap=0.99)
    assert chosen(masks, settings=looser) == ([0.95, 0.9, 0.8], {})


@pytest.mark.parametrize(
    ("mask", "is_kept"),
    [
        (disc(40, 40, 5), True),  # a part of it
        (disc(40, 40, 34), True),  # a whole around it
        (disc(90, 40, 12), True),  # something beside it
        (disc(60, 40, 12), False),  # half in, half out
        (disc(66, 40, 12), False),
        (disc(70, 40, 12), True),  # touching
    ],
)
def test_a_mask_across_the_border_of_a_label_contradicts_it(mask, is_kept):
    label = disc(40, 40, 20)
    strict = replace(LOOSE, may_cross=False)
    expected = ([0.9], {}) if is_kept else ([], {"crossing": 1})
    assert iou(mask, label) < 0.5
    assert chosen([found(mask)], [label], strict) == expected
    assert chosen([found(mask)], [label]) == ([0.9], {})


@pytest.mark.parametrize(
    ("left", "top", "right", "bottom", "sides"),
    [
        (20, 20, 80, 80, 0),
        (0, 20, 80, 80, 1),
        (0, 0, 80, 80, 2),
        (0, 0, 128, 80, 3),
        (1, 20, 127, 94, 3),
        (0, 0, 128, 95, 4),
    ],
)
def test_the_ground_reaches_many_sides_of_the_picture(left, top, right, bottom, sides):
    mask = np.zeros((96, 128), bool)
    mask[top:bottom, left:right] = True
    for most in range(5):
        expected = ([0.9], {}) if sides <= most else ([], {"ground": 1})
        assert chosen([found(mask)], settings=replace(LOOSE, most_sides=most)) == expected


def test_a_crowded_picture_keeps_its_best():
    masks = [found(disc(12 + 20 * i, 40, 8), 0.71 + 0.01 * i) for i in range(6)]
    settings = replace(LOOSE, most_a_picture=2)
    assert chosen(masks, settings=settings) == ([0.76, 0.75], {"too_many": 4})


def test_nothing_found_and_nothing_labelled_is_an_answer():
    assert chosen([]) == ([], {})
    assert chosen([], [disc(40, 40, 16)]) == ([], {})


def annotated(*masks, pseudo=None):
    return AnnotatedPicture(
        set_name="set",
        name="picture",
        encoded=png_bytes(Image.fromarray(networks.picture(96, 128))),
        size_hw=(96, 128),
        runs=tuple(counts_of(mask) for mask in masks),
        pseudo=pseudo,
    )


def test_what_nobody_labelled_is_found_whole(monkeypatch):
    things = [Disc(24, 40, 12), Disc(64, 48, 14, score=0.8), Disc(104, 40, 12, score=0.65)]
    loaded = answering_model(monkeypatch, *things)
    picture = annotated(things[0].mask())
    settings = PseudoSettings(points_per_side=12, least_score=0.7, mode="exact")
    choice = find_pseudo_masks(loaded, picture, settings)
    assert [round(mask.score, 2) for mask in choice.masks] == [0.8]
    (mask,) = choice.masks
    assert iou(replace(picture, runs=(mask.runs,)).mask(0), things[1].mask()) > 0.9
    assert mask.finding is not None
    assert things[1].mask()[int(mask.finding.point[1]), int(mask.finding.point[0])]
    assert choice.left_out["labelled"] == 1
    # Three masks for each point: every one of them is accounted for.
    assert sum(choice.left_out.values()) + len(choice.masks) == 3 * 12 * 12


def test_earlier_masks_of_a_model_are_no_labels(monkeypatch):
    loaded = answering_model(monkeypatch, thing := Disc(64, 48, 14))
    settings = PseudoSettings(points_per_side=12, mode="exact")
    labelled = find_pseudo_masks(loaded, annotated(thing.mask()), settings)
    own = find_pseudo_masks(loaded, annotated(thing.mask(), pseudo=(True,)), settings)
    assert (len(labelled.masks), len(own.masks)) == (0, 1)


def test_crumbs_and_whole_pictures_are_not_kept(monkeypatch):
    loaded = answering_model(monkeypatch, Disc(64, 48, 200), Disc(30, 30, 4))
    settings = PseudoSettings(points_per_side=16, mode="exact", smallest_px=60)
    choice = find_pseudo_masks(loaded, annotated(), settings)
    assert choice.masks == ()
    assert choice.left_out["max_area_share"] > 0
    assert choice.left_out["min_area"] > 0


def test_the_settings_of_everything_mode_are_these():
    asked = PseudoSettings(least_score=0.8, smallest_px=30, crop_n_layers=1).everything()
    assert (asked.pred_iou_thresh, asked.stability_score_thresh) == (0.8, 0.85)
    assert (asked.min_area, asked.min_mask_region_area, asked.drop_small_masks) == (30, 30, True)
    assert (asked.max_area_share, asked.mode, asked.points_per_side) == (0.9, "adaptive", 32)
    assert (asked.crop_n_layers, asked.crop_n_points_downscale_factor) == (1, 2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"least_score": 1.2}, r"least_score must be in \[0, 1\], got 1.2"),
        ({"most_overlap": -0.1}, r"most_overlap must be in \[0, 1\]"),
        ({"most_sides": 5}, "most_sides must be 0 to 4, got 5"),
        ({"smallest_px": 0}, "smallest_px must be 1 or more, got 0"),
        ({"most_a_picture": 0}, "most_a_picture must be 1 or more, got 0"),
        ({"points_per_side": 0}, "points_per_side is 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        PseudoSettings(**change)

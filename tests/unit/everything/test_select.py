"""What stays of candidates, and what becomes of the others."""

from dataclasses import replace

import numpy as np
import pytest

from anymask.everything.candidates import ROW, Candidates, Floors
from anymask.everything.fate import Fate, Filter
from anymask.everything.select import select
from anymask.everything.settings import EverythingSettings
from anymask.masks.boxes import box_of
from anymask.masks.rle import compress, counts_of, decode

HEIGHT, WIDTH = 100, 120
WHOLE = (0, 0, WIDTH, HEIGHT)


def rectangle(x0, y0, x1, y1):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def candidates(*given, crops=(WHOLE,)):
    """Candidates of (mask, predicted IoU, stability score, crop)."""
    rows = np.zeros(len(given), ROW)
    for row, (mask, iou, stability, crop) in zip(rows, given, strict=True):
        row["predicted_iou"], row["stability_score"], row["crop"] = iou, stability, crop
        row["box"], row["area"] = box_of(mask), np.count_nonzero(mask)
    return Candidates(
        size_hw=(HEIGHT, WIDTH),
        rows=rows,
        codes=tuple(compress(counts_of(mask)) for mask, *_ in given),
        crops=crops,
        settings=EverythingSettings(),
        floors=Floors(),
        num_prompts=len(given),
        left_out={},
    )


def one(mask, iou=0.95, stability=0.98, crop=0):
    return mask, iou, stability, crop


def settings(**more):
    return replace(EverythingSettings(), **more)


def test_scores_are_held_against_the_thresholds_as_published():
    far = [rectangle(x, 10, x + 8, 40) for x in (0, 20, 40, 60, 80)]
    found = select(
        candidates(
            one(far[0], iou=0.5),
            one(far[1], iou=0.875),
            one(far[2], iou=0.9, stability=0.5),
            one(far[3], iou=0.9, stability=0.875),
            one(far[4], iou=0.9, stability=np.nan),
        ),
        settings(pred_iou_thresh=0.875, stability_score_thresh=0.875),
    )
    assert found.kept.tolist() == [3]
    assert [fate.filter for fate in found.fates] == [
        Filter.PRED_IOU, Filter.PRED_IOU, Filter.STABILITY, None, Filter.STABILITY,
    ]  # fmt: skip
    assert found.fates[0] == Fate(filter=Filter.PRED_IOU, value=0.5, threshold=0.875)
    assert found.counts() == {Filter.PRED_IOU: 2, Filter.STABILITY: 2}


def test_thresholds_of_zero_drop_nothing():
    found = select(
        candidates(one(rectangle(0, 0, 9, 9), iou=-0.2, stability=np.nan)),
        settings(pred_iou_thresh=0, stability_score_thresh=0),
    )
    assert found.kept.tolist() == [0]


def test_of_two_alike_the_better_scored_stays_and_comes_first():
    mask, other = rectangle(10, 10, 50, 50), rectangle(60, 60, 90, 90)
    found = select(candidates(one(mask, 0.9), one(mask, 0.99), one(other, 0.95)), settings())
    assert found.kept.tolist() == [1, 2]
    assert found.fates[0] == Fate(filter=Filter.BOX_NMS, value=1.0, threshold=0.7, rival=1)


def test_masks_cut_off_by_their_crop_go_but_not_those_at_the_edge_of_the_picture():
    crop = (0, 0, 60, HEIGHT)
    cut = rectangle(5, 30, 45, 60)  # its last pixel is 44: 16 from the crop's edge
    whole = rectangle(5, 30, 40, 60)  # 39: 21 from it
    found = select(
        candidates(one(cut, crop=1), one(whole, crop=1), crops=(WHOLE, crop)), settings()
    )
    assert found.kept.tolist() == [1]
    assert found.fates[0] == Fate(filter=Filter.CROP_EDGE, value=16, threshold=20)


def test_between_crops_the_smaller_crop_wins():
    mask, crop = rectangle(30, 30, 50, 50), (0, 0, 80, 80)
    found = select(
        candidates(one(mask, 0.99), one(mask, 0.9, crop=1), crops=(WHOLE, crop)), settings()
    )
    assert found.kept.tolist() == [1]
    assert found.fates[0] == Fate(filter=Filter.CROP_NMS, value=1.0, threshold=0.7, rival=1)


def test_small_holes_are_filled_and_small_islands_removed():
    mask = rectangle(10, 10, 60, 60)
    mask[20:22, 20:22] = False
    mask[80:82, 80:82] = True
    clean = rectangle(70, 10, 100, 40)
    found = select(candidates(one(mask, 0.99), one(clean, 0.9)), settings(min_mask_region_area=9))
    # Unchanged masks come first.
    assert found.kept.tolist() == [1, 0]
    drawn = decode({"size": [HEIGHT, WIDTH], "counts": found.codes[0]})
    np.testing.assert_array_equal(drawn, rectangle(10, 10, 60, 60))
    assert list(found.codes) == [0]


def test_what_looks_alike_once_it_is_clean_is_a_duplicate():
    mask = rectangle(10, 10, 40, 40)
    crumbed = mask.copy()
    crumbed[10:12, 80:82] = True
    both = candidates(one(crumbed, 0.99), one(mask, 0.9))
    assert select(both, settings()).kept.tolist() == [0, 1]
    found = select(both, settings(min_mask_region_area=9))
    assert found.kept.tolist() == [1]
    assert found.fates[0].filter == Filter.REGIONS
    assert found.fates[0].rival == 1


def test_a_mask_of_crumbs_keeps_its_largest_or_goes():
    crumbs = rectangle(0, 0, 2, 2) | rectangle(50, 50, 53, 53)
    kept = select(candidates(one(crumbs)), settings(min_mask_region_area=20))
    drawn = decode({"size": [HEIGHT, WIDTH], "counts": kept.codes[0]})
    np.testing.assert_array_equal(drawn, rectangle(50, 50, 53, 53))
    gone = select(candidates(one(crumbs)), settings(min_mask_region_area=20, drop_small_masks=True))
    assert gone.kept.tolist() == []
    assert gone.fates[0] == Fate(filter=Filter.REGIONS, value=9, threshold=20)


def test_areas_are_bounded_before_duplicates_are_looked_for():
    almost_all = rectangle(0, 0, WIDTH, HEIGHT - 1)
    large, small = rectangle(0, 0, WIDTH - 10, HEIGHT - 5), rectangle(50, 50, 55, 55)
    found = select(
        candidates(one(almost_all, 0.99), one(large, 0.95), one(small, 0.9)),
        settings(max_area_share=0.95, min_area=30),
    )
    assert found.kept.tolist() == [1]
    assert found.fates[0] == Fate(filter=Filter.MAX_AREA, value=0.99, threshold=0.95)
    assert found.fates[2] == Fate(filter=Filter.MIN_AREA, value=25, threshold=30)


def test_parts_go_where_wholes_are_wanted():
    whole, part = rectangle(10, 10, 90, 90), rectangle(20, 20, 50, 50)
    both = candidates(one(part, 0.99), one(whole, 0.9))
    assert select(both, settings()).kept.tolist() == [0, 1]
    found = select(both, settings(wholes_only=True))
    assert found.kept.tolist() == [1]
    assert found.fates[0].filter == Filter.PART
    assert found.fates[0].rival == 1


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"min_mask_region_area": 9},
        {"wholes_only": True},
        {"max_area_share": 0.5, "min_area": 2},
    ],
)
def test_nothing_is_chosen_of_nothing(more):
    found = select(candidates(crops=(WHOLE, (0, 0, 60, 60))), settings(**more))
    assert found.kept.tolist() == []
    assert found.counts() == {}


def test_each_candidate_has_one_fate():
    rng = np.random.default_rng(0)
    given = []
    for _ in range(300):
        x, y = 10 * rng.integers(0, 5, 2)
        mask = rectangle(x, y, x + rng.integers(3, 40), y + rng.integers(3, 30))
        given.append(one(mask, rng.uniform(0.8, 1), rng.uniform(0.9, 1), rng.integers(0, 2)))
    crops = (WHOLE, (0, 0, 70, HEIGHT))
    found = select(candidates(*given, crops=crops), settings(min_area=20, min_mask_region_area=30))
    stayed = [number for number, fate in enumerate(found.fates) if fate.filter is None]
    assert sorted(found.kept.tolist()) == stayed
    assert sum(found.counts().values()) + len(stayed) == 300
    assert {Filter.BOX_NMS, Filter.CROP_NMS, Filter.CROP_EDGE} <= set(found.counts())


@pytest.mark.parametrize(("size_hw", "number"), [((2, 3), 1), ((3, 3), 3)])
def test_a_picture_of_a_few_pixels_shows_one_thing(size_hw, number):
    masks = [np.zeros(size_hw, bool) for _ in range(3)]
    for place, mask in enumerate(masks):
        mask[place % 2, place] = True
    rows = np.zeros(3, ROW)
    rows["predicted_iou"], rows["stability_score"] = [0.9, 0.95, 0.92], 1
    rows["box"], rows["area"] = [box_of(mask) for mask in masks], 1
    few = replace(
        candidates(),
        size_hw=size_hw,
        rows=rows,
        codes=tuple(compress(counts_of(mask)) for mask in masks),
        crops=((0, 0, size_hw[1], size_hw[0]),),
    )
    found = select(few, settings())
    assert found.kept[0] == 1
    assert len(found.kept) == number

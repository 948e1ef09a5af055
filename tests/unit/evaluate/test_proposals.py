"""Average recall is that of COCO's own evaluation."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from anymask.evaluate.proposals import (
    NUMBERS,
    SIZES,
    THRESHOLDS,
    Recalled,
    average_recall,
    first_finders,
    overlaps_of,
    recalled,
)
from anymask.masks.rle import counts_of, encode

HEIGHT, WIDTH = 160, 200


def blobs(rng, number):
    """Discs and boxes of all sizes, some of them the same or empty."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    masks: list[np.ndarray] = []
    for _ in range(number):
        x, y = rng.integers(0, WIDTH), rng.integers(0, HEIGHT)
        radius = int(rng.choice([0, 3, 8, 18, 40, 80]))
        kind = rng.integers(3)
        if kind == 0:
            mask = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
        elif kind == 1:
            mask = (abs(columns - x) < radius) & (abs(rows - y) < radius)
        else:
            mask = masks[rng.integers(len(masks))].copy() if masks else rows < radius
        masks.append(mask)
    return masks


def shaken(rng, masks, number):
    """Proposals: objects moved and cut a little, so that all thresholds are met somewhere."""
    made = []
    for _ in range(number):
        mask = masks[rng.integers(len(masks))]
        shift = rng.integers(-6, 7, 2)
        made.append(np.roll(mask, shift, (0, 1)) if rng.random() < 0.8 else mask.copy())
    return made


def scene(seed):
    rng = np.random.default_rng(seed)
    truths = [mask for mask in blobs(rng, 12) if mask.any()]
    return truths, shaken(rng, truths, 60) + blobs(rng, 8)


def coco_average_recall(scenes, numbers):
    """AR by size and number of proposals, from pycocotools."""
    truths: list[dict] = []
    answers: list[dict] = []
    for image, (masks, proposals) in enumerate(scenes, start=1):
        for mask in masks:
            code = encode(mask)
            truths.append(
                {
                    "id": len(truths) + 1,
                    "image_id": image,
                    "category_id": 1 + len(truths) % 3,
                    "segmentation": code,
                    "area": int(mask.sum()),
                    "bbox": list(coco_masks.toBbox(code)),
                    "iscrowd": 0,
                }
            )
        for place, mask in enumerate(proposals):
            answers.append(
                {
                    "image_id": image,
                    "category_id": 1,
                    "segmentation": encode(mask),
                    "score": 1 - place / 1000,
                }
            )
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "info": {},
            "images": [
                {"id": image, "height": HEIGHT, "width": WIDTH}
                for image in range(1, len(scenes) + 1)
            ],
            "categories": [{"id": number} for number in (1, 2, 3)],
            "annotations": truths,
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(answers), "segm")
        evaluation.params.useCats = 0
        evaluation.params.maxDets = list(numbers)
        evaluation.evaluate()
        evaluation.accumulate()
    recall = evaluation.eval["recall"][:, 0]
    return {
        (size, number): recall[:, row, column].mean()
        for row, size in enumerate(SIZES)
        for column, number in enumerate(numbers)
    }


def counted(scenes, numbers=NUMBERS):
    found = []
    for truths, proposals in scenes:
        shares = overlaps_of([counts_of(m) for m in proposals], [counts_of(m) for m in truths])
        found.append(recalled(shares, [int(m.sum()) for m in truths], numbers))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_average_recall_is_cocos(seed):
    scenes = [scene(10 * seed + number) for number in range(3)]
    found = counted(scenes)
    expected = coco_average_recall(scenes, NUMBERS)
    for (size, number), recall in expected.items():
        ours = average_recall(found, number, size)
        if recall == -1:
            assert ours is None
        else:
            assert ours == pytest.approx(recall, abs=1e-12)
    assert 0.02 < expected["all", 10] < expected["all", 1000] < 1


def test_sizes_and_thresholds_are_cocos():
    parameters = COCOeval(iouType="segm").params
    assert tuple(parameters.iouThrs) == THRESHOLDS
    assert parameters.areaRng == [list(span) for span in SIZES.values()]
    assert parameters.areaRngLbl == list(SIZES)


@pytest.mark.parametrize("seed", range(3))
def test_overlaps_are_pycocotools(seed):
    truths, proposals = scene(seed)
    expected = coco_masks.iou(
        [encode(m) for m in proposals], [encode(m) for m in truths], [0] * len(truths)
    )
    ours = overlaps_of([counts_of(m) for m in proposals], [counts_of(m) for m in truths])
    np.testing.assert_array_equal(ours, expected)


def test_overlaps_with_empty_masks_and_runs_of_no_length():
    empty, full = np.array([6]), np.array([0, 6])
    odd = np.array([0, 2, 0, 1, 3])  # a run of no length between two of the same mask
    np.testing.assert_array_equal(
        overlaps_of([empty, full, odd], [full, empty, odd]),
        [[0, 0, 0], [1, 0, 0.5], [0.5, 0, 1]],
    )
    assert overlaps_of([], [full]).shape == (0, 1)
    assert overlaps_of([full], []).shape == (1, 0)


def test_a_better_proposal_that_comes_later_finds_nothing_new():
    finders = first_finders(np.array([[0.62], [0.97]]))
    assert finders[:, 0].tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]


def test_of_equally_good_objects_the_last_is_taken():
    assert first_finders(np.array([[0.7, 0.7], [0.6, 0.0]]))[0].tolist() == [1, 0]


def test_no_proposal_finds_nothing_and_no_object_has_no_recall():
    nothing = recalled(np.zeros((0, 2)), [50, 5000])
    assert nothing.objects == {"all": 2, "small": 1, "medium": 1, "large": 0}
    assert average_recall([nothing], 1000) == 0
    assert average_recall([nothing], 1000, "large") is None
    assert average_recall([], 100) is None


def test_an_object_on_the_border_of_two_sizes_belongs_to_both():
    one = recalled(np.ones((1, 1)), [32 * 32])
    assert one.objects == {"all": 1, "small": 1, "medium": 1, "large": 0}
    assert one.found["medium"][1] == (1,) * 10


def test_objects_of_all_pictures_count_alike():
    sizes = dict.fromkeys(SIZES, 0)
    few = Recalled(objects=sizes | {"all": 1}, found={"all": {100: (1,) * 10}})
    many = Recalled(objects=sizes | {"all": 3}, found={"all": {100: (0,) * 5 + (3,) * 5}})
    assert average_recall([few, many], 100) == pytest.approx((10 + 15) / 40)

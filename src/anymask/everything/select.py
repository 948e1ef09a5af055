"""Candidates → the masks of the result: thresholds, crop edges, duplicates, small regions.

A pure function of what is known of the candidates, so it is also what filters a run afterwards and
what explains why a mask is missing.
"""

import numpy as np
from numpy.typing import NDArray

from anymask.everything.candidates import Candidates, Rows
from anymask.everything.duplicates import suppress
from anymask.everything.fate import Filter, Selection
from anymask.everything.ledger import Ledger, Numbers
from anymask.everything.settings import EverythingSettings
from anymask.masks.part_tree import part_tree
from anymask.masks.rle import RLE, compress, decompress
from anymask.masks.run_sets import bounds
from anymask.masks.small_regions import clean_regions

# A mask this near to an edge of its crop, but not of the picture, is cut off by it; pixels.
CROP_EDGE_PX = 20
# So few pixels show one thing at most, and boxes of a pixel have no overlap to be judged by.
ONE_THING_PX = 6


def select(candidates: Candidates, settings: EverythingSettings) -> Selection:
    """Choose among candidates.

    Args:
        candidates: What was found.
        settings: Thresholds; how the candidates were made is not asked again.

    Returns:
        What stays, in the published generator's order, and the fate of every candidate.

    Source:
        Segment Anything (Kirillov et al., 2023), section 5 and appendix B; the published generator.
    """
    ledger = Ledger(len(candidates))
    _drop_unsure(ledger, candidates.rows, settings)
    _drop_cut_off(ledger, candidates)
    _drop_sizes(ledger, candidates, settings)
    kept = _without_duplicates(ledger, candidates, settings)
    is_tiny = candidates.size_hw[0] * candidates.size_hw[1] <= ONE_THING_PX
    if is_tiny and settings.box_nms_thresh < 1:  # 1 and more keep all duplicates
        kept = _only_the_best(ledger, settings, kept)
    codes: dict[int, str] = {}
    if settings.min_mask_region_area > 0:
        kept = _cleaned(ledger, candidates, settings, kept, codes)
    if settings.wholes_only:
        kept = _without_parts(ledger, candidates, kept, codes)
    return Selection(kept=kept, codes=codes, fates=ledger.fates())


def last_pixels(boxes: NDArray[np.integer], origins: NDArray[np.integer]) -> NDArray[np.int64]:
    """Give boxes as the published generator has them: right and bottom are the last pixels inside.

    Overlaps and distances to an edge depend on it.

    Args:
        boxes: Corners x0, y0, x1, y1, right and bottom edge exclusive; zeros for empty, (N, 4).
        origins: Where an empty mask's box lies: the corner of its crop, (x, y), (N, 2).
    """
    corners = boxes.astype(np.int64)
    is_empty = (corners[:, 2] == 0)[:, None]
    return np.where(is_empty, np.tile(origins, 2), corners - np.array([0, 0, 1, 1]))


def _drop_unsure(ledger: Ledger, rows: Rows, settings: EverythingSettings) -> None:
    least = settings.pred_iou_thresh
    if least > 0:
        scores = rows["predicted_iou"]
        ledger.drop(Filter.PRED_IOU, ~(scores > least), scores, least)
    least = settings.stability_score_thresh
    if least > 0:
        scores = rows["stability_score"]
        # What is no number is not stable.
        ledger.drop(Filter.STABILITY, ~(scores >= least), np.nan_to_num(scores), least)


def _drop_cut_off(ledger: Ledger, candidates: Candidates) -> None:
    """Drop what lies near an edge of its crop where the picture goes on."""
    crops = np.array(candidates.crops)[candidates.rows["crop"]]
    boxes = last_pixels(candidates.rows["box"], crops[:, :2])
    height, width = candidates.size_hw
    to_crop = np.abs(boxes - crops)
    to_picture = np.abs(boxes - np.array([0, 0, width, height]))
    distance = np.where(to_picture <= CROP_EDGE_PX, np.inf, to_crop).min(axis=1, initial=np.inf)
    ledger.drop(Filter.CROP_EDGE, distance <= CROP_EDGE_PX, distance, CROP_EDGE_PX)


def _drop_sizes(ledger: Ledger, candidates: Candidates, settings: EverythingSettings) -> None:
    areas = candidates.rows["area"]
    if settings.min_area > 0:
        ledger.drop(Filter.MIN_AREA, areas < settings.min_area, areas, settings.min_area)
    if settings.max_area_share > 0:
        height, width = candidates.size_hw
        share, most = areas / (height * width), settings.max_area_share
        ledger.drop(Filter.MAX_AREA, share >= most, share, most)


def _without_duplicates(
    ledger: Ledger, candidates: Candidates, settings: EverythingSettings
) -> Numbers:
    """Drop all but the best of what is found twice: within each crop, then between crops."""
    rows, crops = candidates.rows, np.array(candidates.crops).reshape(-1, 4)
    boxes = last_pixels(rows["box"], crops[rows["crop"], :2])
    left, threshold = ledger.left(), settings.box_nms_thresh
    kept = []
    for number in range(len(crops)):
        here = left[rows["crop"][left] == number]
        found = suppress(boxes[here], rows["predicted_iou"][here], threshold)
        kept.append(ledger.drop_duplicates(Filter.BOX_NMS, here, found, threshold))
    all_kept = np.concatenate(kept)
    if len(crops) == 1:
        return all_kept
    sides = crops[rows["crop"][all_kept]]
    areas = (sides[:, 2] - sides[:, 0]) * (sides[:, 3] - sides[:, 1])
    threshold = settings.crop_nms_thresh
    found = suppress(boxes[all_kept], 1 / areas.astype(np.float32), threshold)
    return ledger.drop_duplicates(Filter.CROP_NMS, all_kept, found, threshold)


def _only_the_best(ledger: Ledger, settings: EverythingSettings, kept: Numbers) -> Numbers:
    """Take all masks of a picture of a few pixels for one thing."""
    for number in kept[1:].tolist():
        ledger.drop_one(Filter.BOX_NMS, number, 1, settings.box_nms_thresh, int(kept[0]))
    return kept[:1]


def _cleaned(
    ledger: Ledger,
    candidates: Candidates,
    settings: EverythingSettings,
    kept: Numbers,
    codes: dict[int, str],
) -> Numbers:
    """Fill small holes and remove small islands; what looks alike afterwards is a duplicate.

    Masks that needed no cleaning go first.
    """
    least = settings.min_mask_region_area
    stays, boxes, scores = [], [], []
    for number in kept.tolist():
        counts = decompress(candidates.codes[number])
        found = clean_regions(counts, candidates.size_hw, least)
        if settings.drop_small_masks and found.largest_island_px < least:
            ledger.drop_one(Filter.REGIONS, number, found.largest_island_px, least)
            continue
        if found.is_changed:
            codes[number] = compress(found.counts)
        stays.append(number)
        boxes.append(bounds(found.counts, candidates.size_hw))
        scores.append(not found.is_changed)
    corners = np.array(boxes, np.int64).reshape(-1, 4)
    corners = last_pixels(corners, np.zeros((len(corners), 2), np.int64))
    threshold = max(settings.box_nms_thresh, settings.crop_nms_thresh)
    suppressed = suppress(corners, np.array(scores, np.float32), threshold)
    numbers = np.array(stays, np.int64)
    return ledger.drop_duplicates(Filter.REGIONS, numbers, suppressed, threshold)


def _without_parts(
    ledger: Ledger, candidates: Candidates, kept: Numbers, codes: dict[int, str]
) -> Numbers:
    """Drop what is part of another mask of the result."""
    numbers = kept.tolist()
    masks = [_coded(candidates, number, codes) for number in numbers]
    tree = part_tree(masks)
    wholes = []
    for place, number in enumerate(numbers):
        parent = tree.parents[place]
        if parent is None:
            wholes.append(number)
        else:
            ledger.drop_one(Filter.PART, number, tree.levels[place], 0, numbers[parent])
    return np.array(wholes, np.int64)


def _coded(candidates: Candidates, number: int, codes: dict[int, str]) -> RLE:
    text = codes[number] if number in codes else candidates.codes[number]
    return {"size": list(candidates.size_hw), "counts": text}

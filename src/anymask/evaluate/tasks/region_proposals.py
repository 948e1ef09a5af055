"""Object proposals without any learning: Felzenszwalb's regions, and merges of touching ones.

The recipe: segment the picture in three colour spaces at several scales. In each segmentation join
the two touching regions that are most alike, and go on until one is left; every region on the way
is a proposal. First come the last merges of all segmentations, then those before them, and so on;
what is nearly the same as one before it is left out.

Source: Felzenszwalb and Huttenlocher, 2004; the merges and their likeness (colour, texture, size,
fill) follow selective search (Uijlings et al., 2013), section 3.
"""

import heapq
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.evaluate.tasks.classical import felzenszwalb_regions
from anymask.masks.boxes import box_iou
from anymask.masks.rle import Counts, counts_of

SCALES = (100, 200, 400)
SMALLEST_PX = 40
COLOUR_BINS = 25
DIRECTION_BINS = 8
SAME_SHARE = 0.9

Labels = NDArray[np.int64]
Numbers = NDArray[np.float64]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The regions of one segmentation and their merges.

    Attributes:
        labels: Which region each pixel belongs to, (H, W).
        parts: For each merge in turn, the two regions it joins; merges are numbered after regions.
        boxes: Corners x0, y0, x1, y1 of each region and merge, pixels, (N, 4).
        areas: Pixels of each, (N,).
    """

    labels: Labels
    parts: tuple[tuple[int, int], ...]
    boxes: Numbers
    areas: Numbers


def region_proposals(pixels: NDArray[np.uint8], limit: int = 1000) -> list[Counts]:
    """Propose objects of a picture.

    Args:
        pixels: uint8 RGB, (H, W, 3).
        limit: How many at most.

    Returns:
        Run lengths of the masks, (K,) each, the best proposal first.

    Raises:
        MissingExtra: If scikit-image is not installed.
    """
    trees = [
        merge_tree(felzenszwalb_regions(space, scale=scale, min_size_px=SMALLEST_PX), space)
        for space in colour_spaces(pixels)
        for scale in SCALES
    ]
    boxes = np.concatenate([tree.boxes for tree in trees])
    areas = np.concatenate([tree.areas for tree in trees])
    owners = np.repeat(np.arange(len(trees)), [len(tree.areas) for tree in trees])
    from_the_top = np.concatenate([np.arange(len(tree.areas))[::-1] for tree in trees])
    order = np.argsort(from_the_top, kind="stable")
    chosen = first_of_the_same(boxes, areas, order, limit)
    firsts = np.searchsorted(owners, np.arange(len(trees)))
    return [_runs(trees[owners[place]], int(place - firsts[owners[place]])) for place in chosen]


def colour_spaces(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Give a picture, uint8 RGB (H, W, 3), as RGB, as Lab and as hue, saturation, value."""
    return [
        pixels,
        cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.uint8),
        cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV_FULL).astype(np.uint8),
    ]


def merge_tree(labels: Labels, space: NDArray[np.uint8]) -> Tree:
    """Join the two touching regions that are most alike until one is left.

    Args:
        labels: Number of each pixel's region from 0 on, (H, W).
        space: The picture in a colour space, uint8 (H, W, 3).
    """
    alike = _Likeness(labels, space)
    neighbours = _neighbours(labels, len(alike.areas))
    waiting = [
        (-alike.of(one, other), one, other)
        for one, around in enumerate(neighbours)
        for other in around
        if one < other
    ]
    heapq.heapify(waiting)
    parts: list[tuple[int, int]] = []
    while waiting:
        _, one, other = heapq.heappop(waiting)
        if other not in neighbours[one]:
            continue
        made = len(alike.areas)
        parts.append((one, other))
        alike.join(one, other)
        around = (neighbours[one] | neighbours[other]) - {one, other}
        neighbours[one], neighbours[other] = set(), set()
        neighbours.append(around)
        for place in sorted(around):
            neighbours[place] -= {one, other}
            neighbours[place].add(made)
            heapq.heappush(waiting, (-alike.of(place, made), place, made))
    return Tree(
        labels=labels,
        parts=tuple(parts),
        boxes=np.array(alike.boxes),
        areas=np.array(alike.areas),
    )


def first_of_the_same(
    boxes: Numbers, areas: Numbers, order: NDArray[np.int64], limit: int
) -> list[int]:
    """Leave out regions that are the same as one before them.

    Args:
        boxes: Corners x0, y0, x1, y1, pixels, (N, 4).
        areas: Pixels, (N,).
        order: The regions, the best one first, (N,).
        limit: How many to keep.
    """
    kept: list[int] = []
    for place in order:
        same = _similar(boxes[[place]], areas[[place]], boxes[kept], areas[kept])
        if not (same > SAME_SHARE).any():
            kept.append(int(place))
            if len(kept) == limit:
                break
    return kept


class _Likeness:
    """How alike two regions are, and what a merge of two looks like."""

    def __init__(self, labels: Labels, space: NDArray[np.uint8]) -> None:
        number = int(labels.max()) + 1
        self.areas = [float(area) for area in np.bincount(labels.ravel(), minlength=number)]
        self.boxes = _boxes(labels, number)
        self.looks = list(_looks(labels, space, number))
        self.whole = float(labels.size)

    def of(self, one: int, other: int) -> float:
        """Give colour + texture + size + fill, each in [0, 1]."""
        x0, y0, x1, y1 = _around(self.boxes[one], self.boxes[other])
        # Two small regions, and two that leave little of their common box empty, belong together:
        # 1 - joined / whole and 1 - (box - joined) / whole.
        size_and_fill = 2 - (x1 - x0) * (y1 - y0) / self.whole
        return float(np.minimum(self.looks[one], self.looks[other]).sum()) + size_and_fill

    def join(self, one: int, other: int) -> None:
        """Add the merge of two regions."""
        first, second = self.areas[one], self.areas[other]
        look = (first * self.looks[one] + second * self.looks[other]) / (first + second)
        self.areas.append(first + second)
        self.boxes.append(_around(self.boxes[one], self.boxes[other]))
        self.looks.append(look)


def _around(one: Box, other: Box) -> Box:
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def _boxes(labels: Labels, number: int) -> list[Box]:
    """Give the tight box of each region."""
    corners = np.zeros((number, 4))
    corners[:, :2] = labels.size
    rows, columns = np.indices(labels.shape)
    for axis, places in enumerate((columns, rows)):
        np.minimum.at(corners[:, axis], labels, places)
        np.maximum.at(corners[:, axis + 2], labels, places + 1)
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in corners.tolist()]


def _looks(labels: Labels, space: NDArray[np.uint8], number: int) -> Numbers:
    """Give each region's histograms of colours and of gradients, the sum of each 1, (N, 99)."""
    colours, textures = [], []
    for channel in cv2.split(space):
        shades = channel.astype(np.int64) * COLOUR_BINS // 256
        colours.append(_histogram(labels, shades, COLOUR_BINS, np.ones(shades.shape), number))
        across, down = (cv2.Sobel(channel, cv2.CV_64F, *axis) for axis in ((1, 0), (0, 1)))
        turns = (np.arctan2(down, across) / (2 * np.pi) + 0.5) * DIRECTION_BINS
        directions = np.minimum(turns.astype(np.int64), DIRECTION_BINS - 1)
        strength = np.hypot(across, down)
        textures.append(_histogram(labels, directions, DIRECTION_BINS, strength, number))
    both = [np.concatenate(kind, axis=1) for kind in (colours, textures)]
    return np.concatenate([one / np.maximum(one.sum(1, keepdims=True), 1) for one in both], axis=1)


def _histogram(labels: Labels, values: Labels, bins: int, weights: Numbers, number: int) -> Numbers:
    """Give the histogram of some values within each region, (N, bins)."""
    places = (labels * bins + values).ravel()
    sums = np.bincount(places, weights.ravel(), minlength=number * bins)
    return np.asarray(sums, dtype=np.float64).reshape(number, bins)


def _neighbours(labels: Labels, number: int) -> list[set[int]]:
    """Give the regions that each region touches with a side."""
    pairs = [(labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])]
    places = np.concatenate([(one * number + other).ravel() for one, other in pairs])
    touching: list[set[int]] = [set() for _ in range(number)]
    for place in np.unique(places).tolist():
        one, other = divmod(place, number)
        if one != other:
            touching[one].add(other)
            touching[other].add(one)
    return touching


def _similar(boxes: Numbers, areas: Numbers, others: Numbers, their_areas: Numbers) -> Numbers:
    """Say how similar regions are by the overlap of their boxes and by area, (N, K)."""
    one, other = areas[:, None], their_areas[None]
    by_area = np.minimum(one, other) / np.maximum(one, other)
    return np.minimum(box_iou(boxes, others), by_area)


def _runs(tree: Tree, place: int) -> Counts:
    """Give the mask of one region or merge."""
    number = len(tree.areas) - len(tree.parts)
    is_in = np.zeros(number, dtype=np.bool_)
    waiting = [place]
    while waiting:
        one = waiting.pop()
        if one < number:
            is_in[one] = True
        else:
            waiting += tree.parts[one - number]
    return counts_of(is_in[tree.labels])

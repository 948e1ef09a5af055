"""Pairs of a part and the whole it belongs to, so that one click is asked for both.

Some pairs are annotated: one mask lies inside another. Where masks are regions that people divided
a picture into, others are made: a region and its neighbours of like colour are a whole.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.data.picture import AnnotatedPicture
from anymask.data.windows import by_maker, runs_box

Mask = NDArray[np.bool_]
Pair = tuple[Mask, Mask]
"""The part and the whole, bool (H, W) each."""

TRIES, JOIN_TRIES = 6, 3
# A whole is larger than its part by this factor at least, and holds this share of it.
WHOLE_FACTOR, INSIDE_SHARE = 1.3, 0.95
MADE_SHARE = 0.3
# What is joined covers no more of the picture than this, in no more regions than this.
LARGEST_PART_SHARE, LARGEST_WHOLE_SHARE, MOST_JOINED = 0.25, 0.6, 3
# Neighbours touch along this share of the smaller one's border, and hardly overlap.
TOUCHING_SHARE, OVERLAP_SHARE = 0.15, 0.05
SLACK_PX, GRID_PX = 2, 4
# Distance of mean colours in CIELAB; about 2.3 is just seen.
LIKE_COLOUR = 10.0


def part_and_whole(
    picture: AnnotatedPicture,
    pixels: NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    are_regions: bool,
) -> Pair | None:
    """Find a part and a whole among a picture's masks, or make the whole.

    Args:
        picture: Picture and masks.
        pixels: Uint8 RGB, (H, W, 3).
        rng: Source of chance.
        are_regions: Whether the masks are regions, so that neighbours may be joined.

    Returns:
        The part and the whole, or None if a few masks chosen by chance have no pair.
    """
    people, _ = by_maker(picture)
    if len(people) < 2:
        return None
    if are_regions and rng.random() < MADE_SHARE:
        return joined(picture, pixels, people, rng)
    return contained(picture, people, rng)


def contained(
    picture: AnnotatedPicture, indices: list[int], rng: np.random.Generator
) -> Pair | None:
    """Give two annotated masks of which one lies in the other.

    Args:
        picture: Picture and masks.
        indices: The masks to look at.
        rng: Source of chance.

    Returns:
        The part and the whole, any of the wholes it has; None if some tries find no part.
    """
    boxes = _boxes(picture, indices)
    areas = np.array([int(picture.runs[index][1::2].sum()) for index in indices])
    for i in rng.permutation(len(indices))[:TRIES]:
        around = (boxes[:, :2] <= boxes[i, :2] + SLACK_PX).all(1)
        around &= (boxes[:, 2:] >= boxes[i, 2:] - SLACK_PX).all(1)
        around &= areas >= WHOLE_FACTOR * areas[i]
        wholes = np.flatnonzero(around)
        part = picture.mask(indices[int(i)]) if len(wholes) else None
        for j in rng.permutation(wholes)[:TRIES]:
            whole = picture.mask(indices[int(j)])
            if part is not None and int((part & whole).sum()) >= INSIDE_SHARE * areas[i]:
                return part, part | whole
    return None


def joined(
    picture: AnnotatedPicture,
    pixels: NDArray[np.uint8],
    indices: list[int],
    rng: np.random.Generator,
) -> Pair | None:
    """Give a region, and the region joined with neighbours of like colour.

    Args:
        picture: Picture and masks.
        pixels: Uint8 RGB, (H, W, 3).
        indices: The masks to look at.
        rng: Source of chance.

    Returns:
        The part and the whole, one to three more regions; None if some tries find no neighbour.
    """
    # Neighbours and colours are found on a coarse grid, where it takes a tenth of the time.
    grid = np.s_[::GRID_PX, ::GRID_PX]
    rgb = np.ascontiguousarray(cv2.blur(pixels, (GRID_PX, GRID_PX))[grid], np.float32) / 255
    lab = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), np.float32)
    boxes = _boxes(picture, indices)
    most = int(rng.integers(1, MOST_JOINED + 1))
    for i in rng.permutation(len(indices))[:JOIN_TRIES]:
        part = picture.mask(indices[int(i)])
        if not 0 < part[grid].mean() <= LARGEST_PART_SHARE:
            continue
        low, high = boxes[:, :2] <= boxes[i, 2:] + GRID_PX, boxes[:, 2:] >= boxes[i, :2] - GRID_PX
        near = np.flatnonzero(low.all(1) & high.all(1))
        others = [picture.mask(indices[int(j)]) for j in near if j != i]
        chosen = _neighbours(part[grid], [other[grid] for other in others], lab, most)
        whole = np.logical_or.reduce([part, *(others[place] for place in chosen)])
        if whole.sum() >= WHOLE_FACTOR * part.sum():
            return part, whole
    return None


def _neighbours(part: Mask, others: list[Mask], lab: NDArray[np.float32], most: int) -> list[int]:
    """Choose the masks that make a whole with a part: most similar colours first."""
    colour = lab[part].mean(0)
    distances = [
        float(np.linalg.norm(lab[other].mean(0) - colour)) if other.any() else np.inf
        for other in others
    ]
    whole, chosen = part, list[int]()
    for place in np.argsort(distances, kind="stable").tolist():
        if len(chosen) == most or distances[place] > LIKE_COLOUR:
            break
        larger = whole | others[place]
        if _are_neighbours(whole, others[place]) and larger.mean() <= LARGEST_WHOLE_SHARE:
            whole = larger
            chosen.append(place)
    return chosen


def _are_neighbours(one: Mask, other: Mask) -> bool:
    """Say whether two masks, both on the coarse grid, lie beside each other."""
    smaller = min(int(one.sum()), int(other.sum()))
    if int((one & other).sum()) > OVERLAP_SHARE * smaller:
        return False
    square = np.ones((3, 3), np.uint8)
    grown = cv2.dilate(np.ascontiguousarray(one, np.uint8), square) > 0
    border = min(_border(one, square), _border(other, square))
    return int((grown & other & ~one).sum()) >= max(2.0, TOUCHING_SHARE * border)


def _border(mask: Mask, square: NDArray[np.uint8]) -> int:
    """Give how many cells a step inwards takes away from a mask."""
    grey = np.ascontiguousarray(mask, np.uint8)
    kept = cv2.erode(grey, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return int(grey.sum()) - int(kept.sum())


def _boxes(picture: AnnotatedPicture, indices: list[int]) -> NDArray[np.int64]:
    """Give the boxes of masks, x0, y0, x1, y1, ends exclusive, int64 (N, 4)."""
    boxes = np.array([runs_box(picture, index) for index in indices], np.int64)
    boxes[:, 2:] += boxes[:, :2]
    return boxes

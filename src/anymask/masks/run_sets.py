"""Masks as sets of pixels, joined and compared by their run lengths; no plane is ever drawn.

All functions take run lengths as `rle.runs_of` gives them, column by column, beginning with zeros,
and give them without needless runs, as `rle.counts_of` does.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError
from anymask.masks.boxes import IntBox
from anymask.masks.rle import Counts, bbox

_Places = NDArray[np.int64]


def intersection_area(counts_a: Counts, counts_b: Counts) -> int:
    """Count the pixels that two masks share.

    Args:
        counts_a: Run lengths, (K,).
        counts_b: Run lengths of a mask of the same picture, (L,).

    Returns:
        Number of pixels.

    Raises:
        InputError: If the masks differ in their number of pixels.
    """
    few, many = sorted((counts_a, counts_b), key=len)
    _check_same(few, many)
    edges = np.cumsum(few)[: len(few) // 2 * 2]
    before = set_before(many, edges)
    return int((before[1::2] - before[::2]).sum())


def union(runs: Sequence[Counts]) -> Counts:
    """Give the pixels that are in any of the masks.

    Args:
        runs: Run lengths of at least one mask, (K,) each, all of the same picture.

    Returns:
        Run lengths.

    Raises:
        InputError: If there is no mask, or they differ in their number of pixels.
    """
    if not runs:
        raise InputError("runs must hold at least one mask, got none", hint="pass one or more")
    return _covered(runs, at_least=1)


def intersect(counts_a: Counts, counts_b: Counts) -> Counts:
    """Give the pixels that are in both masks.

    Args:
        counts_a: Run lengths, (K,).
        counts_b: Run lengths of a mask of the same picture, (L,).

    Returns:
        Run lengths.

    Raises:
        InputError: If the masks differ in their number of pixels.
    """
    return _covered([counts_a, counts_b], at_least=2)


def subtract(counts_a: Counts, counts_b: Counts) -> Counts:
    """Give the pixels that are in the first mask and not in the second.

    Args:
        counts_a: Run lengths, (K,).
        counts_b: Run lengths of a mask of the same picture, (L,).

    Returns:
        Run lengths.

    Raises:
        InputError: If the masks differ in their number of pixels.
    """
    return _covered([counts_a, _others(counts_b)], at_least=2)


def within_box(counts: Counts, size_hw: tuple[int, int], box: IntBox) -> Counts:
    """Give the part of a mask that lies in a box, at the size of the picture.

    Args:
        counts: Run lengths, (K,).
        size_hw: Height and width of the picture, pixels.
        box: Corners x0, y0, x1, y1, right and bottom edge exclusive; what lies outside of the
            picture holds nothing.

    Returns:
        Run lengths.
    """
    height, width = size_hw
    column, top, bottom = _pieces(counts, height, box)
    return counts_of_spans(column * height + top, column * height + bottom, height * width)


def cut(counts: Counts, size_hw: tuple[int, int], box: IntBox) -> Counts:
    """Give the part of a mask that lies in a box, at the size of the box.

    Args:
        counts: Run lengths, (K,).
        size_hw: Height and width of the picture, pixels.
        box: Corners x0, y0, x1, y1, right and bottom edge exclusive.

    Returns:
        Run lengths of a mask of the box's height and width.

    Raises:
        InputError: If the box is not within the picture.
    """
    _check_inside(box, size_hw)
    x0, y0, x1, y1 = box
    column, top, bottom = _pieces(counts, size_hw[0], box)
    corner = (column - x0) * (y1 - y0) - y0
    return counts_of_spans(corner + top, corner + bottom, (x1 - x0) * (y1 - y0))


def move(
    counts: Counts, size_hw: tuple[int, int], to: tuple[int, int], in_hw: tuple[int, int]
) -> Counts:
    """Place the mask of a part of a picture in the whole picture.

    Args:
        counts: Run lengths, (K,).
        size_hw: Height and width of the part, pixels.
        to: Where its top left pixel lies in the picture, (x0, y0).
        in_hw: Height and width of the picture, pixels.

    Returns:
        Run lengths of a mask of the picture's size.

    Raises:
        InputError: If the part is not within the picture.
    """
    (height, width), (x0, y0) = size_hw, to
    _check_inside((x0, y0, x0 + width, y0 + height), in_hw)
    column, top, bottom = _pieces(counts, height, (0, 0, width, height))
    corner = (column + x0) * in_hw[0] + y0
    return counts_of_spans(corner + top, corner + bottom, in_hw[0] * in_hw[1])


def bounds(counts: Counts, size_hw: tuple[int, int]) -> IntBox:
    """Give the tight box around a mask.

    Args:
        counts: Run lengths, (K,).
        size_hw: Height and width of the mask, pixels.

    Returns:
        Corners x0, y0, x1, y1, pixels, right and bottom edge exclusive; zeros for an empty mask.

    Raises:
        DataError: If the run lengths do not fit the size.
    """
    x, y, width, height = bbox({"size": list(size_hw), "counts": counts})
    return x, y, x + width, y + height


def spans_of(counts: Counts) -> tuple[_Places, _Places]:
    """Give where the pixels of a mask begin and end, run by run.

    Args:
        counts: Run lengths, (K,).

    Returns:
        First place of each run and the place after its last, column-major, int64.
    """
    edges = np.cumsum(counts)
    ends = edges[1::2]
    return edges[::2][: len(ends)], ends


def counts_of_spans(starts: _Places, ends: _Places, num_pixels: int) -> Counts:
    """Give the mask of spans of pixels.

    Args:
        starts: First place of each, column-major, rising, int64, (N,).
        ends: The place after the last of each, int64, (N,); at most where the next starts.
        num_pixels: Of the picture.

    Returns:
        Run lengths.
    """
    is_new = np.ones(len(starts), dtype=np.bool_)
    np.not_equal(starts[1:], ends[:-1], out=is_new[1:])
    edges = np.stack([starts[is_new], ends[np.roll(is_new, -1)]], axis=1).ravel()
    return _counts_between(edges, num_pixels)


def set_before(counts: Counts, places: _Places) -> _Places:
    """Count the pixels of a mask before each of some places.

    Args:
        counts: Run lengths, (K,).
        places: Column-major places, 0 to H * W, int64, (N,).

    Returns:
        Numbers of pixels, int64, (N,).
    """
    if len(counts) == 0:
        return np.zeros_like(places)
    run = np.searchsorted(np.cumsum(counts), places)
    is_set = np.arange(len(counts)) & 1
    # Up to the end of the run each place lies in, and back from there.
    ends, num_set = np.cumsum(counts)[run], np.cumsum(counts * is_set)[run]
    before: _Places = num_set - (ends - places) * is_set[run]
    return before


def _covered(runs: Sequence[Counts], *, at_least: int) -> Counts:
    """Give the pixels that so many of the masks hold."""
    _check_same(*runs)
    spans = [spans_of(counts) for counts in runs]
    starts = np.concatenate([one for one, _ in spans])
    ends = np.concatenate([one for _, one in spans])
    places = np.concatenate([starts, ends])
    # Stable: quick where the parts are in order already.
    order = np.argsort(places, kind="stable")
    places = places[order]
    depth = np.cumsum(np.where(order < len(starts), 1, -1))
    # What begins and ends at one place is settled only after the last of it.
    is_last = np.ones(len(places), dtype=np.bool_)
    np.not_equal(places[1:], places[:-1], out=is_last[:-1])
    places, is_inside = places[is_last], depth[is_last] >= at_least
    edges = places[np.diff(is_inside, prepend=False)]
    return _counts_between(edges, int(runs[0].sum()))


def _others(counts: Counts) -> Counts:
    """Give the pixels that are not in a mask."""
    if len(counts) and counts[0] == 0:
        return counts[1:]
    return np.concatenate([np.zeros(1, dtype=np.int64), counts])


def _pieces(counts: Counts, height: int, box: IntBox) -> tuple[_Places, _Places, _Places]:
    """Give what lies in a box: column, top row and the row below, one piece a run and column."""
    x0, y0, x1, y1 = box
    starts, ends = spans_of(counts)
    starts, ends = np.maximum(starts, x0 * height), np.minimum(ends, x1 * height)
    is_there = ends > starts
    starts, ends = starts[is_there], ends[is_there]
    if len(starts) == 0:
        return starts, starts, starts
    first = starts // height
    num_columns = (ends - 1) // height - first + 1
    if num_columns.max() > 1:
        begun = np.cumsum(num_columns) - num_columns
        starts, ends = np.repeat(starts, num_columns), np.repeat(ends, num_columns)
        first = np.arange(len(starts)) - np.repeat(begun - first, num_columns)
    top = np.maximum(starts - first * height, max(y0, 0))
    bottom = np.minimum(ends - first * height, min(y1, height))
    is_there = bottom > top
    return first[is_there], top[is_there], bottom[is_there]


def _counts_between(edges: _Places, num_pixels: int) -> Counts:
    counts = np.diff(edges, prepend=0, append=num_pixels)
    return counts if counts[-1] or len(counts) == 1 else counts[:-1]


def _check_same(*runs: Counts) -> None:
    nums_pixels = {int(counts.sum()) for counts in runs}
    if len(nums_pixels) > 1:
        raise InputError(
            f"masks must have one size, got {max(nums_pixels)} and {min(nums_pixels)} pixels",
            hint="compare masks of the same picture",
        )


def _check_inside(box: IntBox, size_hw: tuple[int, int]) -> None:
    x0, y0, x1, y1 = box
    height, width = size_hw
    if not (0 <= x0 <= x1 <= width and 0 <= y0 <= y1 <= height):
        raise InputError(
            f"box ({x0}, {y0}, {x1}, {y1}) must lie within {width}×{height} pixels",
            hint="clip it to the picture",
        )

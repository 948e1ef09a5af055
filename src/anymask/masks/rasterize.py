"""Polygons filled into masks, pixel for pixel as COCO's own tools fill them.

The ring is drawn on a grid five times as fine. A column of pixels looks at one fine column, its
middle; wherever the outline passes that middle, the column changes between outside and inside.
Only these passages are computed, so a ring far outside the picture costs no more than one in it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anymask.errors import InputError
from anymask.masks.plane import BoolMask

Counts = NDArray[np.int64]
_Ints = NDArray[np.int64]

_FINE = 5
_MIDDLE = 2
# Fine corners beyond this are moved to it: far from every picture, and exact as a float.
_FAR = 2.0**40


def polygon_mask(rings: Sequence[ArrayLike], size_hw: tuple[int, int]) -> BoolMask:
    """Fill polygons: each ring even-odd, all rings united.

    Args:
        rings: Corners of each ring, (N, 2) or flat (2 * N,), x before y, pixels, N >= 3; pixel
            corners are at whole numbers. What lies outside the picture is clipped.
        size_hw: Height and width of the mask, pixels.

    Returns:
        Bool, (H, W).

    Raises:
        InputError: If a ring has fewer than 3 corners, an odd count of numbers, or a number that
            is not finite.

    Source:
        COCO API, maskApi (Lin et al., 2014), polygons to run-length codes.
    """
    runs = polygon_runs(rings, size_hw)
    columns = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size_hw[::-1])
    return np.ascontiguousarray(columns.T)


def polygon_runs(rings: Sequence[ArrayLike], size_hw: tuple[int, int]) -> Counts:
    """Fill polygons as `polygon_mask` does, and give the runs.

    Args:
        rings: As for `polygon_mask`, each (N, 2) or (2 * N,).
        size_hw: Height and width of the mask, pixels.

    Returns:
        Column-major run lengths, int64, beginning with zeros; their sum is H * W.

    Raises:
        InputError: As for `polygon_mask`.
    """
    filled = [_toggles(_corners(ring, number), size_hw) for number, ring in enumerate(rings)]
    toggles = filled[0] if len(filled) == 1 else _united(filled)
    num_pixels = size_hw[0] * size_hw[1]
    return np.diff(toggles, prepend=0, append=num_pixels)


def _corners(ring: ArrayLike, number: int) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(ring, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"polygon {number} is no list of numbers", hint="list x, y, x, y") from (
            error
        )
    if len(numbers) % 2:
        raise InputError(
            f"polygon {number} has {len(numbers)} numbers, an odd count", hint="list x, y, x, y"
        )
    if len(numbers) < 6:
        raise InputError(
            f"polygon {number} has {len(numbers) // 2} points, at least 3 are needed",
            hint="draw it again or leave it out",
        )
    if not np.isfinite(numbers).all():
        at = int(np.argmin(np.isfinite(numbers)))
        raise InputError(
            f"polygon {number} holds {numbers[at]} at point {at // 2}",
            hint="draw it again or leave it out",
        )
    return numbers.reshape(-1, 2)


def _toggles(corners: NDArray[np.float64], size_hw: tuple[int, int]) -> _Ints:
    """Give the column-major pixels at which one ring's filling begins or ends, sorted."""
    height, width = size_hw
    fine = np.clip(_FINE * corners + 0.5, -_FAR, _FAR).astype(np.int64)
    begin, end = fine, np.roll(fine, -1, axis=0)
    # Every edge is walked along its longer axis, in the direction in which that axis grows.
    delta = end - begin
    is_shallow = np.abs(delta[:, 0]) >= np.abs(delta[:, 1])
    is_backward = np.where(is_shallow, delta[:, 0] < 0, delta[:, 1] < 0)
    begin, end = (
        np.where(is_backward[:, None], end, begin),
        np.where(is_backward[:, None], begin, end),
    )
    low, high = np.minimum(begin[:, 0], end[:, 0]), np.maximum(begin[:, 0], end[:, 0])
    first = np.maximum(-((_MIDDLE - low) // _FINE), 0)
    last = np.minimum((high - _MIDDLE - 1) // _FINE, width - 1)
    num_passed = np.maximum(last - first + 1, 0)
    edge = np.repeat(np.arange(len(fine)), num_passed)
    within = np.arange(len(edge)) - np.repeat(np.cumsum(num_passed) - num_passed, num_passed)
    column = first[edge] + within
    row = np.empty(len(edge), dtype=np.int64)
    for is_kind, passed_at in ((is_shallow, _passed_shallow), (~is_shallow, _passed_steep)):
        one = is_kind[edge]
        row[one] = passed_at(begin[edge[one]], end[edge[one]], column[one])
    row = np.ceil(np.clip((row + 0.5) / _FINE - 0.5, 0, height)).astype(np.int64)
    return _odd_ones(column * height + row, height * width)


def _passed_shallow(begin: _Ints, end: _Ints, column: _Ints) -> _Ints:
    """Give the fine row at which wide edges pass the middle of a column: the upper of two."""
    slope = (end[:, 1] - begin[:, 1]) / np.maximum(end[:, 0] - begin[:, 0], 1)
    step = _FINE * column + _MIDDLE - begin[:, 0]
    before: _Ints = (begin[:, 1] + slope * step + 0.5).astype(np.int64)
    after: _Ints = (begin[:, 1] + slope * (step + 1) + 0.5).astype(np.int64)
    upper: _Ints = np.minimum(before, after)
    return upper


def _passed_steep(begin: _Ints, end: _Ints, column: _Ints) -> _Ints:
    """Give the fine row at which tall edges pass the middle of a column: the last before."""
    slope = (end[:, 0] - begin[:, 0]) / (end[:, 1] - begin[:, 1])
    border = _FINE * column + _MIDDLE + 1
    guess = np.floor((border - 0.5 - begin[:, 0]) / slope).astype(np.int64)
    # The quotient may miss by one; the walk itself decides, rounded as it rounds.
    steps = guess[:, None] + np.arange(-1, 3)
    place = (begin[:, :1] + slope[:, None] * steps + 0.5).astype(np.int64)
    is_beyond = np.where(slope[:, None] > 0, place >= border[:, None], place < border[:, None])
    last_before: _Ints = begin[:, 1] + guess - 2 + np.argmax(is_beyond, axis=1)
    return last_before


def _odd_ones(places: _Ints, num_pixels: int) -> _Ints:
    """Give the places that occur an odd number of times, sorted, those past the end left out."""
    values, times = np.unique(places, return_counts=True)
    odd: _Ints = values[(times % 2 == 1) & (values < num_pixels)]
    return odd


def _united(filled: list[_Ints]) -> _Ints:
    """Give the toggles of the union."""
    places = np.concatenate([np.zeros(0, np.int64), *filled])
    change = np.concatenate(
        [np.zeros(0, np.int64), *(1 - 2 * (np.arange(len(one)) % 2) for one in filled)]
    )
    order = np.argsort(places, kind="stable")
    places, depth = places[order], np.cumsum(change[order])
    # At one place several rings may begin or end; only the depth after all of them counts.
    is_last = np.append(places[1:] != places[:-1], [True])[: len(places)]
    places, is_inside = places[is_last], depth[is_last] > 0
    was_inside = np.concatenate([[False], is_inside[:-1]])[: len(places)]
    toggles: _Ints = places[is_inside != was_inside]
    return toggles

"""Label maps that lose nothing: who is on top, and layers of who lies below.

A pixel of a label map holds the number of one mask. Where masks overlap, the further ones stand in
further layers: the second layer holds who lies below the first, and so on, as many layers as masks
lie upon each other somewhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.errors import DataError, InputError
from anymask.masks.boxes import box_of
from anymask.masks.rle import RLE, area, decode, encode_runs, runs_of
from anymask.masks.run_sets import bounds, counts_of_spans, cut

Policy = Literal["smallest", "score", "largest"]
"""Which mask lies on top: the smallest, the one of the best score, or the largest."""

Layer = NDArray[np.uint16] | NDArray[np.int32]
"""Numbers of masks, from 1; 0 where there is none; (H, W)."""

_Places = NDArray[np.int64]

MOST_OF_16_BITS = 65_535
"""So many masks have numbers of 16 bits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelMap:
    """Masks as numbers of pixels; a mask's number is its place in the list, from 1.

    Attributes:
        size_hw: Height and width of the picture, pixels.
        codes: The masks.
        policy: Which lies on top; of equal ones the later.
        order: Places of the masks in the list, from 0, the topmost first.
    """

    size_hw: tuple[int, int]
    codes: tuple[RLE, ...]
    policy: Policy
    order: tuple[int, ...]

    @property
    def labels(self) -> Layer:
        """The number of the mask on top of each pixel, uint16 or int32, (H, W)."""
        return next(self.layers)

    @property
    def layers(self) -> Iterator[Layer]:
        """All layers, the top one first, each made when it is asked for; at least one."""
        starts, ends, depths, numbers = self._spans()
        cuts = np.searchsorted(depths, np.arange(2, depths.max(initial=1) + 1))
        groups = [np.split(one, cuts) for one in (starts, ends, numbers)]
        for begins, stops, labels in zip(*groups, strict=True):
            yield _drawn(begins, stops, labels, self.size_hw)

    def masks(self) -> tuple[RLE, ...]:
        """Give the masks as the layers hold them: all as they were."""
        found = masks_in(self.layers, self.size_hw)
        empty = encode_runs(np.array([self.size_hw[0] * self.size_hw[1]]), self.size_hw)
        return tuple(found.get(number, empty) for number in range(1, len(self.codes) + 1))

    def _spans(self) -> tuple[_Places, _Places, NDArray[np.integer], NDArray[np.integer]]:
        """Give what each mask holds of each layer, as spans of pixels.

        Returns:
            Start and end of each span, column-major; its layer, from 1; and its mask's number; by
            layer and start.
        """
        height, dtype = self.size_hw[0], _dtype(len(self.codes))
        depth = np.zeros(self.size_hw, dtype=dtype)
        found = []
        for place in self.order:
            counts = runs_of(self.codes[place])
            box = x0, y0, x1, y1 = bounds(counts, self.size_hw)
            runs = cut(counts, self.size_hw, box)
            part = decode({"size": [y1 - y0, x1 - x0], "counts": runs})
            above = depth[y0:y1, x0:x1]
            above += part
            # With a row of zeros below no span goes on in the next column.
            layers = np.zeros((y1 - y0 + 1, x1 - x0), dtype=dtype)
            np.copyto(layers[:-1], above, where=part)
            starts, ends, inside = _spans_in(layers)
            column, row = np.divmod(starts, len(layers))
            first = (column + x0) * height + row + y0
            numbers = np.full(len(starts), place + 1, dtype=dtype)
            found.append((first, first + (ends - starts), inside, numbers))
        if not found:
            nothing = np.zeros(0, dtype=np.int64)
            return nothing, nothing, nothing, nothing.astype(dtype)
        starts, ends, inside, numbers = (np.concatenate(one) for one in zip(*found, strict=True))
        order = np.lexsort((starts, inside))
        return starts[order], ends[order], inside[order], numbers[order]


def label_map(
    codes: Sequence[RLE],
    scores: Sequence[float | None] | None,
    size_hw: tuple[int, int],
    policy: Policy = "smallest",
) -> LabelMap:
    """Lay masks upon each other.

    Args:
        codes: The masks.
        scores: The score of each, which only policy "score" needs; None is below all numbers.
        size_hw: Height and width of the picture, pixels.
        policy: Which mask lies on top; of equal ones the later.

    Returns:
        The map; its layers are made when they are asked for.

    Raises:
        InputError: If the policy is none, scores are missing or not one a mask, or a mask is not
            of the picture's size.
        DataError: If a code is damaged.
    """
    height, width = size_hw
    for number, code in enumerate(codes):
        if tuple(code["size"]) != size_hw:
            raise InputError(
                f"mask {number} is {code['size'][1]}×{code['size'][0]} for a picture of "
                f"{width}×{height}",
                hint="make the mask for the picture's own size",
            )
    keys = _keys(codes, scores, policy)
    order = sorted(range(len(codes)), key=lambda place: (keys[place], place), reverse=True)
    return LabelMap(size_hw=size_hw, codes=tuple(codes), policy=policy, order=tuple(order))


def _keys(
    codes: Sequence[RLE], scores: Sequence[float | None] | None, policy: Policy
) -> Sequence[float]:
    """Give a number for each mask that is larger the more it lies on top."""
    if policy not in get_args(Policy):
        raise InputError(f"policy is {policy!r}", hint=f"use {', '.join(get_args(Policy))}")
    if policy != "score":
        sign = -1 if policy == "smallest" else 1
        return [sign * area(code) for code in codes]
    if scores is None or len(scores) != len(codes):
        raise InputError(
            f"policy score needs {len(codes)} scores, got {0 if scores is None else len(scores)}",
            hint="give one score for each mask",
        )
    # A score that is no number is below all others.
    return [-np.inf if one is None or one != one else one for one in scores]


def _dtype(num_masks: int) -> type[np.uint16] | type[np.int32]:
    return np.uint16 if num_masks <= MOST_OF_16_BITS else np.int32


def _drawn(
    starts: _Places, ends: _Places, numbers: NDArray[np.integer], size_hw: tuple[int, int]
) -> Layer:
    """Draw spans of pixels, in order and apart."""
    height = size_hw[0]
    layer = np.zeros(size_hw, dtype=numbers.dtype)
    if len(starts) == 0:
        return layer
    # Most layers but the first hold little.
    x0, x1 = int(starts[0]) // height, (int(ends[-1]) - 1) // height + 1
    edges = np.stack([starts, ends], axis=1).ravel()
    lengths = np.diff(edges, prepend=x0 * height, append=x1 * height)
    values = np.zeros(len(lengths), dtype=numbers.dtype)
    values[1::2] = numbers
    layer[:, x0:x1] = cv2.transpose(np.repeat(values, lengths).reshape(x1 - x0, height))
    return layer


def masks_in(layers: Iterable[NDArray[np.integer]], size_hw: tuple[int, int]) -> dict[int, RLE]:
    """Give the mask of each number in any of the layers.

    Args:
        layers: Whole numbers, (H, W) each; what is not above 0 is no mask.
        size_hw: Height and width of the picture, pixels.

    Returns:
        The masks by number, in rising order.

    Raises:
        DataError: If a mask has the same pixel in two layers.
    """
    height, width = size_hw
    found = [_spans_in(layer) for layer in layers]
    if not found:
        return {}
    starts, ends, numbers = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((starts, numbers))
    starts, ends, numbers = starts[order], ends[order], numbers[order]
    is_same = numbers[1:] == numbers[:-1]
    if (is_same & (starts[1:] < ends[:-1])).any():
        number = numbers[1:][is_same & (starts[1:] < ends[:-1])][0]
        raise DataError(f"mask {number} has a pixel in two layers", hint="write the layers again")
    if len(numbers) == 0:
        return {}
    cuts = np.flatnonzero(~is_same) + 1
    groups = zip(np.split(starts, cuts), np.split(ends, cuts), strict=True)
    return {
        int(number): encode_runs(counts_of_spans(*spans, height * width), size_hw)
        for number, spans in zip(numbers[np.append(0, cuts)], groups, strict=True)
    }


def _spans_in(layer: NDArray[np.integer]) -> tuple[_Places, _Places, NDArray[np.integer]]:
    """Give where the runs of numbers above 0 start and end, column-major, and the numbers."""
    x0, _, x1, _ = box_of(layer)
    columns = np.ascontiguousarray(layer[:, x0:x1].T).ravel()
    changes = np.flatnonzero(columns[1:] != columns[:-1]) + 1
    starts = np.append(0, changes)[: columns.size]
    ends = np.append(changes, columns.size)[: columns.size]
    numbers = columns[starts]
    is_mask = numbers > 0
    first = x0 * layer.shape[0]
    return starts[is_mask] + first, ends[is_mask] + first, numbers[is_mask]

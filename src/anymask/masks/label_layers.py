"""Label maps that lose nothing: who is on top, and layers of who lies below.

A pixel of a label map holds the number of one mask. Where masks overlap, the further ones stand in
further layers: the second layer holds who lies below the first, and so on, as many layers as masks
lie upon each other somewhere.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.errors import DataError, InputError
from anymask.masks.boxes import box_of
from anymask.masks.rle import RLE, area, encode_runs, runs_of
from anymask.masks.run_sets import counts_of_spans

Policy = Literal["smallest", "score", "largest"]
"""Which mask lies on top: the smallest, the one of the best score, or the largest."""

Layer = NDArray[np.uint16] | NDArray[np.int32]
"""Numbers of masks, from 1; 0 where there is none; (H, W)."""

_Places = NDArray[np.int64]
_Plane = NDArray[Any]

MOST_OF_16_BITS = 65_535
"""So many masks have numbers of 16 bits."""

# Of all masks together, 8 bytes each.
_MOST_EDGES = 3_000_000
# Layers that are painted at once, whole ones; of a block a quarter, as others are held beside.
_STACK_BYTES = 64_000_000
_PACKED_BYTES = 64_000_000
_BLOCK_PX = 1 << 17


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
        height, width = self.size_hw
        spans = _Spans(codes=self.codes, order=self.order)
        if height * width == 0 or not self.codes:
            return iter([cast("Layer", np.zeros(self.size_hw, dtype=spans.dtype))])
        held = spans.held()
        return _packed(held, self.size_hw) if held is not None else _planes(spans, self.size_hw)

    def masks(self) -> tuple[RLE, ...]:
        """Give the masks as the layers hold them: all as they were."""
        found = masks_in(self.layers, self.size_hw)
        empty = encode_runs(np.array([self.size_hw[0] * self.size_hw[1]]), self.size_hw)
        return tuple(found.get(number, empty) for number in range(1, len(self.codes) + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spans:
    """Where masks begin and end: read anew at each walk over them, or held.

    Attributes:
        codes: All masks.
        order: Places of the masks in the list, the topmost first.
        edges: Where the runs of each end, in this order, column-major; None if they are not held.
    """

    codes: tuple[RLE, ...]
    order: tuple[int, ...]
    edges: tuple[_Places, ...] | None = None

    @property
    def dtype(self) -> type[np.uint16] | type[np.int32]:
        """The type of the numbers of so many masks."""
        return np.uint16 if len(self.codes) <= MOST_OF_16_BITS else np.int32

    def __iter__(self) -> Iterator[tuple[int, _Places]]:
        """Give each mask's number and edges, the topmost first."""
        for rank, place in enumerate(self.order):
            yield place + 1, self.edges[rank] if self.edges else _edges_of(self.codes[place])

    def held(self) -> "_Spans | None":
        """Give the same with all edges at hand, None if they are too many."""
        edges, num_edges = [], 0
        for _, one in self:
            edges.append(one)
            num_edges += len(one)
            if num_edges > _MOST_EDGES:
                return None
        return _Spans(codes=self.codes, order=self.order, edges=tuple(edges))


def _edges_of(code: RLE) -> _Places:
    counts = runs_of(code)
    return np.cumsum(counts, out=counts)


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


def _packed(spans: _Spans, size_hw: tuple[int, int]) -> Iterator[Layer]:
    """Give layers of masks of few spans: all at one walk, block by block, held compressed."""
    height, width = size_hw
    step = max(1, _BLOCK_PX // height) * height
    first, is_more = 0, True
    while is_more:
        packed, num_bytes, is_more = [list[tuple[int, bytes]]()], 0, False
        last = len(spans.codes)
        for begin in range(0, height * width, step):
            end = min(begin + step, height * width)
            for layer, values in _block(spans, (begin, end), (first, last)):
                if layer >= last:
                    break
                if layer - first == len(packed):
                    packed.append([])
                packed[layer - first].append((begin, zlib.compress(values.data, 1)))
                num_bytes += len(packed[layer - first][-1][1])
                # The deepest give way; the next walk begins with them.
                while num_bytes > _PACKED_BYTES and len(packed) > 1:
                    num_bytes -= sum(len(text) for _, text in packed.pop())
                    last, is_more = first + len(packed), True
        while packed:
            first += 1
            plane = np.zeros(height * width, dtype=spans.dtype)
            for begin, text in packed.pop(0):
                values = np.frombuffer(zlib.decompress(text), dtype=spans.dtype)
                plane[begin : begin + len(values)] = values
            yield _upright(plane, size_hw)


def _block(
    spans: _Spans, block: tuple[int, int], wanted: tuple[int, int]
) -> Iterator[tuple[int, _Plane]]:
    """Give each layer of a block of pixels that holds anything, from 0, and its numbers.

    Args:
        spans: The masks.
        block: First place and the place after the last, column-major.
        wanted: First layer and the layer after the last.
    """
    begin, end = block
    found = ((number, _inside(edges, begin, end)) for number, edges in spans)
    parts = [(number, part) for number, part in found if len(part)]
    turns = np.zeros(end - begin + 1, dtype=np.int32)
    for _, part in parts:
        turns[part[::2]] += 1
        turns[part[1::2]] -= 1
    last = min(int(np.cumsum(turns).max()), wanted[1])
    num_layers = max(1, _STACK_BYTES // 4 // (2 * (end - begin)))
    for low in range(wanted[0], last, num_layers):
        stack = np.zeros((min(num_layers, last - low), end - begin), dtype=spans.dtype)
        depth = np.zeros(end - begin, dtype=spans.dtype)
        for number, part in parts:
            _lay(_places(part), number, depth, stack, low)
        yield from enumerate(stack, start=low)


def _planes(spans: _Spans, size_hw: tuple[int, int]) -> Iterator[Layer]:
    """Give layers of masks of many spans: some whole ones a walk, one mask at a time."""
    num_pixels = size_hw[0] * size_hw[1]
    num_layers = max(1, _STACK_BYTES // (num_pixels * np.dtype(spans.dtype).itemsize))
    low, last = 0, 1
    while low < last:
        stack = np.zeros((min(num_layers, len(spans.codes)), num_pixels), dtype=spans.dtype)
        depth = np.zeros(num_pixels, dtype=spans.dtype)
        for number, edges in spans:
            for begin in range(0, num_pixels, _BLOCK_PX):
                block = slice(begin, min(begin + _BLOCK_PX, num_pixels))
                places = _places(_inside(edges, block.start, block.stop))
                _lay(places, number, depth[block], stack[:, block], low)
            # Freed before the next is read: those of noise are larger than the picture.
            del edges
        last = int(depth.max(initial=1))
        del depth
        for plane in stack[: last - low]:
            yield _upright(plane, size_hw)
        low += num_layers


def _inside(edges: _Places, begin: int, end: int) -> _Places:
    """Give start and end of each span of a mask within a block, in turn, from the block's begin."""
    low, high = np.searchsorted(edges, begin, "right"), np.searchsorted(edges, end, "left")
    head, tail = [begin] * (low % 2), [end] * (high % 2)
    inside = np.concatenate([head, edges[low:high], tail]).astype(np.int64) - begin
    if (inside[1:] > inside[:-1]).all():
        return inside
    # Codes of others may hold empty runs, which turn in and out at one place.
    places, times = np.unique(inside, return_counts=True)
    turning: _Places = places[times % 2 == 1]
    return turning


def _places(part: _Places) -> _Places:
    """Give each pixel of spans."""
    starts = part[::2]
    lengths = part[1::2] - starts
    ends = np.cumsum(lengths)
    places: _Places = np.arange(lengths.sum()) + np.repeat(starts - ends + lengths, lengths)
    return places


def _lay(places: _Places, number: int, depth: _Plane, stack: _Plane, first: int) -> None:
    """Lay a mask below those that lie there already.

    Args:
        places: Its pixels, rising.
        number: Of the mask.
        depth: How many masks each pixel has, (N,); counted on.
        stack: Layers from `first`, counted from 0, (L, N); painted.
        first: The first layer that is wanted.
    """
    level = depth[places]
    depth[places] = level + 1
    is_wanted = (level >= first) & (level < first + len(stack))
    if not is_wanted.all():
        level, places = level[is_wanted], places[is_wanted]
    stack[level - first, places] = number


def _upright(plane: _Plane, size_hw: tuple[int, int]) -> Layer:
    """Turn a plane that goes column by column."""
    height, width = size_hw
    return cast("Layer", cv2.transpose(plane.reshape(width, height)).reshape(size_hw))


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

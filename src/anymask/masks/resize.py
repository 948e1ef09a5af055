"""From the model's low-resolution logits to the picture's own pixels.

The low-resolution logits cover the whole padded square. They are enlarged to the square, cut to
the part the picture fills, and brought to the picture's size; both steps bilinear with pixel
centres at one half and without smoothing.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError
from anymask.masks.plane import BoolMask
from anymask.vocabulary import ImageFrame

FloatArray = NDArray[np.float32]

# Above this share of the picture one resize of everything is faster than matrices of the part.
_MAX_BOX_SHARE = 0.15
# Both ways round differently; nearer to the cutoff than this share of the largest logit they might
# disagree, and the way of the whole picture decides.
_ROUNDING = 2.5e-7


def full_resolution_logits(low_res: NDArray[np.floating], frame: ImageFrame) -> FloatArray:
    """Give mask logits at the size of the picture.

    Args:
        low_res: Logits, (..., h, w), covering the model's padded square.
        frame: Where the picture lies in that square.

    Returns:
        Float32 logits, (..., H, W), H and W those of the upright picture.

    Raises:
        InputError: If `low_res` has fewer than two axes or no pixels.

    Source:
        Segment Anything (Kirillov et al., 2023), mask post-processing of the published code.
    """
    planes = np.asarray(low_res, dtype=np.float32)
    if planes.ndim < 2 or 0 in planes.shape[-2:]:
        raise InputError(
            f"low_res must have shape (..., h, w), got {planes.shape}",
            hint="pass the low_res_logits of a mask",
        )
    leading = planes.shape[:-2]
    full = np.empty((*leading, *frame.original_hw), dtype=np.float32)
    for index in np.ndindex(leading):
        full[index] = _resize_whole(planes[index], frame)
    return full


def full_resolution_mask(
    low_res: NDArray[np.floating], frame: ImageFrame, threshold: float = 0.0
) -> BoolMask:
    """Give a mask at the size of the picture: where the full-size logits exceed a threshold.

    Only the part of the picture is computed where the mask can be: an interpolated value never
    exceeds the low-resolution values around it.

    Args:
        low_res: Logits, (h, w), covering the model's padded square.
        frame: Where the picture lies in that square.
        threshold: Cutoff, in logits.

    Returns:
        Bool, (H, W); the same as `full_resolution_logits(low_res, frame) > threshold`.

    Raises:
        InputError: If `low_res` has not exactly two axes or no pixels.
    """
    plane = np.ascontiguousarray(low_res, dtype=np.float32)
    if plane.ndim != 2 or plane.size == 0:
        raise InputError(
            f"low_res must have shape (h, w), got {plane.shape}", hint="pass one mask at a time"
        )
    # Rounding can lift a mix of equal values by one unit in the last place.
    may_exceed: BoolMask = plane > threshold - _ROUNDING * abs(threshold)
    mask = np.zeros(frame.original_hw, dtype=np.bool_)
    if not may_exceed.any():
        return mask
    rows, columns = _reach(may_exceed, frame, axis=0), _reach(may_exceed, frame, axis=1)
    # All that may exceed can lie in the padding, beside the picture.
    if len(rows) == 0 or len(columns) == 0:
        return mask
    share = len(rows) * len(columns) / (frame.original_hw[0] * frame.original_hw[1])
    if share <= _MAX_BOX_SHARE:
        boxed = _resize_box(plane, rows, columns)
        is_sure = np.abs(boxed - threshold) > _ROUNDING * np.abs(plane).max()
        if is_sure.all():
            mask[rows.start : rows.stop, columns.start : columns.stop] = boxed > threshold
            return mask
    whole: BoolMask = _resize_whole(plane, frame) > threshold
    return whole


def _resize_whole(plane: FloatArray, frame: ImageFrame) -> FloatArray:
    side = frame.input_size
    height, width = frame.resized_hw
    square = cv2.resize(plane, (side, side), interpolation=cv2.INTER_LINEAR)
    full = cv2.resize(
        square[:height, :width], frame.original_hw[::-1], interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(full, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Part of one axis: picture pixels [start, stop) and the sizes along that axis."""

    start: int
    stop: int
    num_original: int
    num_resized: int
    num_input: int

    def __len__(self) -> int:
        return max(self.stop - self.start, 0)


def _reach(is_used: BoolMask, frame: ImageFrame, axis: int) -> _Span:
    """Give the picture pixels that any used low-resolution cell can take part in."""
    cells = np.flatnonzero(is_used.any(axis=1 - axis))
    per_cell = frame.input_size / is_used.shape[axis]
    per_pixel = frame.resized_hw[axis] / frame.original_hw[axis]
    # A cell reaches one cell on; the second step reaches one resized pixel on.
    first = ((cells[0] - 0.5) * per_cell - 1.5) / per_pixel - 0.5
    last = ((cells[-1] + 1.5) * per_cell + 1.5) / per_pixel + 0.5
    return _Span(
        start=max(int(np.floor(first)) - 1, 0),
        stop=min(int(np.ceil(last)) + 1, frame.original_hw[axis]),
        num_original=frame.original_hw[axis],
        num_resized=frame.resized_hw[axis],
        num_input=frame.input_size,
    )


def _resize_box(plane: FloatArray, rows: _Span, columns: _Span) -> FloatArray:
    """Give the full-size logits inside one box; both steps as one matrix an axis."""
    top, down = _weights(rows, plane.shape[0])
    left, across = _weights(columns, plane.shape[1])
    cells = plane[top : top + down.shape[1], left : left + across.shape[1]]
    full: FloatArray = (down @ cells @ across.T).astype(np.float32, copy=False)
    return full


def _weights(span: _Span, num_low: int) -> tuple[int, FloatArray]:
    """Give the first low-resolution cell used and the weights, (picture pixels, cells)."""
    pixels = np.arange(span.start, span.stop)
    first_resized, from_resized = _linear(
        pixels, span.num_resized / span.num_original, span.num_resized
    )
    resized = first_resized + np.arange(from_resized.shape[1])
    first_low, from_low = _linear(resized, num_low / span.num_input, num_low)
    return first_low, (from_resized @ from_low).astype(np.float32)


def _linear(
    targets: NDArray[np.int64], scale: float, num_sources: int
) -> tuple[int, NDArray[np.float64]]:
    """Give the first source used and the weights of linear interpolation, (targets, sources)."""
    at = np.maximum((targets + 0.5) * scale - 0.5, 0.0)
    lower = np.minimum(np.floor(at).astype(np.int64), num_sources - 1)
    upper = np.minimum(lower + 1, num_sources - 1)
    share = at - lower
    first = int(lower[0])
    weights = np.zeros((len(targets), int(upper[-1]) - first + 1))
    order = np.arange(len(targets))
    weights[order, lower - first] += 1 - share
    weights[order, upper - first] += share
    return first, weights

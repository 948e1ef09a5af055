"""Run-length codes of masks, as COCO files hold them.

The pixels are read down each column, then the next column. `counts` are the lengths of the runs
in that order, beginning with a run of zeros (of length 0 if the first pixel is set). In files
they are mostly compressed: each count from the fourth on is written as the difference to the
count two before it, in groups of five bits, one character a group, lowest group first.
"""

from collections.abc import Mapping
from numbers import Integral
from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.errors import DataError
from anymask.masks.boxes import box_of
from anymask.masks.plane import BoolMask, mask_plane

Counts = NDArray[np.int64]

_FIRST_CHARACTER = 48
_BITS = 5
_DIGIT = 31
_MORE = 32
_SIGN = 16
# Ten groups hold 50 bits, far above any picture and far below an overflow of int64.
_MAX_GROUPS = 10
_HINT = "write the mask again from its source"
_SIZE_HINT = "check that size is [height, width] and that no count is missing"


class RLE(TypedDict):
    """A mask as COCO's results hold it: size [H, W] and compressed counts."""

    size: list[int]
    counts: str


def encode(mask: NDArray[np.generic]) -> RLE:
    """Write a mask as a compressed run-length code, byte for byte as pycocotools does.

    Args:
        mask: Bool, (H, W).

    Returns:
        {"size": [H, W], "counts": text}, ready for JSON.

    Raises:
        InputError: If the array has not exactly two axes.
    """
    height, width = mask_plane(mask).shape
    return {"size": [height, width], "counts": compress(counts_of(mask))}


def decode(rle: Mapping[str, object]) -> BoolMask:
    """Read a mask from a run-length code.

    Args:
        rle: "size" [H, W] and "counts": text or bytes (compressed) or a list of run lengths.

    Returns:
        Bool, (H, W).

    Raises:
        DataError: If the code is damaged or does not fit its size.
    """
    height, width, counts = _read(rle)
    if height * width == 0:
        return np.zeros((height, width), dtype=np.bool_)
    is_set = (np.arange(len(counts)) & 1).astype(np.uint8)
    columns = np.repeat(is_set, counts).reshape(width, height)
    return cv2.transpose(columns).view(np.bool_).reshape(height, width)


def area(rle: Mapping[str, object]) -> int:
    """Count the pixels of a coded mask without decoding it.

    Args:
        rle: As for `decode`.

    Returns:
        Number of pixels.

    Raises:
        DataError: If the code is damaged or does not fit its size.
    """
    return int(_read(rle)[2][1::2].sum())


def bbox(rle: Mapping[str, object]) -> tuple[int, int, int, int]:
    """Give the tight box of a coded mask without decoding it.

    Args:
        rle: As for `decode`.

    Returns:
        (x, y, width, height), pixels; zeros for an empty mask.

    Raises:
        DataError: If the code is damaged or does not fit its size.
    """
    height, _, counts = _read(rle)
    edges = np.cumsum(counts)
    starts, ends = edges[: len(counts) // 2 * 2 : 2], edges[1::2]
    starts, ends = starts[ends > starts], ends[ends > starts]
    if len(starts) == 0:
        return 0, 0, 0, 0
    first_x, last_x = starts // height, (ends - 1) // height
    x0, x1 = int(first_x.min()), int(last_x.max()) + 1
    # A run that goes on in the next column touches the bottom of one and the top of the other.
    if (last_x > first_x).any():
        return x0, 0, x1 - x0, height
    y0, y1 = int((starts % height).min()), int(((ends - 1) % height).max()) + 1
    return x0, y0, x1 - x0, y1 - y0


def counts_of(mask: NDArray[np.generic]) -> Counts:
    """Measure the runs of a mask, column by column.

    Args:
        mask: Bool, (H, W).

    Returns:
        Run lengths, int64, beginning with zeros; their sum is H * W.

    Raises:
        InputError: If the array has not exactly two axes.
    """
    plane = mask_plane(mask)
    x0, y0, x1, y1 = box_of(plane)
    if x1 == 0:
        return np.array([plane.size], dtype=np.int64)
    columns = np.zeros((x1 - x0, y1 - y0 + 2), dtype=np.uint8)
    columns[:, 1:-1] = cv2.transpose(plane[y0:y1, x0:x1].view(np.uint8)).reshape(x1 - x0, -1)
    is_edge = columns[:, 1:] != columns[:, :-1]
    column, row = np.divmod(np.flatnonzero(is_edge), is_edge.shape[1])
    edges = (column + x0) * plane.shape[0] + row + y0
    starts, ends = edges[0::2], edges[1::2]
    # Where a column ends set and the next begins set, it is one run.
    is_broken = starts[1:] != ends[:-1]
    starts = np.concatenate([starts[:1], starts[1:][is_broken]])
    ends = np.concatenate([ends[:-1][is_broken], ends[-1:]])
    edges = np.stack([starts, ends], axis=1).ravel()
    counts = np.diff(np.concatenate([[0], edges, [plane.size]])).astype(np.int64)
    return counts if counts[-1] else counts[:-1]


def compress(counts: Counts) -> str:
    """Write run lengths as COCO's compressed text.

    Args:
        counts: Run lengths, (K,), beginning with zeros.

    Returns:
        ASCII text.

    Source:
        COCO API, maskApi (Lin et al., 2014), string form of run-length codes.
    """
    if len(counts) == 0:
        return ""
    deltas = np.array(counts, dtype=np.int64)
    deltas[3:] -= counts[1:-2]
    num_groups = np.ones(len(deltas), dtype=np.int64)
    for group in range(1, _MAX_GROUPS):
        limit = 1 << (_BITS * group - 1)
        num_groups += (deltas < -limit) | (deltas >= limit)
    place = np.arange(num_groups.max())
    digits = (deltas[:, None] >> (_BITS * place)) & _DIGIT
    digits |= (place < num_groups[:, None] - 1) * _MORE
    used = digits[place < num_groups[:, None]] + _FIRST_CHARACTER
    return str(used.astype(np.uint8).tobytes(), "ascii")


def decompress(text: str | bytes) -> Counts:
    """Read run lengths from COCO's compressed text.

    Args:
        text: As `compress` writes it.

    Returns:
        Run lengths, (K,), int64; not yet checked against a size.

    Raises:
        DataError: If a character is not part of the code or the text ends within a number.

    Source:
        COCO API, maskApi (Lin et al., 2014), string form of run-length codes.
    """
    raw = text.encode("utf-8") if isinstance(text, str) else text
    codes = np.frombuffer(raw, dtype=np.uint8).astype(np.int64) - _FIRST_CHARACTER
    if len(codes) == 0:
        return np.zeros(0, dtype=np.int64)
    is_bad = (codes < 0) | (codes >= 2 * _MORE)
    if is_bad.any():
        at = int(np.argmax(is_bad))
        raise DataError(
            f"RLE counts hold byte {raw[at]} at position {at}, allowed are 48 to 111", hint=_HINT
        )
    last = np.flatnonzero(codes < _MORE)
    if len(last) == 0 or last[-1] != len(codes) - 1:
        raise DataError(f"RLE counts of {len(codes)} characters end within a number", hint=_HINT)
    first = np.concatenate([[0], last[:-1] + 1])
    num_groups = last - first + 1
    if num_groups.max() > _MAX_GROUPS:
        raise DataError(
            f"RLE counts hold a number of {num_groups.max()} characters, at most "
            f"{_MAX_GROUPS} are in use",
            hint=_HINT,
        )
    place = np.arange(len(codes)) - np.repeat(first, num_groups)
    values = np.add.reduceat((codes & _DIGIT) << (_BITS * place), first)
    values -= np.where(codes[last] & _SIGN, np.left_shift(1, _BITS * num_groups), 0)
    # Odd and even places are two chains of differences; the first even place stands alone.
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def _read(rle: Mapping[str, object]) -> tuple[int, int, Counts]:
    """Give height, width and checked run lengths."""
    height, width = _size(rle.get("size"))
    counts = _counts(rle.get("counts"))
    num_pixels = height * width
    if len(counts) and counts.min() < 0:
        at = int(np.argmax(counts < 0))
        raise DataError(f"RLE run {at} is negative ({counts[at]})", hint=_HINT)
    # Checked before summing: runs of garbage could overflow the sum.
    if len(counts) and counts.max() > num_pixels:
        at = int(np.argmax(counts))
        raise DataError(
            f"RLE run {at} has {counts[at]} pixels, but size [{height}, {width}] has {num_pixels}",
            hint=_SIZE_HINT,
        )
    if (total := int(counts.sum())) != num_pixels:
        raise DataError(
            f"RLE counts sum to {total}, but size [{height}, {width}] has {num_pixels} pixels",
            hint=_SIZE_HINT,
        )
    return height, width, counts


def _size(size: object) -> tuple[int, int]:
    if isinstance(size, list | tuple) and len(size) == 2:
        height, width = size
        if isinstance(height, Integral) and isinstance(width, Integral) and min(size) >= 0:
            return int(height), int(width)
    raise DataError(f"RLE size must be [height, width], got {size!r:.40}", hint=_HINT)


def _counts(counts: object) -> Counts:
    if isinstance(counts, str | bytes):
        return decompress(counts)
    if isinstance(counts, list | tuple | np.ndarray):
        try:
            runs = np.asarray(counts)
        except ValueError:  # lists of different lengths inside
            runs = np.empty(0, dtype=np.object_)
        if runs.ndim == 1 and (runs.dtype.kind in "iu" or len(counts) == 0):
            return runs.astype(np.int64)
    raise DataError(
        f"RLE counts must be text or a list of whole numbers, got {counts!r:.40}", hint=_HINT
    )

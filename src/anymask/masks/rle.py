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
_SHORT_RUN_PX = 64
# Few enough to stay in the processor's cache.
_BLOCK = 1 << 13
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
    is_short = len(counts) * _SHORT_RUN_PX > height * width and counts[1:].all()
    pixels = (_fill_short if is_short else _fill_long)(counts, height * width)
    return cv2.transpose(pixels.reshape(width, height)).view(np.bool_).reshape(height, width)


def encode_runs(counts: Counts, size_hw: tuple[int, int]) -> RLE:
    """Write run lengths as a compressed run-length code.

    Args:
        counts: Column-major run lengths, (K,), beginning with zeros, their sum H * W.
        size_hw: Height and width of the mask, pixels.

    Returns:
        {"size": [H, W], "counts": text}, ready for JSON.
    """
    return {"size": list(size_hw), "counts": compress(counts)}


def runs_of(rle: Mapping[str, object]) -> Counts:
    """Read the run lengths of a code, checked against its size.

    Args:
        rle: As for `decode`.

    Returns:
        Column-major run lengths, int64, beginning with zeros.

    Raises:
        DataError: If the code is damaged or does not fit its size.
    """
    return _read(rle)[2]


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
    height, width = plane.shape
    x0, y0, x1, y1 = box_of(plane)
    return counts_within(plane[y0:y1, x0:x1], (x0, y0), (height, width))


def counts_within(
    inside: NDArray[np.bool_], origin_xy: tuple[int, int], size_hw: tuple[int, int]
) -> Counts:
    """Measure the runs of a mask of which only a part is not empty.

    Args:
        inside: The part, bool, (h, w).
        origin_xy: Where its top left pixel lies in the mask, pixels.
        size_hw: Height and width of the whole mask, pixels.

    Returns:
        Run lengths of the whole mask, int64, beginning with zeros; their sum is H * W.
    """
    height, width = size_hw
    if not inside.any():
        return np.array([height * width], dtype=np.int64)
    edges = _edges(inside, height) + (origin_xy[0] * height + origin_xy[1])
    counts = np.empty(len(edges) + 1, dtype=np.int64)
    counts[0], counts[-1] = edges[0], height * width - edges[-1]
    np.subtract(edges[1:], edges[:-1], out=counts[1:-1])
    return counts if counts[-1] else counts[:-1]


def _fill_long(counts: Counts, num_pixels: int) -> NDArray[np.uint8]:  # noqa: ARG001
    """Give the pixels of runs in their order, uint8, (N,)."""
    return np.repeat((np.arange(len(counts)) & 1).astype(np.uint8), counts)


def _fill_short(counts: Counts, num_pixels: int) -> NDArray[np.uint8]:
    """Give the same where no run but the first is empty; quicker where runs are short."""
    begins = np.zeros(-(-num_pixels // 64) * 64, dtype=np.uint8)
    begins[np.cumsum(counts[:-1])] = 1
    # A pixel is set if an odd number of runs begins up to it: first within each 64, ...
    words = np.packbits(begins, bitorder="little").view(np.uint64)
    for shift in (1, 2, 4, 8, 16, 32):
        words ^= words << np.uint64(shift)
    # ... whose highest bits then say whether all later ones turn round.
    is_odd = np.bitwise_xor.accumulate(words >> np.uint64(63))
    words[1:] ^= np.uint64(0) - is_odd[:-1]
    return np.unpackbits(words.view(np.uint8), count=num_pixels, bitorder="little")


def _edges(inside: BoolMask, height: int) -> Counts:
    """Give the places at which runs begin and end, down the columns of the whole mask.

    Args:
        inside: The mask within its box, bool (h, w).
        height: Of the whole mask, pixels.
    """
    inner, num_columns = inside.shape
    # Only where the box is as high as the mask can a run go on in the next column. Elsewhere a
    # column gets a pixel that is not set, so that its last run ends before the next.
    num_between = int(inner < height)
    stride = inner + num_between
    # Nothing is set before the first pixel and after the last, up to whole words of eight.
    num_places = num_columns * stride
    line = np.zeros(num_places + 9 - num_places % 8, dtype=np.uint8)
    first = 1 - num_between
    columns = line[first : first + num_places].reshape(num_columns, stride)[:, num_between:]
    cv2.transpose(inside.view(np.uint8), columns)
    edges = _true_places(line[1:] != line[:-1])
    return edges if stride == height else edges + edges // stride * (height - stride)


def _true_places(flags: BoolMask) -> Counts:
    """Give the places of what is True; the number of flags is a multiple of 8."""
    # Mostly there is little: a look at eight at once passes over the rest.
    words = np.flatnonzero(flags.view(np.uint64) != 0)
    if len(words) > len(flags) // 32:
        return np.flatnonzero(flags)
    within = np.flatnonzero(flags.reshape(-1, 8)[words])
    places: Counts = words[within >> 3] * 8 + (within & 7)
    return places


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
    blocks = range(0, len(deltas), _BLOCK)
    return str(b"".join(_letters(deltas[at : at + _BLOCK]) for at in blocks), "ascii")


def _letters(deltas: Counts) -> bytes:
    # The bits of a number without its sign; a group holds five, the last one the sign too.
    sizes = deltas ^ (deltas >> 63)
    num_groups = int(sizes.max()).bit_length() // _BITS + 1
    letters = np.empty((len(deltas), num_groups), dtype=np.uint8)
    is_used = np.ones((len(deltas), num_groups), dtype=np.bool_)
    for group in range(num_groups):
        has_more = sizes >= 1 << (_BITS * group + _BITS - 1)
        digits = (deltas >> (_BITS * group)).astype(np.uint8) & _DIGIT
        letters[:, group] = digits + _FIRST_CHARACTER + has_more.view(np.uint8) * _MORE
        is_used[:, group + 1 : group + 2] = has_more[:, None]
    return letters.ravel()[np.flatnonzero(is_used)].tobytes()


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
    codes = np.frombuffer(raw, dtype=np.uint8) - _FIRST_CHARACTER
    if len(codes) == 0:
        return np.zeros(0, dtype=np.int64)
    if codes.max() >= 2 * _MORE:
        at = int(np.argmax(codes >= 2 * _MORE))
        raise DataError(
            f"RLE counts hold byte {raw[at]} at position {at}, allowed are 48 to 111", hint=_HINT
        )
    last = np.flatnonzero(codes < _MORE)
    if len(last) == 0 or last[-1] != len(codes) - 1:
        raise DataError(f"RLE counts of {len(codes)} characters end within a number", hint=_HINT)
    values = (codes[last] ^ _SIGN).astype(np.int64) - _SIGN
    num_groups = last + 1
    num_groups[1:] -= num_groups[:-1]
    if num_groups.max() > _MAX_GROUPS:
        raise DataError(
            f"RLE counts hold a number of {num_groups.max()} characters, at most "
            f"{_MAX_GROUPS} are in use",
            hint=_HINT,
        )
    # The last group holds the highest bits, and there the sign.
    for back in range(1, int(num_groups.max())):
        longer = np.flatnonzero(num_groups > back)
        digits = codes[last[longer] - back] & _DIGIT
        values[longer] = (values[longer] << _BITS) | digits
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

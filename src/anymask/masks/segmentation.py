"""The "segmentation" of one annotation in a JSON file: polygons or a run-length code."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from anymask.errors import AnymaskError
from anymask.masks.brush import is_brush, read_brush
from anymask.masks.problem import Problem
from anymask.masks.rasterize import polygon_runs
from anymask.masks.rle import counts_of, decompress

Counts = NDArray[np.int64]

_RLE_HINT = "write the mask again from its source"
_MAX_SIDE_PX = 1 << 20


def segmentation_runs(
    segmentation: object, size_hw: tuple[int, int] | None
) -> tuple[Counts, tuple[int, int]] | Problem:
    """Read one mask.

    Args:
        segmentation: A list of polygons (flat x, y, x, y, …, or pairs), whose union is the mask,
            or {"size": [H, W], "counts": text, bytes or a list of run lengths}; Label Studio's
            brush masks too, known by their header, as "counts" or as {"rle": list}.
        size_hw: Size of the picture, pixels; None where the file does not say.

    Returns:
        Column-major run lengths, int64, (K,), beginning with zeros, and their size; or what is
        wrong, with code "no-segmentation", "no-size", "bad-polygon", "bad-rle", "size-swapped",
        "size-differs" or "empty-mask".
    """
    if isinstance(segmentation, Mapping):
        found = _rle_runs(segmentation, size_hw)
    elif isinstance(segmentation, list | tuple) and segmentation:
        found = _polygon_runs(segmentation, size_hw)
    else:
        return Problem(
            code="no-segmentation",
            message="holds no polygon and no run-length code",
            hint="leave it out or draw its mask",
        )
    if not isinstance(found, Problem) and not found[0][1::2].any():
        return Problem(
            code="empty-mask", message="its mask holds no pixel", hint="leave it out or draw it"
        )
    return found


def image_size(record: Mapping[str, object]) -> tuple[int, int] | None:
    """Read "height" and "width" of a record.

    Args:
        record: The record of a picture.

    Returns:
        (height, width), or None where they are missing or no whole numbers above 0.
    """
    sides = (record.get("height"), record.get("width"))
    if all(_is_side(side) for side in sides):
        return int(str(sides[0])), int(str(sides[1]))
    return None


def _is_side(side: object) -> bool:
    is_whole = isinstance(side, Integral) and not isinstance(side, bool)
    return is_whole and 0 < int(str(side)) <= _MAX_SIDE_PX


def _polygon_runs(
    polygons: list[object] | tuple[object, ...], size_hw: tuple[int, int] | None
) -> tuple[Counts, tuple[int, int]] | Problem:
    if size_hw is None:
        return Problem(
            code="no-size",
            message="its picture's record has no height and width",
            hint="add height and width to the record of the picture",
        )
    is_flat = all(isinstance(part, int | float) for part in polygons)
    rings = [polygons] if is_flat else list(polygons)
    try:
        return polygon_runs(rings, size_hw), size_hw  # type: ignore[arg-type]  # checked there
    except AnymaskError as error:
        return Problem(
            code="bad-polygon", message=error.message, hint=error.hint or "draw it again"
        )


def _rle_runs(
    code: Mapping[str, object], picture_hw: tuple[int, int] | None
) -> tuple[Counts, tuple[int, int]] | Problem:
    if "rle" in code and "counts" not in code and picture_hw is not None:
        # Label Studio's own words for it; the size stands beside it.
        code = {"size": picture_hw, "counts": code["rle"]}
    size = code.get("size")
    if not (isinstance(size, list | tuple) and len(size) == 2 and all(map(_is_side, size))):
        return _bad_rle(f"RLE size must be [height, width], got {size!r:.40}")
    size_hw = (int(size[0]), int(size[1]))
    counts = _counts(code.get("counts"), size_hw)
    if isinstance(counts, Problem):
        return counts
    wrong = _sum_problem(counts, size_hw, picture_hw)
    if wrong is None and picture_hw is not None and size_hw != picture_hw:
        wrong = _size_problem(size_hw, picture_hw)
    return wrong or (counts, size_hw)


def _counts(counts: object, size_hw: tuple[int, int]) -> Counts | Problem:
    try:
        if isinstance(counts, str | bytes):
            return decompress(counts)
        if isinstance(counts, list | tuple) and is_brush(counts, size_hw):
            return counts_of(read_brush(counts, size_hw))
    except AnymaskError as error:
        return _bad_rle(error.message)
    if isinstance(counts, list | tuple | np.ndarray):
        try:
            runs = np.asarray(counts)
        except (ValueError, OverflowError):
            runs = np.zeros(0, np.object_)
        if runs.ndim == 1 and runs.dtype.kind in "iu":
            return runs.astype(np.int64)
    return _bad_rle(f"RLE counts must be text or a list of whole numbers, got {counts!r:.40}")


def _sum_problem(
    counts: Counts, size_hw: tuple[int, int], picture_hw: tuple[int, int] | None
) -> Problem | None:
    """Say whether the runs do not fill their own size."""
    if len(counts) and counts.min() < 0:
        at = int(np.argmin(counts))
        return _bad_rle(f"RLE run {at} is negative ({counts[at]})")
    num_pixels = size_hw[0] * size_hw[1]
    total = int(counts.sum(dtype=np.float64))
    if total == num_pixels:
        return None
    message = f"RLE counts sum to {total}, but size {list(size_hw)} has {num_pixels} pixels"
    if picture_hw is not None and total == picture_hw[0] * picture_hw[1]:
        message += f"; they fit the picture's {_shown(picture_hw)}"
    return _bad_rle(message)


def _size_problem(size_hw: tuple[int, int], picture_hw: tuple[int, int]) -> Problem:
    if size_hw == picture_hw[::-1]:
        return Problem(
            code="size-swapped",
            message=f"RLE size {list(size_hw)} is {_shown(size_hw)}, but its sums fit "
            f"{_shown(picture_hw)}: height and width swapped?",
            hint="write size as [height, width]",
        )
    return Problem(
        code="size-differs",
        message=f"mask {_shown(size_hw)} for picture {_shown(picture_hw)}",
        hint="make the mask for the picture's own size",
    )


def _shown(size_hw: tuple[int, int]) -> str:
    return f"{size_hw[1]}×{size_hw[0]}"


def _bad_rle(message: str) -> Problem:
    return Problem(code="bad-rle", message=message, hint=_RLE_HINT)

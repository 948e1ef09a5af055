"""All masks of a picture in one picture: each its colour, neighbours in different ones.

The picture itself is shown in grey, and dimmed where no mask lies, so that every colour is that of
a mask. A mask is a tint inside a line of its own colour with a dark rim around it. Small masks lie
on top of large ones; of a mask that others cover wholly the line lies on top.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import InputError
from anymask.masks.colours import Colour
from anymask.masks.neighbour_colours import colours_for, neighbours_of
from anymask.masks.overlay import Picture
from anymask.masks.plane import BoolMask
from anymask.masks.rle import RLE, runs_of
from anymask.masks.shrunk import shrink

_TINT, _LINE, _RIM = 0.5, 0.92, 0.75
_DIMMED = 0.62
# On black every tint would be brown.
_LIFTED, _LIFT = 0.72, 60.0
_MOST_TIMES = 3
_LEAST_PX = 5
_NEIGHBOURS_PX = 4

_PLAIN, _INSIDE, _BORDER, _OUTSIDE = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """What lies where.

    Attributes:
        labels: Number of the mask on top, from 1; 0 where there is none; int32, (H, W).
        parts: Which part of it, uint8, (H, W).
        width_px: How wide borders are.
    """

    labels: NDArray[np.int32]
    parts: NDArray[np.uint8]
    width_px: int


def overview(picture: Picture, codes: Sequence[RLE], *, side_px: int = 1600) -> Image.Image:
    """Draw all masks of a picture, however many.

    Args:
        picture: Uint8 RGB, (H, W, 3); not changed.
        codes: Its masks, at its size; read one at a time.
        side_px: How long the longer side of the result may be, pixels; a picture of at most half
            of that is enlarged by a whole number, up to three.

    Returns:
        RGB picture; without masks that is the picture as it is.

    Raises:
        InputError: If a mask has another size than the picture, or `side_px` is not positive.
        DataError: If a code is damaged.
    """
    size_hw = picture.shape[0], picture.shape[1]
    _check(codes, size_hw, side_px)
    times = min(max(side_px // max(size_hw), 1), _MOST_TIMES)
    small_hw = _fitted(size_hw, side_px)
    to_hw = small_hw[0] * times, small_hw[1] * times
    method = cv2.INTER_AREA if times == 1 else cv2.INTER_CUBIC
    resized = cv2.resize(picture, to_hw[::-1], interpolation=method).reshape(*to_hw, 3)
    canvas = np.asarray(resized, dtype=np.uint8)
    areas = [int(runs_of(code)[1::2].sum()) for code in codes]
    if not any(areas):
        return Image.fromarray(canvas)
    sheet = _Sheet(
        labels=np.zeros(to_hw, dtype=np.int32),
        parts=np.full(to_hw, _PLAIN, dtype=np.uint8),
        width_px=_line_px(areas, max(to_hw) / max(size_hw), to_hw),
    )
    _lay_all(sheet, codes, areas, small_hw, times)
    pairs = neighbours_of(sheet.labels, _NEIGHBOURS_PX)
    colours = colours_for([code["counts"] for code in codes], areas, pairs)
    return Image.fromarray(_painted(canvas, sheet, colours))


def _check(codes: Sequence[RLE], size_hw: tuple[int, int], side_px: int) -> None:
    if side_px < 1:
        raise InputError(f"side_px must be at least 1, got {side_px}", hint="use 1600")
    for number, code in enumerate(codes):
        if tuple(code["size"]) != size_hw:
            height, width = code["size"]
            raise InputError(
                f"mask {number} is {width}×{height} for a picture of {size_hw[1]}×{size_hw[0]}",
                hint="draw masks over the picture they were made from",
            )


def _fitted(size_hw: tuple[int, int], side_px: int) -> tuple[int, int]:
    scale = min(side_px / max(size_hw), 1.0)
    return max(round(size_hw[0] * scale), 1), max(round(size_hw[1] * scale), 1)


def _line_px(areas: Sequence[int], scale: float, to_hw: tuple[int, int]) -> int:
    """Give a width of lines that leaves room within most masks."""
    middle = float(np.median([area for area in areas if area])) ** 0.5 * scale
    return int(np.clip(middle / 25, 1, max(1, 0.003 * (to_hw[0] * to_hw[1]) ** 0.5)))


def _lay_all(
    sheet: _Sheet,
    codes: Sequence[RLE],
    areas: Sequence[int],
    small_hw: tuple[int, int],
    times: int,
) -> None:
    """Lay all masks on a sheet, the largest first, and borders of what is covered at the end."""

    def shrunk(number: int) -> tuple[BoolMask, tuple[int, int]]:
        code = codes[number]
        height, width = code["size"]
        inside, (x0, y0) = shrink(runs_of(code), (height, width), small_hw)
        return inside.repeat(times, axis=0).repeat(times, axis=1), (x0 * times, y0 * times)

    order = sorted(range(len(codes)), key=lambda n: (-areas[n], codes[n]["counts"]))
    order = [number for number in order if areas[number]]
    for number in order:
        _lay(sheet, *shrunk(number), number + 1)
    visible = np.bincount(sheet.labels.ravel(), minlength=len(codes) + 1)[1:]
    for number in order:
        if visible[number] == 0:
            inside, (x0, y0) = shrunk(number)
            padded = np.pad(inside.view(np.uint8), 1)
            core = cv2.erode(padded, _disc(sheet.width_px))[1:-1, 1:-1]
            here = np.s_[y0 : y0 + inside.shape[0], x0 : x0 + inside.shape[1]]
            is_border = inside & (core == 0)
            # No rim: many such lines would hide what lies below.
            np.copyto(sheet.parts[here], _BORDER, where=is_border)
            np.copyto(sheet.labels[here], number + 1, where=is_border)


def _lay(sheet: _Sheet, inside: BoolMask, corner: tuple[int, int], number: int) -> None:
    """Lay a mask on top of those that are there."""
    margin = sheet.width_px + _LEAST_PX
    mask = np.pad(inside.view(np.uint8), margin)
    # A dot of one pixel is not to be found among others, a line of one is lost in its rim.
    lack = _LEAST_PX - max(inside.shape)
    if lack > 0:
        mask = _grown(mask, -(-lack // 2))
    elif not cv2.erode(mask, _disc(1)).any():
        mask = _grown(mask, 1)
    grown, core = _grown(mask, 1), cv2.erode(mask, _disc(sheet.width_px))
    x0, y0 = corner[0] - margin, corner[1] - margin
    left, top = max(-x0, 0), max(-y0, 0)
    height, width = sheet.labels.shape
    rows = slice(y0 + top, min(y0 + mask.shape[0], height))
    columns = slice(x0 + left, min(x0 + mask.shape[1], width))
    there = np.s_[top : rows.stop - y0, left : columns.stop - x0]
    mask, grown, core = mask[there], grown[there], core[there]
    parts = sheet.parts[rows, columns]
    np.copyto(parts, _OUTSIDE, where=grown > mask)
    np.copyto(parts, _BORDER, where=mask > core)
    np.copyto(parts, _INSIDE, where=core > 0)
    np.copyto(sheet.labels[rows, columns], number, where=mask > 0)


def _grown(mask: NDArray[np.uint8], radius_px: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.dilate(mask, _disc(radius_px)), dtype=np.uint8)


def _disc(radius_px: int) -> NDArray[np.uint8]:
    side = 2 * radius_px + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(disc, dtype=np.uint8)


def _painted(picture: Picture, sheet: _Sheet, colours: Sequence[Colour]) -> Picture:
    """Give the picture in grey, with what lies on it."""
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    own = np.array([(0, 0, 0), *colours], dtype=np.uint8)[sheet.labels]
    lifted = cv2.convertScaleAbs(grey, alpha=_LIFTED, beta=_LIFT)
    canvas = cv2.addWeighted(lifted, 1 - _TINT, own, _TINT, 0)
    lines = cv2.addWeighted(lifted, 1 - _LINE, own, _LINE, 0)
    np.copyto(canvas, lines, where=(sheet.parts == _BORDER)[:, :, None])
    for part, share in ((_PLAIN, _DIMMED), (_OUTSIDE, 1 - _RIM)):
        np.copyto(
            canvas, cv2.convertScaleAbs(grey, alpha=share), where=(sheet.parts == part)[:, :, None]
        )
    return np.asarray(canvas.reshape(picture.shape), dtype=np.uint8)

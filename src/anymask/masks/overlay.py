"""Masks drawn over their picture, to be seen on any photo.

A mask is a translucent tint inside a line of two tones: bright within the border, dark outside,
so that one of them stands out on whatever lies beneath.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import InputError
from anymask.masks.boxes import IntBox, box_of
from anymask.masks.colours import Colour, colour_of
from anymask.masks.marks import Label, draw_labels, draw_prompt, stroke_px
from anymask.masks.plane import BoolMask, mask_plane
from anymask.masks.rle import RLE, Counts, decode, runs_of
from anymask.masks.run_sets import bounds, cut
from anymask.vocabulary import Prompt

Picture = NDArray[np.uint8]
"""Pixels of the upright picture, uint8 RGB, (H, W, 3)."""

_TINT = 0.42
_BRIGHTEN = 0.65
_DARK = 12.0
# More labels than this would hide the picture.
_MAX_LABELS = 40
_DARK_SHARE = 0.8


def draw(
    picture: Picture,
    masks: Sequence[NDArray[np.generic]] | NDArray[np.generic],
    prompt: Prompt | None = None,
    scores: Sequence[float] | None = None,
) -> Image.Image:
    """Draw masks, the prompt and the scores over a picture.

    Args:
        picture: Uint8 RGB, (H, W, 3); not changed.
        masks: Bool, each (H, W), or (M, H, W); every mask has its own colour, small ones lie on
            top of large ones.
        prompt: Whose points (green + and red −) and box to draw, pixels of the picture, or None.
        scores: One number a mask, written beside it, or None. A score that finds no free place
            is left out, and so are all of more than 40.

    Returns:
        RGB picture of the same size.

    Raises:
        InputError: If a mask has another size than the picture, or scores and masks differ in
            number.
    """
    planes = [mask_plane(mask) for mask in masks]
    _check_sizes(picture, planes, scores)
    colours = [colour_of(index) for index in range(len(planes))]
    canvas = paint_masks(picture, planes, colours)
    if prompt is not None:
        draw_prompt(canvas, prompt)
    drawn = Image.fromarray(canvas)
    if scores is not None and len(scores) <= _MAX_LABELS:
        labels = [
            _label(plane, colour, score)
            for plane, colour, score in zip(planes, colours, scores, strict=True)
            if plane.any()
        ]
        draw_labels(drawn, labels, keep_clear=prompt.points if prompt is not None else ())
    return drawn


def paint_masks(picture: Picture, masks: Sequence[BoolMask], colours: Sequence[Colour]) -> Picture:
    """Tint and outline masks on a copy of a picture.

    Args:
        picture: Uint8 RGB, (H, W, 3).
        masks: Bool, each (H, W).
        colours: One a mask.

    Returns:
        Uint8 RGB, (H, W, 3).
    """
    canvas = picture.copy()
    width_px = stroke_px(picture.shape[:2])
    largest_first = sorted(range(len(masks)), key=lambda index: -np.count_nonzero(masks[index]))
    for index in largest_first:
        _tint(canvas, picture, masks[index], colours[index])
    for index in largest_first:
        _outline(canvas, masks[index], colours[index], width_px)
    return canvas


def paint_codes(picture: Picture, codes: Sequence[RLE], colours: Sequence[Colour]) -> Picture:
    """Tint and outline coded masks on a copy of a picture, as `paint_masks` does.

    Of each mask only its box is decoded, so there may be any number of them.

    Args:
        picture: Uint8 RGB, (H, W, 3).
        codes: The masks, at the picture's size.
        colours: One a mask.

    Returns:
        Uint8 RGB, (H, W, 3).

    Raises:
        DataError: If a code is damaged.
        InputError: If a mask has another size than the picture.
    """
    size_hw = picture.shape[0], picture.shape[1]
    canvas, width_px = picture.copy(), stroke_px(size_hw)
    reach = int(np.ceil(width_px)) + 2
    runs = [_checked_runs(code, size_hw) for code in codes]
    largest_first = sorted(range(len(runs)), key=lambda index: -int(runs[index][1::2].sum()))
    boxes = [_window(bounds(counts, size_hw), size_hw, reach) for counts in runs]
    for is_outline in (False, True):
        for index in largest_first:
            x0, y0, x1, y1 = box = boxes[index]
            if x1 == x0:
                continue
            part = cut(runs[index], size_hw, box)
            mask = decode({"size": [y1 - y0, x1 - x0], "counts": part})
            here = np.s_[y0:y1, x0:x1]
            if is_outline:
                _outline(canvas[here], mask, colours[index], width_px)
            else:
                _tint(canvas[here], picture[here], mask, colours[index])
    return canvas


def _checked_runs(code: RLE, size_hw: tuple[int, int]) -> Counts:
    if tuple(code["size"]) != size_hw:
        raise _size_error(code["size"][0], code["size"][1], size_hw)
    return runs_of(code)


def _window(box: IntBox, size_hw: tuple[int, int], reach: int) -> IntBox:
    """Give a box with room for the line around the mask; empty for an empty one."""
    x0, y0, x1, y1 = box
    if x1 == 0:
        return 0, 0, 0, 0
    height, width = size_hw
    x0, y0 = max(x0 - reach, 0), max(y0 - reach, 0)
    return x0, y0, min(x1 + reach, width), min(y1 + reach, height)


def _tint(canvas: Picture, picture: Picture, mask: BoolMask, colour: Colour) -> None:
    # From the untouched picture, so that nested masks do not mix into mud.
    x0, y0, x1, y1 = box_of(mask)
    if x1 == 0:
        return
    levels = np.arange(256)[:, None] * (1 - _TINT) + np.array(colour) * _TINT
    table = np.rint(levels).astype(np.uint8)[None]
    tinted = cv2.LUT(np.ascontiguousarray(picture[y0:y1, x0:x1]), table)
    np.copyto(canvas[y0:y1, x0:x1], tinted, where=mask[y0:y1, x0:x1, None])


def _outline(canvas: Picture, mask: BoolMask, colour: Colour, width_px: float) -> None:
    x0, y0, x1, y1 = box_of(mask)
    if x1 == 0:
        return
    height, width = mask.shape
    margin = int(np.ceil(width_px)) + 2
    left, top = max(x0 - margin, 0), max(y0 - margin, 0)
    right, bottom = min(x1 + margin, width), min(y1 + margin, height)
    # One pixel of nothing around: the edge of the picture is outlined like any other border.
    padded = np.pad(mask[top:bottom, left:right].view(np.uint8), 1)
    region = canvas[top:bottom, left:right]
    bright = np.array(colour) * (1 - _BRIGHTEN) + 255 * _BRIGHTEN
    _stroke(region, _line(1 - padded, width_px) * _DARK_SHARE, np.full(3, _DARK))
    _stroke(region, _line(padded, width_px), bright)


def _line(side: NDArray[np.uint8], width_px: float) -> NDArray[np.float32]:
    """Give how much of each pixel a line along the border covers, on this side of it."""
    distance = cv2.distanceTransform(side, cv2.DIST_L2, cv2.DIST_MASK_5)
    # The nearest pixels of the other side are at 1, the border itself at 0.5.
    cover = np.clip(width_px + 1 - distance, 0, 1) * side
    return np.asarray(cover[1:-1, 1:-1], dtype=np.float32)


def _stroke(region: Picture, cover: NDArray[np.float32], colour: NDArray[np.float64]) -> None:
    touched = cover > 0
    share = cover[touched][:, None]
    region[touched] = np.rint(region[touched] * (1 - share) + colour * share).astype(np.uint8)


def _label(mask: BoolMask, colour: Colour, score: float) -> Label:
    box = box_of(mask)
    top_x = int(np.flatnonzero(mask[box[1]]).mean())
    return Label(text=f"{score:.2f}", colour=colour, box=box, top_x=top_x)


def _check_sizes(
    picture: Picture, masks: Sequence[BoolMask], scores: Sequence[float] | None
) -> None:
    height, width = picture.shape[:2]
    for mask in masks:
        if mask.shape != (height, width):
            raise _size_error(mask.shape[0], mask.shape[1], (height, width))
    if scores is not None and len(scores) != len(masks):
        raise InputError(f"{len(scores)} scores for {len(masks)} masks", hint="give one a mask")


def _size_error(height: int, width: int, size_hw: tuple[int, int]) -> InputError:
    return InputError(
        f"mask {width}×{height} for picture {size_hw[1]}×{size_hw[0]}",
        hint="draw a mask over the picture it was made from",
    )

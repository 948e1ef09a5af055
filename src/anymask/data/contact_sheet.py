"""Annotated pictures side by side with their masks drawn, so that people see what was read."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from anymask.data.opening import OpenedSample
from anymask.masks.colours import colour_of
from anymask.masks.overlay import paint_masks
from anymask.masks.plane import BoolMask

CELL_PX = 320
_CAPTION_PX = 22
_GAP_PX = 8
_MOST_COLUMNS = 6
_PAPER = (250, 250, 250)
_INK = (40, 40, 40)


def contact_sheet(samples: Sequence[OpenedSample]) -> Image.Image:
    """Draw pictures with their masks in a grid, each with its name and number of masks.

    Args:
        samples: At least one.

    Returns:
        RGB picture.
    """
    columns = min(_MOST_COLUMNS, max(1, round((len(samples) * 1.5) ** 0.5)))
    rows = -(-len(samples) // columns)
    step_x, step_y = CELL_PX + _GAP_PX, CELL_PX + _CAPTION_PX + _GAP_PX
    size = columns * step_x + _GAP_PX, rows * step_y + _GAP_PX
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=13)
    for index, sample in enumerate(samples):
        left = _GAP_PX + index % columns * step_x
        top = _GAP_PX + index // columns * step_y
        cell = Image.fromarray(_drawn(sample))
        above = CELL_PX - cell.height
        sheet.paste(cell, (left + (CELL_PX - cell.width) // 2, top + above // 2))
        number = len(sample.runs)
        tail = f"  {number} mask{'' if number == 1 else 's'}"
        name = _fitted(f"{sample.file.set_name}/{sample.file.name}", tail, font)
        pen.text((left, top + CELL_PX + 2), name + tail, fill=_INK, font=font)
    return sheet


def _drawn(sample: OpenedSample) -> NDArray[np.uint8]:
    height, width = sample.picture.size_hw
    scale = CELL_PX / max(height, width)
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(sample.picture.pixels, size_wh, interpolation=shrink)
    masks = [_resized(runs, (height, width), size_wh) for runs in sample.runs]
    colours = [colour_of(index) for index in range(len(masks))]
    return paint_masks(np.asarray(pixels, np.uint8), masks, colours)


def _resized(
    runs: NDArray[np.int64], size_hw: tuple[int, int], size_wh: tuple[int, int]
) -> BoolMask:
    values = (np.arange(len(runs), dtype=np.uint8) & 1) * np.uint8(255)
    mask = np.repeat(values, runs).reshape(size_hw[::-1]).T
    shrunk = cv2.resize(np.ascontiguousarray(mask), size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk > 127)


def _fitted(name: str, tail: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Shorten a name in front until it fits under its picture."""
    shown = name
    while font.getlength(shown + tail) > CELL_PX and len(name) > 1:
        name = name[1:]
        shown = f"…{name}"
    return shown

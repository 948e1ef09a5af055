"""Marks on a picture: the points and the box of a prompt, and labels that keep apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from anymask.masks.boxes import IntBox
from anymask.masks.colours import Colour
from anymask.vocabulary import Point, Prompt

_GREEN = (35, 175, 70)
_RED = (225, 40, 40)
_WHITE = (255, 255, 255)
_DARK = (12, 12, 12)
_MIN_SIDE_PX = 24
# A label larger than this share of the picture would hide too much of it.
_MAX_LABEL_SHARE = 0.08
# An object up to this many label widths wide may have its label beside it.
_SMALL_IN_LABELS = 3
# Coordinates are handed to OpenCV in sixteenths of a pixel.
_FRACTION_BITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A short text that belongs to a box of the picture.

    Attributes:
        text: What to write.
        colour: Of the swatch beside the text.
        box: What it belongs to, (x0, y0, x1, y1), pixels.
        top_x: Where that reaches its top, pixels.
    """

    text: str
    colour: Colour
    box: IntBox
    top_x: int


def stroke_px(size_hw: tuple[int, ...]) -> float:
    """Give the width of a line that looks the same on small and large pictures.

    Args:
        size_hw: Height and width of the picture, pixels.

    Returns:
        Pixels, at least 1.2.
    """
    return max(1.2, 0.0034 * _mean_side(size_hw))


def draw_prompt(canvas: NDArray[np.uint8], prompt: Prompt) -> None:
    """Draw the box and the points of a prompt into a picture.

    Args:
        canvas: Uint8 RGB, (H, W, 3); changed in place.
        prompt: Points and box in pixels of that picture. Points of label 1 are green with a
            plus, others red with a minus.
    """
    size_hw = canvas.shape[:2]
    # On a thumbnail the marks would hide the mask.
    if _mean_side(size_hw) < _MIN_SIDE_PX:
        return
    width = stroke_px(size_hw)
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        low, high = _fixed(x0, y0, size_hw), _fixed(x1, y1, size_hw)
        for colour, thickness in ((_DARK, 2.2 * width), (_GREEN, 1.2 * width)):
            cv2.rectangle(
                canvas, low, high, colour, max(round(thickness), 1), cv2.LINE_AA, _FRACTION_BITS
            )
    for (x, y), label in zip(prompt.points, prompt.labels, strict=True):
        _draw_point(canvas, _fixed(x, y, size_hw), is_positive=label == 1)


def draw_labels(
    canvas: Image.Image, labels: Sequence[Label], *, keep_clear: Sequence[Point] = ()
) -> None:
    """Write labels near their boxes, none over another, a point or the picture's edge.

    Args:
        canvas: RGB picture; changed in place.
        labels: In order of importance; one that finds no place is left out.
        keep_clear: Points (x, y), pixels, not to be covered.
    """
    size_hw = (canvas.height, canvas.width)
    radius = _point_radius_px(size_hw)
    taken = [
        (int(x - radius), int(y - radius), int(x + radius) + 1, int(y + radius) + 1)
        for x, y in keep_clear
    ]
    font = ImageFont.load_default(size=max(11.0, 0.032 * _mean_side(size_hw)))
    for label in labels:
        chip = _chip(label, font)
        others = [other.box for other in labels if other is not label]
        place = _free_place(chip.size, label, canvas.size, taken + others, label.box[3])
        # Objects inside each other leave no place beside all of them.
        place = place or _free_place(chip.size, label, canvas.size, taken, canvas.height)
        if place is not None:
            canvas.paste(chip, place[:2], chip)
            taken.append(place)


def _mean_side(size_hw: tuple[int, ...]) -> float:
    # A strip of 1 × 40,000 pixels is to be treated as the small picture it is.
    return float(np.sqrt(size_hw[0] * size_hw[1]))


def _point_radius_px(size_hw: tuple[int, ...]) -> float:
    return max(2.5, 0.017 * _mean_side(size_hw))


def _fixed(x: float, y: float, size_hw: tuple[int, ...]) -> tuple[int, int]:
    """Give a position inside the picture in OpenCV's fixed-point numbers."""
    height, width = size_hw
    inside = (min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0))
    return round(inside[0] * 2**_FRACTION_BITS), round(inside[1] * 2**_FRACTION_BITS)


def _draw_point(canvas: NDArray[np.uint8], centre: tuple[int, int], *, is_positive: bool) -> None:
    radius = _point_radius_px(canvas.shape[:2])
    rings = ((_DARK, 1.2), (_WHITE, 1.05), (_GREEN if is_positive else _RED, 0.8))
    for colour, share in rings:
        fixed_radius = round(radius * share * 2**_FRACTION_BITS)
        cv2.circle(canvas, centre, fixed_radius, colour, -1, cv2.LINE_AA, _FRACTION_BITS)
    arm, thickness = round(radius * 0.42 * 2**_FRACTION_BITS), max(round(radius * 0.28), 1)
    x, y = centre
    ends = [((x - arm, y), (x + arm, y))]
    if is_positive:
        ends.append(((x, y - arm), (x, y + arm)))
    for start, stop in ends:
        cv2.line(canvas, start, stop, _WHITE, thickness, cv2.LINE_AA, _FRACTION_BITS)


def _chip(label: Label, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Image.Image:
    """Draw a label on its own small picture, RGBA."""
    left, top, right, bottom = font.getbbox(label.text)
    text_width, text_height = round(right - left), round(bottom - top)
    gap = max(round(text_height * 0.45), 2)
    size = (text_width + text_height + 3 * gap, text_height + 2 * gap)
    # Drawn four times as large and shrunk: Pillow's round corners have no soft edge.
    large = Image.new("RGBA", (size[0] * 4, size[1] * 4), (*_DARK, 0))
    pen = ImageDraw.Draw(large)
    pen.rounded_rectangle((0, 0, large.width - 1, large.height - 1), gap * 4, (*_DARK, 215))
    swatch = (gap * 4, gap * 4, (gap + text_height) * 4 - 1, (gap + text_height) * 4 - 1)
    pen.rounded_rectangle(swatch, gap * 2, label.colour)
    chip = large.resize(size, Image.Resampling.BOX)
    at = (2 * gap + text_height - left, gap - top)
    ImageDraw.Draw(chip).text(at, label.text, fill=_WHITE, font=font)
    return chip


def _free_place(
    size: tuple[int, int],
    label: Label,
    picture_size: tuple[int, int],
    taken: Sequence[IntBox],
    lowest_y: int,
) -> IntBox | None:
    """Find a place for a label: above its object, else beside a small one, else on it."""
    width, height = size
    last_x, last_y = picture_size[0] - width, picture_size[1] - height
    is_too_large = width * height > _MAX_LABEL_SHARE * picture_size[0] * picture_size[1]
    if last_x < 0 or last_y < 0 or is_too_large:
        return None
    gap = max(height // 6, 1)
    x0, y0, x1, y1 = label.box
    columns = [label.top_x - width // 2, (x0 + x1 - width) // 2, x0, x1 - width]
    corners = [(columns[0], y0 - height - gap)]
    # The box of a large object has corners far from the object itself.
    if x1 - x0 <= _SMALL_IN_LABELS * width:
        corners += [(x, y) for y in (y0 - height - gap, y1 + gap) for x in columns]
        corners += [(x, y0 + gap) for x in (x0 - width - gap, x1 + gap)]
    # From here on the label lies on the object and may have to be pushed inside the picture.
    rows = range(min(y0 + gap, last_y), min(lowest_y, last_y + 1), height + gap)
    corners += [(min(max(x, 0), last_x), y) for y in rows for x in columns]
    for x, y in corners:
        place = (x, y, x + width, y + height)
        is_inside = 0 <= x <= last_x and 0 <= y <= last_y
        if is_inside and not any(_overlap(place, other) for other in taken):
            return place
    return None


def _overlap(a: IntBox, b: IntBox) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]

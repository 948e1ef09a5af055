"""Panels of a sheet for eyes: a picture with a mask and a prompt, a caption above it, in rows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from anymask.data.augment import fitted, resized
from anymask.masks.colours import Colour, colour_of
from anymask.masks.marks import draw_prompt
from anymask.masks.overlay import paint_masks
from anymask.vocabulary import Prompt

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

GAP_PX = 6
CAPTION_PX = 22
FONT_PX = 14
GROUND: Colour = (24, 26, 30)
INK: Colour = (236, 236, 232)
TRUTH_COLOUR, ANSWER_COLOUR = colour_of(2), colour_of(0)


def draw_panel(
    picture: Pixels,
    width_px: int,
    mask: Mask | None = None,
    prompt: Prompt | None = None,
    colour: Colour = ANSWER_COLOUR,
) -> Pixels:
    """Draw a picture, a mask and a prompt as wide as a column.

    Args:
        picture: Uint8 RGB, (H, W, 3).
        width_px: Longer side of the drawn picture, and width of the panel.
        mask: Bool, (H, W), or None.
        prompt: Points and box in pixels of the picture, or None.
        colour: Of the mask.

    Returns:
        Uint8 RGB, (h, width_px, 3), h at most `width_px`.
    """
    size_hw = fitted(picture.shape[0], picture.shape[1], width_px)
    drawn = resized(np.ascontiguousarray(picture), size_hw)
    if mask is not None:
        grey = resized(mask.astype(np.uint8) * 255, size_hw)
        # An object thinner than a pixel of the panel would otherwise not be seen.
        seen = grey > min(127, int(grey.max()) // 2)
        drawn = paint_masks(drawn, [seen], [colour])
    if prompt is not None:
        draw_prompt(drawn, _scaled(prompt, size_hw[0] / picture.shape[0]))
    panel = np.full((size_hw[0], width_px, 3), GROUND, np.uint8)
    panel[:, : size_hw[1]] = drawn
    return panel


def add_caption(panel: Pixels, text: str) -> Pixels:
    """Put a line of text above a panel, shortened where it is too long.

    Args:
        panel: Uint8 RGB, (H, W, 3).
        text: Any text; what the font lacks is escaped.

    Returns:
        Uint8 RGB, (H + CAPTION_PX, W, 3).
    """
    width = panel.shape[1]
    strip = Image.new("RGB", (width, CAPTION_PX), GROUND)
    font = ImageFont.load_default(size=FONT_PX)
    shown = text.encode("ascii", "backslashreplace").decode().replace("\n", "\\n")
    while len(shown) > 1 and font.getlength(shown) > width:
        shown = f"{shown[:-4]}..." if shown.endswith("...") else f"{shown[:-3]}..."
    ImageDraw.Draw(strip).text((0, 2), shown, fill=INK, font=font)
    return np.concatenate([np.asarray(strip, dtype=np.uint8), panel])


def join_panels(lines: Sequence[Sequence[Pixels]]) -> Pixels:
    """Put panels of one width into rows.

    Args:
        lines: Rows of panels, uint8 RGB, (H, W, 3) each; at least one panel.

    Returns:
        Uint8 RGB, (H, W, 3).
    """
    columns = max(len(line) for line in lines)
    width = next(panel.shape[1] for line in lines for panel in line)
    heights = [max(len(panel) for panel in line) for line in lines]
    size_hw = (sum(heights) + GAP_PX * (len(lines) + 1), columns * (width + GAP_PX) + GAP_PX)
    sheet = np.full((*size_hw, 3), GROUND, np.uint8)
    top = GAP_PX
    for line, height in zip(lines, heights, strict=True):
        for column, panel in enumerate(line):
            left = GAP_PX + column * (width + GAP_PX)
            sheet[top : top + len(panel), left : left + width] = panel
        top += height + GAP_PX
    return sheet


def _scaled(prompt: Prompt, factor: float) -> Prompt:
    points = tuple(((x + 0.5) * factor - 0.5, (y + 0.5) * factor - 0.5) for x, y in prompt.points)
    if prompt.box is None:
        return replace(prompt, points=points, mask=None)
    x0, y0, x1, y1 = (side * factor for side in prompt.box)
    return replace(prompt, points=points, box=(x0, y0, x1, y1), mask=None)

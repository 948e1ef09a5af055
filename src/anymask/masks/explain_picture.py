"""The candidates that covered a point side by side, each with what became of it."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from anymask.errors import InputError
from anymask.masks.boxes import IntBox
from anymask.masks.colours import colour_of
from anymask.masks.marks import draw_prompt
from anymask.masks.overlay import Picture, paint_masks
from anymask.masks.plane import BoolMask
from anymask.masks.rle import RLE, bbox, runs_of
from anymask.masks.shrunk import shrink
from anymask.vocabulary import Point, Prompt

_PANEL_PX = 480
_PANEL_OF_MANY_PX = 340
_FEW = 6
_LEAST_PX = 160
_GAP_PX = 14
_FONT_PX = 19
_FONT_OF_MANY_PX = 15
_MOST_COLUMNS = 4
_MOST_PANELS = 24
_MOST_LINES = 3
_MARGIN = 0.12
_PAPER, _INK = (250, 250, 250), (20, 20, 20)
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_IN_ASCII = str.maketrans({"×": "x", "≥": ">=", "≤": "<=", "−": "-", "–": "-", "—": "-"})


def explain_picture(
    picture: Picture, codes: Sequence[RLE], reasons: Sequence[str], point: Point
) -> Image.Image:
    """Draw each candidate on its own copy of the part of the picture that all of them lie in.

    Args:
        picture: Uint8 RGB, (H, W, 3); not changed.
        codes: The candidates that covered the point, best first, at the picture's size; of more
            than 24 the first are drawn and the others counted.
        reasons: What became of each, a few words, written below it.
        point: (x, y), pixels of the picture; marked in each panel.

    Returns:
        RGB picture, at most four panels a row; without candidates the whole picture with the point.

    Raises:
        InputError: If there is not one reason a candidate, or one has another size than the
            picture.
        DataError: If a code is damaged.
    """
    size_hw = picture.shape[0], picture.shape[1]
    _check(codes, reasons, size_hw)
    view = _view([bbox(code) for code in codes], point, size_hw)
    shown_hw = _fitted(view, _PANEL_PX if len(codes) <= _FEW else _PANEL_OF_MANY_PX)
    x0, y0, x1, y1 = view
    part = Image.fromarray(np.ascontiguousarray(picture[y0:y1, x0:x1]))
    base = np.asarray(part.resize(shown_hw[::-1], Image.Resampling.LANCZOS), dtype=np.uint8)
    scale_x, scale_y = shown_hw[1] / (x1 - x0), shown_hw[0] / (y1 - y0)
    mark = Prompt(points=(((point[0] - x0) * scale_x, (point[1] - y0) * scale_y),), labels=(1,))
    panels = []
    for number, code in enumerate(codes[:_MOST_PANELS]):
        plane = _plane(code, size_hw, view, shown_hw)
        panels.append(_marked(paint_masks(base, [plane], [colour_of(number % 7)]), mark))
    captions = [f"{number}. {text}" for number, text in enumerate(reasons[:_MOST_PANELS], start=1)]
    if not codes:
        panels, captions = [_marked(base.copy(), mark)], ["no candidate covers this point"]
    num_more = len(codes) - len(panels)
    below = f"and {num_more} more" if num_more > 0 else ""
    return _sheet(panels, captions, below)


def _check(codes: Sequence[RLE], reasons: Sequence[str], size_hw: tuple[int, int]) -> None:
    if len(codes) != len(reasons):
        raise InputError(
            f"{len(reasons)} reasons for {len(codes)} candidates", hint="give one a candidate"
        )
    for number, code in enumerate(codes):
        if tuple(code["size"]) != size_hw:
            height, width = code["size"]
            raise InputError(
                f"mask {number} is {width}×{height} for a picture of {size_hw[1]}×{size_hw[0]}",
                hint="draw masks over the picture they were made from",
            )


def _view(boxes: Sequence[IntBox], point: Point, size_hw: tuple[int, int]) -> IntBox:
    """Give the part of the picture around all boxes (x, y, width, height) and the point."""
    height, width = size_hw
    if not boxes:
        return 0, 0, width, height
    x = min(max(int(point[0]), 0), width - 1)
    y = min(max(int(point[1]), 0), height - 1)
    x0, y0 = min(x, *(box[0] for box in boxes)), min(y, *(box[1] for box in boxes))
    x1 = max(x + 1, *(box[0] + box[2] for box in boxes))
    y1 = max(y + 1, *(box[1] + box[3] for box in boxes))
    # Something of what lies around is to be seen, also on all sides of a dot or a line.
    margin = max(round(_MARGIN * max(x1 - x0, y1 - y0)), min(size_hw) // 16, 2)
    wide, high = x1 - x0 + 2 * margin, y1 - y0 + 2 * margin
    more_x, more_y = max(high // 2 - wide, 0) // 2, max(wide // 2 - high, 0) // 2
    return (
        max(x0 - margin - more_x, 0),
        max(y0 - margin - more_y, 0),
        min(x1 + margin + more_x, width),
        min(y1 + margin + more_y, height),
    )


def _fitted(view: IntBox, side_px: int) -> tuple[int, int]:
    width, height = view[2] - view[0], view[3] - view[1]
    scale = side_px / max(width, height)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _plane(
    code: RLE, size_hw: tuple[int, int], view: IntBox, shown_hw: tuple[int, int]
) -> BoolMask:
    """Give the part of a mask that is shown, at the size it is shown in."""
    x0, y0, x1, y1 = view
    width, height = x1 - x0, y1 - y0
    # Never a plane of the whole picture: it may be far larger than the panel.
    factor = min(shown_hw[0] / height, 1.0)
    small_hw = max(round(size_hw[0] * factor), 1), max(round(size_hw[1] * factor), 1)
    inside, (left, top) = shrink(runs_of(code), size_hw, small_hw)
    rows = ((np.arange(shown_hw[0]) + 0.5) * height / shown_hw[0] + y0) * small_hw[0] / size_hw[0]
    columns = ((np.arange(shown_hw[1]) + 0.5) * width / shown_hw[1] + x0) * small_hw[1] / size_hw[1]
    padded = np.pad(inside, 1)
    at_y = np.clip(rows.astype(np.int64) - top + 1, 0, padded.shape[0] - 1)
    at_x = np.clip(columns.astype(np.int64) - left + 1, 0, padded.shape[1] - 1)
    return padded[np.ix_(at_y, at_x)]


def _marked(canvas: Picture, mark: Prompt) -> Image.Image:
    draw_prompt(canvas, mark)
    return Image.fromarray(canvas)


def _sheet(panels: Sequence[Image.Image], captions: Sequence[str], below: str) -> Image.Image:
    font_px = _FONT_PX if len(panels) <= _FEW else _FONT_OF_MANY_PX
    font = ImageFont.load_default(size=font_px)
    width = max(panels[0].width, _LEAST_PX)
    written = [_wrapped(caption, width, font) for caption in captions]
    line_px = round(font_px * 1.3)
    num_columns = min(len(panels), _columns(len(panels)))
    num_rows = -(-len(panels) // num_columns)
    cell_hw = panels[0].height + max(map(len, written)) * line_px + _GAP_PX, width + _GAP_PX
    size = (
        num_columns * cell_hw[1] + _GAP_PX,
        num_rows * cell_hw[0] + _GAP_PX + (line_px if below else 0),
    )
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    for place, (panel, lines) in enumerate(zip(panels, written, strict=True)):
        x = _GAP_PX + place % num_columns * cell_hw[1]
        y = _GAP_PX + place // num_columns * cell_hw[0]
        sheet.paste(panel, (x, y))
        for number, line in enumerate(lines):
            at = (x, y + panel.height + 4 + number * line_px)
            pen.text(at, line, fill=_INK, font=font)
    if below:
        pen.text((_GAP_PX, size[1] - line_px - 4), below, fill=_INK, font=font)
    return sheet


def _columns(num_panels: int) -> int:
    """Give a number of columns that leaves few gaps in the last row."""
    return min(range(_MOST_COLUMNS, 1, -1), key=lambda columns: (-num_panels % columns, -columns))


def _wrapped(text: str, width_px: int, font: _Font) -> list[str]:
    """Break a text into lines; letters that the font lacks are written otherwise."""
    plain = text.translate(_IN_ASCII).encode("ascii", "replace").decode("ascii")
    lines = [""]
    for word in plain.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width_px:
            lines.append(word)
        else:
            lines[-1] = longer
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], f"{lines[_MOST_LINES - 1]} ..."]
    return [_cut(line, width_px, font) for line in lines]


def _cut(line: str, width_px: int, font: _Font) -> str:
    while line and font.getlength(line) > width_px:
        line = f"{line[:-4]}..." if line.endswith("...") else f"{line[:-3]}..."
    return line

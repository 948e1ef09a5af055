"""Contact sheets: what the model is shown while it learns, and what it answers.

A row is a picture, a column one of its masks or answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from anymask.data.augment import fitted, resized
from anymask.data.clicks import centre_click
from anymask.errors import InputError
from anymask.evaluate.tasks.prompts import corrected
from anymask.image.picture import Picture
from anymask.masks.colours import Colour, colour_of
from anymask.masks.marks import draw_prompt
from anymask.masks.overlap import iou
from anymask.masks.overlay import paint_masks
from anymask.model.configs import SamConfig
from anymask.predict.decode import predict
from anymask.predict.encode import embed_batch
from anymask.train.batch import TrainingBatch
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

PANEL_PX = 320
GAP_PX = 6
CAPTION_PX = 22
FONT_PX = 14
GROUND: Colour = (24, 26, 30)
INK: Colour = (236, 236, 232)
TRUTH_COLOUR, ANSWER_COLOUR = colour_of(2), colour_of(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A mask after some clicks.

    Attributes:
        clicks: How many.
        mask: Bool, (H, W).
        prompt: The clicks, pixels of the picture.
    """

    clicks: int
    mask: Mask
    prompt: Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressRow:
    """One object: the picture, the truth, and the model's answers.

    Attributes:
        name: Name of the picture.
        picture: Uint8 RGB, (H, W, 3).
        truth: Bool, (H, W).
        answers: In order of clicks.
    """

    name: str
    picture: Pixels
    truth: Mask
    answers: tuple[Answer, ...]


def progress_row(
    loaded: LoadedModel, picture: Picture, truth: Mask, name: str, counts: Sequence[int] = (1, 3, 8)
) -> ProgressRow:
    """Click an object's centre, then correct the answer, and keep some of the answers.

    Args:
        loaded: The model.
        picture: The upright picture, (H, W).
        truth: Bool, (H, W), not empty.
        name: Name of the picture.
        counts: After how many clicks an answer is kept, ascending.

    Returns:
        The row; after one click the answer is the best scored of the three guesses.
    """
    (embedding,) = embed_batch(loaded, (picture,))
    prompt = Prompt(points=(centre_click(truth),), labels=(1,))
    answers = []
    for clicks in range(1, max(counts) + 1):
        (masks,) = predict(loaded, embedding, [prompt], multimask=clicks == 1)
        if clicks in counts:
            answers.append(Answer(clicks=clicks, mask=masks.best.array, prompt=prompt))
        prompt = corrected(prompt, masks, truth)
    return ProgressRow(name=name, picture=picture.pixels, truth=truth, answers=tuple(answers))


def progress_sheet(rows: Sequence[ProgressRow]) -> Pixels:
    """Draw objects with their truth and answers, the IoU written over each.

    Args:
        rows: Objects, each with equally many answers.

    Returns:
        Uint8 RGB, (H, W, 3).

    Raises:
        InputError: If there are no rows, or they differ in their numbers of answers.
    """
    if not rows or len({len(row.answers) for row in rows}) != 1:
        raise InputError(
            "a progress sheet needs rows with equally many answers",
            hint="make all with the same counts",
        )
    lines = []
    for row in rows:
        panels = [
            _captioned(_panel(row.picture), row.name),
            _captioned(_panel(row.picture, row.truth, colour=TRUTH_COLOUR), "true mask"),
        ]
        for answer in row.answers:
            drawn = _panel(row.picture, answer.mask, answer.prompt)
            words = "1 click" if answer.clicks == 1 else f"{answer.clicks} clicks"
            caption = f"{words}: IoU {iou(answer.mask, row.truth):.2f}"
            panels.append(_captioned(drawn, caption))
        lines.append(panels)
    return _sheet(lines)


def batch_sheet(
    batch: TrainingBatch, config: SamConfig, *, most_pictures: int = 6, most_masks: int = 5
) -> Pixels:
    """Draw a batch as the model sees it: each frame, then each mask with its click and box.

    Args:
        batch: Pictures and masks.
        config: The model's architecture, which says how pixels were normalised.
        most_pictures: Rows.
        most_masks: Masks a row.

    Returns:
        Uint8 RGB, (H, W, 3).
    """
    pixels = batch.pixels[:most_pictures].permute(0, 2, 3, 1).float().cpu().numpy()
    pixels = pixels * np.array(config.pixel_std) + np.array(config.pixel_mean)
    frames = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    targets, clicks, boxes = (
        field[:most_pictures, :most_masks].float().cpu().numpy()
        for field in (batch.targets, batch.clicks, batch.boxes)
    )
    total, side = batch.targets.shape[1], frames.shape[1]
    lines = []
    for row, frame in enumerate(frames):
        name = batch.names[row] if batch.names else f"picture {row + 1}"
        panels = [_captioned(_panel(frame), name)]
        for column, target in enumerate(targets[row]):
            x, y = (float(v) for v in clicks[row, column])
            x0, y0, x1, y1 = (float(v) for v in boxes[row, column])
            prompt = Prompt(points=((x, y),), labels=(1,), box=(x0, y0, x1, y1))
            share = cv2.resize(target, (side, side), interpolation=cv2.INTER_LINEAR)
            drawn = _panel(frame, share > 0.5, prompt, colour=colour_of(column))
            area = 100 * float(target.mean())
            panels.append(_captioned(drawn, f"mask {column + 1} of {total}: {area:.1f} % of frame"))
        lines.append(panels)
    return _sheet(lines)


def _panel(
    picture: Pixels,
    mask: Mask | None = None,
    prompt: Prompt | None = None,
    colour: Colour = ANSWER_COLOUR,
) -> Pixels:
    """Draw a picture, a mask and a prompt as wide as a column."""
    size_hw = fitted(picture.shape[0], picture.shape[1], PANEL_PX)
    drawn = resized(np.ascontiguousarray(picture), size_hw)
    if mask is not None:
        grey = resized(mask.astype(np.uint8) * 255, size_hw)
        # An object thinner than a pixel of the panel would otherwise not be seen.
        seen = grey > min(127, int(grey.max()) // 2)
        drawn = paint_masks(drawn, [seen], [colour])
    if prompt is not None:
        draw_prompt(drawn, _scaled(prompt, size_hw[0] / picture.shape[0]))
    panel = np.full((size_hw[0], PANEL_PX, 3), GROUND, np.uint8)
    panel[:, : size_hw[1]] = drawn
    return panel


def _scaled(prompt: Prompt, factor: float) -> Prompt:
    points = tuple(((x + 0.5) * factor - 0.5, (y + 0.5) * factor - 0.5) for x, y in prompt.points)
    if prompt.box is None:
        return replace(prompt, points=points, mask=None)
    x0, y0, x1, y1 = (side * factor for side in prompt.box)
    return replace(prompt, points=points, box=(x0, y0, x1, y1), mask=None)


def _captioned(panel: Pixels, text: str) -> Pixels:
    strip = Image.new("RGB", (PANEL_PX, CAPTION_PX), GROUND)
    font = ImageFont.load_default(size=FONT_PX)
    shown = text.encode("ascii", "backslashreplace").decode().replace("\n", "\\n")
    while len(shown) > 1 and font.getlength(shown) > PANEL_PX:
        shown = f"{shown[:-4]}..." if shown.endswith("...") else f"{shown[:-3]}..."
    ImageDraw.Draw(strip).text((0, 2), shown, fill=INK, font=font)
    return np.concatenate([np.asarray(strip, dtype=np.uint8), panel])


def _sheet(lines: Sequence[Sequence[Pixels]]) -> Pixels:
    columns = max(len(line) for line in lines)
    heights = [max(len(panel) for panel in line) for line in lines]
    size_hw = (sum(heights) + GAP_PX * (len(lines) + 1), columns * (PANEL_PX + GAP_PX) + GAP_PX)
    sheet = np.full((*size_hw, 3), GROUND, np.uint8)
    top = GAP_PX
    for line, height in zip(lines, heights, strict=True):
        for column, panel in enumerate(line):
            left = GAP_PX + column * (PANEL_PX + GAP_PX)
            sheet[top : top + len(panel), left : left + PANEL_PX] = panel
        top += height + GAP_PX
    return sheet

"""Contact sheets: what the model is shown while it learns, and what it answers.

A row is a picture, a column one of its masks or answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from anymask.data.clicks import centre_click
from anymask.errors import InputError
from anymask.evaluate.panels import (
    ANSWER_COLOUR,
    TRUTH_COLOUR,
    Mask,
    Pixels,
    add_caption,
    draw_panel,
    join_panels,
)
from anymask.evaluate.panels import CAPTION_PX as CAPTION_PX
from anymask.evaluate.panels import FONT_PX as FONT_PX
from anymask.evaluate.panels import GAP_PX as GAP_PX
from anymask.evaluate.panels import GROUND as GROUND
from anymask.evaluate.panels import INK as INK
from anymask.evaluate.tasks.prompts import corrected
from anymask.image.picture import Picture
from anymask.masks.colours import Colour, colour_of
from anymask.masks.overlap import iou
from anymask.model.configs import SamConfig
from anymask.predict.decode import predict
from anymask.predict.encode import embed_batch
from anymask.train.batch import TrainingBatch
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel

PANEL_PX = 320


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
            add_caption(_panel(row.picture), row.name),
            add_caption(_panel(row.picture, row.truth, colour=TRUTH_COLOUR), "true mask"),
        ]
        for answer in row.answers:
            drawn = _panel(row.picture, answer.mask, answer.prompt)
            words = "1 click" if answer.clicks == 1 else f"{answer.clicks} clicks"
            caption = f"{words}: IoU {iou(answer.mask, row.truth):.2f}"
            panels.append(add_caption(drawn, caption))
        lines.append(panels)
    return join_panels(lines)


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
        panels = [add_caption(_panel(frame), name)]
        for column, target in enumerate(targets[row]):
            x, y = (float(v) for v in clicks[row, column])
            x0, y0, x1, y1 = (float(v) for v in boxes[row, column])
            prompt = Prompt(points=((x, y),), labels=(1,), box=(x0, y0, x1, y1))
            share = cv2.resize(target, (side, side), interpolation=cv2.INTER_LINEAR)
            drawn = _panel(frame, share > 0.5, prompt, colour=colour_of(column))
            area = 100 * float(target.mean())
            panels.append(
                add_caption(drawn, f"mask {column + 1} of {total}: {area:.1f} % of frame")
            )
        lines.append(panels)
    return join_panels(lines)


def _panel(
    picture: Pixels,
    mask: Mask | None = None,
    prompt: Prompt | None = None,
    colour: Colour = ANSWER_COLOUR,
) -> Pixels:
    """Draw a picture, a mask and a prompt as wide as a column."""
    return draw_panel(picture, PANEL_PX, mask, prompt, colour)

"""What a model found beside what people labelled, to be looked at before it learns from it."""

from collections.abc import Iterable, Sequence
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from anymask.data.picture import AnnotatedPicture
from anymask.errors import StateError
from anymask.image.read import read_picture
from anymask.masks.overlay import draw
from anymask.train.pseudo_masks import PseudoMask
from anymask.train.pseudo_records import PseudoRecord
from anymask.train.sheet import CAPTION_PX, FONT_PX, GAP_PX, GROUND, INK

Pixels = NDArray[np.uint8]

PANEL_PX = 384
COLUMNS = 2
MOST_PICTURES = 24


def pseudo_sheet(shown: Sequence[tuple[AnnotatedPicture, Sequence[PseudoMask]]]) -> Pixels:
    """Draw pictures twice: with the masks people made, and with the model's and their scores.

    Args:
        shown: Pictures and what the model found on them.

    Returns:
        Uint8 RGB, (H, W, 3), two pictures a row.

    Raises:
        StateError: If there is nothing to draw.
    """
    if not shown:
        raise StateError("the model found no mask to draw", hint="lower least_score")
    pairs = [_pair(picture, masks) for picture, masks in shown]
    lines = []
    for start in range(0, len(pairs), COLUMNS):
        line = pairs[start : start + COLUMNS]
        height = max(pair.shape[0] for pair in line)
        line += [np.full((height, 1, 3), GROUND, np.uint8)] * (COLUMNS - len(line))
        lines.append(np.concatenate([_grown(pair, height) for pair in line], axis=1))
    width = max(line.shape[1] for line in lines)
    return np.concatenate([_widened(line, width) for line in lines])


def spread_over(
    found: Iterable[tuple[AnnotatedPicture, PseudoRecord]], most: int = MOST_PICTURES
) -> list[tuple[AnnotatedPicture, Sequence[PseudoMask]]]:
    """Give the first pictures on which something was found.

    Args:
        found: Pictures and records, in the order in which the model was asked.
        most: How many at most.
    """
    with_masks = ((p, record.choice.masks) for p, record in found if record.choice.masks)
    return list(islice(with_masks, most))


def _pair(picture: AnnotatedPicture, masks: Sequence[PseudoMask]) -> Pixels:
    pixels = read_picture(picture.encoded).pixels
    scale = PANEL_PX / max(pixels.shape[:2])
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    labelled = [picture.mask(i) for i in range(len(picture.runs)) if not picture.is_pseudo(i)]
    found = AnnotatedPicture(
        set_name=picture.set_name,
        name=picture.name,
        encoded=b"",
        size_hw=picture.size_hw,
        runs=tuple(mask.runs for mask in masks),
    )
    own = [found.mask(i) for i in range(len(masks))]
    left = draw(small, [_resized(mask, size) for mask in labelled])
    scores = [mask.score for mask in masks]
    right = draw(small, [_resized(mask, size) for mask in own], scores=scores)
    return np.concatenate(
        [
            _captioned(np.asarray(left), f"{picture.name}: {len(labelled)} labelled"),
            _captioned(np.asarray(right), f"{len(masks)} found"),
        ],
        axis=1,
    )


def _resized(mask: NDArray[np.bool_], size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    grey = np.ascontiguousarray(mask, np.uint8) * 255
    return np.asarray(cv2.resize(grey, size_wh, interpolation=cv2.INTER_AREA) > 127)


def _captioned(panel: Pixels, text: str) -> Pixels:
    height, width = panel.shape[0] + CAPTION_PX + GAP_PX, PANEL_PX + GAP_PX
    ground = Image.new("RGB", (width, height), GROUND)
    ground.paste(Image.fromarray(panel), (0, CAPTION_PX))
    font = ImageFont.load_default(size=FONT_PX)
    ImageDraw.Draw(ground).text((2, 2), text, fill=INK, font=font)
    return np.asarray(ground, np.uint8)


def _grown(panel: Pixels, height: int) -> Pixels:
    missing = height - panel.shape[0]
    return np.pad(panel, ((0, missing), (0, 0), (0, 0)), constant_values=GROUND[0])


def _widened(line: Pixels, width: int) -> Pixels:
    missing = width - line.shape[1]
    return np.pad(line, ((0, 0), (0, missing), (0, 0)), constant_values=GROUND[0])

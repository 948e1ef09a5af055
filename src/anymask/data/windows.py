"""What part of a picture a sample shows, and how the part is cut out of picture and masks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.data.augment import Window
from anymask.data.picture import AnnotatedPicture
from anymask.data.sample_settings import SampleSettings

# Side of a square around an object, in object sides, and how far it may be enlarged.
CLOSE_CONTEXT, CLOSE_ENLARGED = (1.15, 5.0), 5.0
NATURAL_CONTEXT, NATURAL_ENLARGED = (1.15, 12.0), 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a sample looks at a picture.

    Attributes:
        window: x0, y0, x1, y1 in picture pixels, ends exclusive.
        used_hw: Height and width that the window has in the frame, pixels.
        degrees: How far the picture is turned around the window's centre.
    """

    window: Window
    used_hw: tuple[int, int]
    degrees: float = 0.0


def choose_window(
    picture: AnnotatedPicture, size: int, settings: SampleSettings, rng: np.random.Generator
) -> Window:
    """Choose what part of a picture is seen: around an object, the whole, or any part.

    Args:
        picture: Picture and masks.
        size: Side of the frame, pixels, which limits how far a square around an object is enlarged.
        settings: How samples are made.
        rng: Source of chance.

    Returns:
        x0, y0, x1, y1 in picture pixels, ends exclusive.
    """
    height, width = picture.size_hw
    if picture.runs and rng.random() < settings.zoom_share:
        return _around_object(picture, size, settings, rng)
    if rng.random() < settings.whole_share:
        return 0, 0, width, height
    part_w, part_h = rng.uniform(0.5, 1.0, 2)
    left, top = rng.uniform(0, width * (1 - part_w)), rng.uniform(0, height * (1 - part_h))
    return int(left), int(top), int(left + width * part_w), int(top + height * part_h)


def _around_object(
    picture: AnnotatedPicture, size: int, settings: SampleSettings, rng: np.random.Generator
) -> Window:
    height, width = picture.size_hw
    context, enlarged = CLOSE_CONTEXT, CLOSE_ENLARGED
    if settings.natural_size:
        context, enlarged = NATURAL_CONTEXT, NATURAL_ENLARGED
    x, y, w, h = runs_box(picture, _any_object(picture, settings, rng))
    side = max(w, h, 8) * np.exp(rng.uniform(*np.log(context)))
    side = min(max(side, size / enlarged), max(height, width))
    slack = max(0.0, (side - max(w, h)) / 2) * 0.9
    left = x + w / 2 + rng.uniform(-slack, slack) - side / 2
    top = y + h / 2 + rng.uniform(-slack, slack) - side / 2
    left = min(max(0.0, left), max(0.0, width - side))
    top = min(max(0.0, top), max(0.0, height - side))
    return int(left), int(top), int(min(width, left + side)), int(min(height, top + side))


def _any_object(
    picture: AnnotatedPicture, settings: SampleSettings, rng: np.random.Generator
) -> int:
    people, model = by_maker(picture)
    if not people or not model:
        return int(rng.integers(len(picture.runs)))
    chosen = model if rng.random() < share_by_model(people, model, settings) else people
    return chosen[int(rng.integers(len(chosen)))]


def share_by_model(people: list[int], model: list[int], settings: SampleSettings) -> float:
    """Give the chance that a prompt asks for a mask by a model, where there are both kinds.

    One doubtful mask among thirty good ones is not worth half of the prompts.
    """
    return min(settings.pseudo_share, len(model) / (len(people) + len(model)))


def by_maker(picture: AnnotatedPicture) -> tuple[list[int], list[int]]:
    """Give the indices of the masks that people made, and of those that a model made."""
    indices = range(len(picture.runs))
    model = [index for index in indices if picture.is_pseudo(index)]
    return [index for index in indices if not picture.is_pseudo(index)], model


def cut(plane: NDArray[np.generic], view: View, beyond: int = 0) -> NDArray[np.uint8]:
    """Cut a view's window out of a picture or mask, turned but not yet resized.

    Args:
        plane: Uint8 or bool, (H, W) or (H, W, 3), picture pixels.
        view: What is seen.
        beyond: What lies beyond the picture's edge, where the turned window reaches there.

    Returns:
        Uint8, (h, w) or (h, w, 3), of the window's size.
    """
    x0, y0, x1, y1 = view.window
    if view.degrees == 0:
        return plane[y0:y1, x0:x1].astype(np.uint8)
    height, width = plane.shape[:2]
    # A turned rectangle lies inside the square of its diagonal.
    reach = int(np.ceil(np.hypot(x1 - x0, y1 - y0) / 2)) + 2
    middle_x, middle_y = (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2
    left, top = max(0, int(middle_x) - reach), max(0, int(middle_y) - reach)
    right, bottom = min(width, int(middle_x) + reach + 1), min(height, int(middle_y) + reach + 1)
    near = np.ascontiguousarray(plane[top:bottom, left:right], np.uint8)
    turn = cv2.getRotationMatrix2D((middle_x - left, middle_y - top), view.degrees, 1.0)
    turn[:, 2] += (left - x0, top - y0)
    turned = cv2.warpAffine(
        near,
        turn,
        (x1 - x0, y1 - y0),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(beyond,) * 3,
    )
    return np.asarray(turned, np.uint8)


def runs_box(picture: AnnotatedPicture, index: int) -> tuple[int, int, int, int]:
    """Give a mask's box from its run lengths: x, y, width, height in pixels."""
    runs, height = picture.runs[index], picture.size_hw[0]
    ends = np.cumsum(runs)
    starts, stops = ends[:-1:2], ends[1::2] - 1
    left, right = int(starts[0] // height), int(stops[-1] // height)
    top, bottom = starts % height, stops % height
    wraps = bool((starts // height != stops // height).any())
    first, last = (0, height - 1) if wraps else (int(top.min()), int(bottom.max()))
    return left, first, right - left + 1, last - first + 1

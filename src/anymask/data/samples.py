"""One training sample: a window of a picture, its masks, and the first prompts.

Frame pixels are those of the model's square input; targets are given at the decoder's stride 4.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.data.clicks import noisy_box, random_click
from anymask.data.picture import AnnotatedPicture
from anymask.errors import DataError

TARGET_STRIDE = 4
SMALLEST_TARGET_CELLS = 6
LARGEST_SHARE = 0.9  # masks over 90 % of the picture are dropped, as published
SMALLEST_VISIBLE_SHARE = 0.25
PADDING_GREY = 127
EXACT_BOX_SHARE = 0.2

Window = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings:
    """How samples are made.

    Attributes:
        prompts: Masks P of each picture.
        zoom_share: Share of samples that show a square around one object.
        whole_share: Share of the others that show the whole picture.
    """

    prompts: int = 4
    zoom_share: float = 0.3
    whole_share: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One picture with P masks and a click and a box for each.

    Attributes:
        frame: uint8 RGB, (S, S, 3).
        targets: Share of each cell inside the mask, uint8 0-255, (P, S/4, S/4).
        clicks: (x, y) in frame pixels, float32 (P, 2).
        boxes: x0, y0, x1, y1 in frame pixels, float32 (P, 4).
    """

    frame: NDArray[np.uint8]
    targets: NDArray[np.uint8]
    clicks: NDArray[np.float32]
    boxes: NDArray[np.float32]


def make_sample(
    picture: AnnotatedPicture, size: int, settings: SampleSettings, rng: np.random.Generator
) -> Sample | None:
    """Cut, resize, flip and recolour a picture and choose prompts.

    Args:
        picture: Picture and masks.
        size: Side S of the frame, pixels; a multiple of 32.
        settings: How samples are made.
        rng: Source of chance.

    Returns:
        A sample, or None when no mask is large enough in the chosen window.

    Raises:
        DataError: If the picture cannot be decoded.
    """
    window = choose_window(picture, size, settings, rng)
    x0, y0, x1, y1 = window
    if min(x1 - x0, y1 - y0) < 8:
        return None
    height, width = fitted(y1 - y0, x1 - x0, size)
    targets = visible_targets(picture, window, size, settings.prompts, rng)
    if not targets:
        return None
    encoded = np.frombuffer(picture.encoded, np.uint8)
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    if decoded is None:
        raise DataError(f"{picture.name}: is not a readable picture", hint="check the shard")
    pixels = np.asarray(decoded, dtype=np.uint8)[y0:y1, x0:x1]
    shrinks = size < max(y1 - y0, x1 - x0)
    kind = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=kind), dtype=np.uint8)
    if rng.random() < 0.5:
        pixels, targets = pixels[:, ::-1], [flip_used(t, width) for t in targets]
    frame = np.full((size, size, 3), PADDING_GREY, np.uint8)
    frame[:height, :width] = recolour(pixels, rng)
    while len(targets) < settings.prompts:
        targets.append(targets[int(rng.integers(len(targets)))])
    prompts = [first_prompts(target, rng) for target in targets]
    return Sample(
        frame=frame,
        targets=np.stack(targets),
        clicks=np.array([click for click, _ in prompts], np.float32),
        boxes=np.array([box for _, box in prompts], np.float32),
    )


def choose_window(
    picture: AnnotatedPicture, size: int, settings: SampleSettings, rng: np.random.Generator
) -> Window:
    """Choose what part of a picture is seen: around an object, the whole, or any part.

    Args:
        picture: Picture and masks.
        size: Side of the frame, pixels: a window is never enlarged more than five times.
        settings: How samples are made.
        rng: Source of chance.

    Returns:
        x0, y0, x1, y1 in picture pixels, ends exclusive.
    """
    height, width = picture.size_hw
    if picture.runs and rng.random() < settings.zoom_share:
        x, y, w, h = runs_box(picture, int(rng.integers(len(picture.runs))))
        side = max(w, h, 8) * np.exp(rng.uniform(np.log(1.15), np.log(5)))
        side = min(max(side, size / 5), max(height, width))
        slack = max(0.0, (side - max(w, h)) / 2) * 0.9
        left = x + w / 2 + rng.uniform(-slack, slack) - side / 2
        top = y + h / 2 + rng.uniform(-slack, slack) - side / 2
        left = min(max(0.0, left), max(0.0, width - side))
        top = min(max(0.0, top), max(0.0, height - side))
        return int(left), int(top), int(min(width, left + side)), int(min(height, top + side))
    if rng.random() < settings.whole_share:
        return 0, 0, width, height
    part_w, part_h = rng.uniform(0.5, 1.0, 2)
    left, top = rng.uniform(0, width * (1 - part_w)), rng.uniform(0, height * (1 - part_h))
    return int(left), int(top), int(left + width * part_w), int(top + height * part_h)


def visible_targets(
    picture: AnnotatedPicture, window: Window, size: int, wanted: int, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Give up to `wanted` masks that show well in a window, at stride 4.

    Args:
        picture: Picture and masks.
        window: x0, y0, x1, y1 in picture pixels.
        size: Side S of the frame, pixels.
        wanted: Most masks.
        rng: Source of chance.

    Returns:
        Share of each cell inside the mask, uint8 0-255, each (S/4, S/4).
    """
    x0, y0, x1, y1 = window
    height, width = (max(1, round(s / TARGET_STRIDE)) for s in fitted(y1 - y0, x1 - x0, size))
    targets: list[NDArray[np.uint8]] = []
    for index in rng.permutation(len(picture.runs))[: 4 * wanted]:
        mask = picture.mask(int(index))[y0:y1, x0:x1]
        visible, whole = int(mask.sum()), int(picture.runs[index][1::2].sum())
        if visible < SMALLEST_VISIBLE_SHARE * whole or visible > LARGEST_SHARE * mask.size:
            continue
        target = np.zeros((size // TARGET_STRIDE,) * 2, np.uint8)
        grey = np.ascontiguousarray(mask, np.uint8) * 255
        target[:height, :width] = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
        if int((target > 127).sum()) < SMALLEST_TARGET_CELLS:
            continue
        targets.append(target)
        if len(targets) == wanted:
            break
    return targets


def first_prompts(
    target: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[tuple[float, float], tuple[float, ...]]:
    """Choose a click inside an object and a box around it, in frame pixels.

    Args:
        target: Share of each cell inside the mask, uint8 0-255, (S/4, S/4).
        rng: Source of chance.
    """
    mask = target > 127
    x, y = random_click(mask, rng)
    jitter = rng.uniform(0, TARGET_STRIDE - 1, 2)
    noise = 0.0 if rng.random() < EXACT_BOX_SHARE else 0.1
    box = noisy_box(mask, rng, noise, most_px=20 / TARGET_STRIDE)
    click = (TARGET_STRIDE * x + float(jitter[0]), TARGET_STRIDE * y + float(jitter[1]))
    return click, tuple(TARGET_STRIDE * side for side in box)


def recolour(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change contrast, brightness, saturation and tint, four times out of five.

    Args:
        pixels: uint8 RGB, (H, W, 3).
        rng: Source of chance.
    """
    if rng.random() >= 0.8:
        return pixels
    x = pixels.astype(np.float32)
    mean = x.mean()
    x = (x - mean) * np.float32(rng.uniform(0.7, 1.3)) + mean * np.float32(rng.uniform(0.7, 1.3))
    grey = x.mean(2, keepdims=True)
    saturation = 0.0 if rng.random() < 0.08 else rng.uniform(0.5, 1.4)
    x = grey + (x - grey) * np.float32(saturation)
    x *= rng.uniform(0.92, 1.08, 3).astype(np.float32)
    recoloured: NDArray[np.uint8] = np.clip(x, 0, 255).astype(np.uint8)
    return recoloured


def flip_used(target: NDArray[np.uint8], frame_width: int) -> NDArray[np.uint8]:
    """Mirror the part of a target (S/4, S/4) that holds the picture; padding stays right."""
    used = max(1, round(frame_width / TARGET_STRIDE))
    flipped = target.copy()
    flipped[:, :used] = target[:, :used][:, ::-1]
    return flipped


def fitted(height: int, width: int, size: int) -> tuple[int, int]:
    """Give height and width after the longer side became `size`, pixels."""
    factor = size / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


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

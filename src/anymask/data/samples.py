"""One training sample: a window of a picture, its masks, and the first prompts.

Frame pixels are those of the model's square input; targets are given at the decoder's stride 4.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.data.augment import Window, fitted, jitter_scale, mirror_used, recolour, resized
from anymask.data.clicks import noisy_box, random_click
from anymask.data.picture import AnnotatedPicture
from anymask.errors import ConfigError, DataError

TARGET_STRIDE = 4
SMALLEST_TARGET_CELLS = 6
SMALLEST_VISIBLE_SHARE = 0.25
SMALLEST_WINDOW_PX = 8
PADDING_GREY = 127
EXACT_BOX_SHARE = 0.2
MOST_PROMPTS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings:
    """How samples are made.

    The defaults are those of the default model. As published are whole pictures, up to 64 masks,
    unchanged colours: `prompts=64, zoom_share=0, whole_share=1, recolour=False, mirror=False`.

    Attributes:
        prompts: Masks P of each picture; a picture with fewer shows some of them again.
        zoom_share: Share of samples that show a square around one object.
        whole_share: Share of the others that show the whole picture.
        jitter: Smallest and largest scale of large-scale jitter (published: 0.1 and 2.0), which
            then chooses every window; None for no jitter.
        recolour: Whether colours are changed.
        mirror: Whether every second picture is mirrored.
        largest_share: Masks over this share of the picture, or of the window, are left out.
    """

    prompts: int = 4
    zoom_share: float = 0.3
    whole_share: float = 0.5
    jitter: tuple[float, float] | None = None
    recolour: bool = True
    mirror: bool = True
    largest_share: float = 0.9

    def __post_init__(self) -> None:
        if not 1 <= self.prompts <= MOST_PROMPTS:
            raise ConfigError(
                f"sample.prompts must be 1 to {MOST_PROMPTS}, got {self.prompts}", hint="use 4"
            )
        for name in ("zoom_share", "whole_share", "largest_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    f"sample.{name} must be in [0, 1], got {getattr(self, name):g}",
                    hint="give a share, not a percentage",
                )
        if self.jitter is not None and not 0 < self.jitter[0] <= self.jitter[1] <= 10:
            raise ConfigError(
                f"sample.jitter must be two scales, 0 < smaller <= larger <= 10, got {self.jitter}",
                hint="use 0.1 and 2.0, as published",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One picture with P masks and a click and a box for each.

    Attributes:
        frame: uint8 RGB, (S, S, 3).
        targets: Share of each cell inside the mask, uint8 0-255, (P, S/4, S/4).
        clicks: (x, y) in frame pixels, float32 (P, 2).
        boxes: x0, y0, x1, y1 in frame pixels, float32 (P, 4).
        name: Data set and picture, "set/picture".
        used_hw: Height and width of the part of the frame that holds the picture, pixels.
        redraws: Windows drawn before this one that showed no mask.
        bad: Names of pictures drawn before this one that could not be read.
    """

    frame: NDArray[np.uint8]
    targets: NDArray[np.uint8]
    clicks: NDArray[np.float32]
    boxes: NDArray[np.float32]
    name: str
    used_hw: tuple[int, int]
    redraws: int = 0
    bad: tuple[str, ...] = ()


def make_sample(
    picture: AnnotatedPicture, size: int, settings: SampleSettings, rng: np.random.Generator
) -> Sample | None:
    """Cut, resize, mirror and recolour a picture and choose prompts.

    Args:
        picture: Picture and masks.
        size: Side S of the frame, pixels; a multiple of 32 (of 16 for a plain ViT).
        settings: How samples are made.
        rng: Source of chance.

    Returns:
        A sample, or None when no mask is large enough in the chosen window.

    Raises:
        DataError: If the picture cannot be decoded, or is not of the size its masks are for.
    """
    if settings.jitter is None:
        window, fill = choose_window(picture, size, settings, rng), 1.0
    else:
        window, fill = jitter_scale(picture.size_hw, settings.jitter, rng)
    x0, y0, x1, y1 = window
    used_hw = fitted(y1 - y0, x1 - x0, size * fill)
    if min(x1 - x0, y1 - y0, round(size * fill)) < SMALLEST_WINDOW_PX:
        return None
    targets = visible_targets(picture, window, used_hw, size, settings, rng)
    if not targets:
        return None
    pixels = resized(decoded(picture)[y0:y1, x0:x1], used_hw)
    if settings.mirror and rng.random() < 0.5:
        used_cells = max(1, round(used_hw[1] / TARGET_STRIDE))
        pixels, targets = pixels[:, ::-1], [mirror_used(t, used_cells) for t in targets]
    frame = np.full((size, size, 3), PADDING_GREY, np.uint8)
    frame[: used_hw[0], : used_hw[1]] = recolour(pixels, rng) if settings.recolour else pixels
    while len(targets) < settings.prompts:
        targets.append(targets[int(rng.integers(len(targets)))])
    prompts = [first_prompts(target, rng) for target in targets]
    return Sample(
        frame=frame,
        targets=np.stack(targets),
        clicks=np.array([click for click, _ in prompts], np.float32),
        boxes=np.array([box for _, box in prompts], np.float32),
        name=f"{picture.set_name}/{picture.name}",
        used_hw=used_hw,
    )


def decoded(picture: AnnotatedPicture) -> NDArray[np.uint8]:
    """Give a picture's pixels, uint8 RGB (H, W, 3).

    Raises:
        DataError: If it cannot be decoded, or is not of the size its masks are for.
    """
    encoded = np.frombuffer(picture.encoded, np.uint8)
    pixels = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if encoded.size else None
    if pixels is None:
        raise DataError(f"{picture.name!r}: is not a readable picture", hint="check the shard")
    if pixels.shape[:2] != picture.size_hw:
        (h, w), (height, width) = pixels.shape[:2], picture.size_hw
        raise DataError(
            f"{picture.name!r}: picture is {w}×{h}, its masks are for {width}×{height}",
            hint="check the shard",
        )
    return np.asarray(pixels, dtype=np.uint8)


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
    picture: AnnotatedPicture,
    window: Window,
    used_hw: tuple[int, int],
    size: int,
    settings: SampleSettings,
    rng: np.random.Generator,
) -> list[NDArray[np.uint8]]:
    """Give as many masks as are wanted of those that show well in a window, at stride 4.

    Args:
        picture: Picture and masks.
        window: x0, y0, x1, y1 in picture pixels.
        used_hw: Height and width that the window has in the frame, pixels.
        size: Side S of the frame, pixels.
        settings: How samples are made.
        rng: Source of chance.

    Returns:
        Share of each cell inside the mask, uint8 0-255, each (S/4, S/4).
    """
    x0, y0, x1, y1 = window
    height, width = (max(1, round(side / TARGET_STRIDE)) for side in used_hw)
    targets: list[NDArray[np.uint8]] = []
    for index in rng.permutation(len(picture.runs))[: 4 * settings.prompts]:
        whole = int(picture.runs[index][1::2].sum())
        mask = picture.mask(int(index))
        if whole > settings.largest_share * mask.size:
            continue
        mask = mask[y0:y1, x0:x1]
        visible = int(mask.sum())
        fills_window = visible > settings.largest_share * mask.size
        if visible < SMALLEST_VISIBLE_SHARE * whole or fills_window:
            continue
        target = np.zeros((size // TARGET_STRIDE,) * 2, np.uint8)
        grey = np.ascontiguousarray(mask, np.uint8) * 255
        target[:height, :width] = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
        if int((target > 127).sum()) < SMALLEST_TARGET_CELLS:
            continue
        targets.append(target)
        if len(targets) == settings.prompts:
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

"""One training sample: a view of a picture, its masks, and the first prompts.

Frame pixels are those of the model's square input; targets are given at the decoder's stride 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anymask.data.augment import (
    distort,
    draw_degrees,
    fitted,
    jitter_scale,
    mirror_used,
    recolour,
    resized,
)
from anymask.data.clicks import noisy_box, random_click
from anymask.data.copy_paste import Piece, paste_all
from anymask.data.decoding import decoded
from anymask.data.part_pairs import part_and_whole
from anymask.data.picture import AnnotatedPicture
from anymask.data.sample_settings import SampleSettings as SampleSettings
from anymask.data.targets import TARGET_STRIDE as TARGET_STRIDE
from anymask.data.targets import Shown, Target, target_of, used_cells, visible_targets
from anymask.data.windows import View, choose_window, cut

SMALLEST_WINDOW_PX = 8
PADDING_GREY = 127
PROMPTS_A_PAIR, TRIES_A_PAIR = 4, 3
EXACT_BOX_SHARE = 0.2


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
    picture: AnnotatedPicture,
    size: int,
    settings: SampleSettings,
    rng: np.random.Generator,
    pieces: Sequence[Piece] = (),
) -> Sample | None:
    """Cut, resize, mirror and recolour a picture and choose prompts.

    Args:
        picture: Picture and masks.
        size: Side S of the frame, pixels; a multiple of 32 (of 16 for a plain ViT).
        settings: How samples are made.
        rng: Source of chance.
        pieces: Objects of other pictures to paste onto this one.

    Returns:
        A sample, or None when no mask is large enough in the chosen window.

    Raises:
        DataError: If the picture cannot be decoded, or is not of the size its masks are for.
    """
    view = _choose_view(picture, size, settings, rng)
    if view is None:
        return None
    shown = [Shown(target=t) for t in visible_targets(picture, view, size, settings, rng)]
    if not shown:
        return None
    whole_pixels = decoded(picture)
    if settings.part_whole_share > 0 and rng.random() < settings.part_whole_share:
        shown = [*_paired(picture, whole_pixels, view, size, settings, rng), *shown]
        shown = shown[: settings.prompts]
    pixels = resized(cut(whole_pixels, view, PADDING_GREY), view.used_hw)
    if settings.mirror and rng.random() < 0.5:
        used_width = used_cells(view.used_hw)[1]
        pixels = pixels[:, ::-1]
        shown = [replace(one, target=mirror_used(one.target, used_width)) for one in shown]
    if pieces:
        pixels, shown = paste_all(pixels, shown, pieces, size, settings, rng)
    pixels = recolour(pixels, rng) if settings.recolour else pixels
    pixels = distort(pixels, rng) if settings.distort else pixels
    height, width = view.used_hw
    frame = np.full((size, size, 3), PADDING_GREY, np.uint8)
    frame[:height, :width] = pixels
    while len(shown) < settings.prompts:
        shown.append(replace(shown[int(rng.integers(len(shown)))], pair=0))
    prompts = paired_prompts(shown, rng)
    return Sample(
        frame=frame,
        targets=np.stack([one.target for one in shown]),
        clicks=np.array([click for click, _ in prompts], np.float32),
        boxes=np.array([box for _, box in prompts], np.float32),
        name=f"{picture.set_name}/{picture.name}",
        used_hw=view.used_hw,
    )


def _choose_view(
    picture: AnnotatedPicture, size: int, settings: SampleSettings, rng: np.random.Generator
) -> View | None:
    """Choose what is seen of a picture, or None where that is only a few pixels."""
    if settings.jitter is None:
        window, fill = choose_window(picture, size, settings, rng), 1.0
    else:
        window, fill = jitter_scale(picture.size_hw, settings.jitter, rng)
    x0, y0, x1, y1 = window
    used_hw = fitted(y1 - y0, x1 - x0, size * fill)
    if min(x1 - x0, y1 - y0, round(size * fill)) < SMALLEST_WINDOW_PX:
        return None
    degrees = draw_degrees(rng) if settings.distort else 0.0
    return View(window=window, used_hw=used_hw, degrees=degrees)


def _paired(
    picture: AnnotatedPicture,
    pixels: NDArray[np.uint8],
    view: View,
    size: int,
    settings: SampleSettings,
    rng: np.random.Generator,
) -> list[Shown]:
    """Give pairs of a part and a whole that both show well, for half of the prompts at most."""
    are_regions = picture.set_name in settings.region_sets
    shown: list[Shown] = []
    wanted = max(settings.prompts // PROMPTS_A_PAIR, min(1, settings.prompts // 2))
    for _ in range(TRIES_A_PAIR * wanted):
        pair = part_and_whole(picture, pixels, rng, are_regions=are_regions)
        targets = [target_of(mask, view, size, settings) for mask in pair or ()]
        number = len(shown) // 2 + 1
        both = [Shown(target=one, pair=number) for one in targets if one is not None]
        shown += both if len(both) == 2 else []
        if pair is None or len(shown) == 2 * wanted:
            break
    return shown


def paired_prompts(
    shown: Sequence[Shown], rng: np.random.Generator
) -> list[tuple[tuple[float, float], tuple[float, ...]]]:
    """Choose a click and a box for each mask; masks of a pair get the click of the first.

    Args:
        shown: Masks; of a pair the part comes before the whole.
        rng: Source of chance.

    Returns:
        Clicks (x, y) and boxes x0, y0, x1, y1, frame pixels.
    """
    prompts = []
    clicks: dict[int, tuple[float, float]] = {}
    for one in shown:
        click, box = first_prompts(one.target, rng)
        if one.pair and one.pair in clicks:
            click = clicks[one.pair]
        elif one.pair:
            clicks[one.pair] = click
        prompts.append((click, box))
    return prompts


def first_prompts(
    target: Target, rng: np.random.Generator
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

"""True masks as a sample shows them: those of a picture that can be seen well in a view."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.data.picture import AnnotatedPicture
from anymask.data.sample_settings import SampleSettings
from anymask.data.windows import View, by_maker, cut, share_by_model

TARGET_STRIDE = 4
SMALLEST_VISIBLE_SHARE = 0.25

Target = NDArray[np.uint8]
"""Share of each cell inside a mask, 0-255, (S/4, S/4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One true mask of a sample.

    Attributes:
        target: Share of each cell inside the mask, uint8 0-255, (S/4, S/4).
        pair: Masks with the same number above 0 are asked for with the same click.
    """

    target: Target
    pair: int = 0


def target_of(
    mask: NDArray[np.bool_], view: View, size: int, settings: SampleSettings
) -> Target | None:
    """Give a mask as it is seen in a view, or None where it is not seen well.

    Args:
        mask: Bool, (H, W), picture pixels.
        view: What is seen.
        size: Side S of the frame, pixels.
        settings: How samples are made.

    Returns:
        Share of each cell inside the mask, uint8 0-255, (S/4, S/4); None if the mask covers too
        much of picture or window, or too little of it is in the window, or in too few cells.
    """
    whole = int(mask.sum())
    if whole > settings.largest_share * mask.size:
        return None
    # A turned mask has grey borders, so it is turned as 0 and 255.
    seen = cut(mask if view.degrees == 0 else mask.astype(np.uint8) * np.uint8(255), view)
    grey = seen * np.uint8(255) if view.degrees == 0 else seen
    visible = int(np.count_nonzero(grey > 127))
    if visible < SMALLEST_VISIBLE_SHARE * whole or visible > settings.largest_share * grey.size:
        return None
    target = np.zeros((size // TARGET_STRIDE,) * 2, np.uint8)
    height, width = used_cells(view.used_hw)
    target[:height, :width] = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    return target if is_seen(target, settings) else None


def used_cells(used_hw: tuple[int, int]) -> tuple[int, int]:
    """Give the height and width of a part of the frame in cells of the target."""
    height, width = (max(1, round(side / TARGET_STRIDE)) for side in used_hw)
    return height, width


def is_seen(target: Target, settings: SampleSettings) -> bool:
    """Say whether a target fills as many cells as are asked for."""
    return int(np.count_nonzero(target > 127)) >= settings.smallest_cells


def visible_targets(
    picture: AnnotatedPicture,
    view: View,
    size: int,
    settings: SampleSettings,
    rng: np.random.Generator,
) -> list[Target]:
    """Give as many masks as are wanted of those that show well in a view.

    Where people and a model made masks, each prompt asks for one by a model with the chance
    `pseudo_share`, or with their share among the masks if that is less; a kind with too few
    masks shows some of them again, so that the other kind does not take its place.

    Args:
        picture: Picture and masks.
        view: What is seen.
        size: Side S of the frame, pixels.
        settings: How samples are made.
        rng: Source of chance.

    Returns:
        At most P targets, uint8 (S/4, S/4).
    """
    people, model = by_maker(picture)
    everyone = people + model
    if not people or not model:
        order = rng.permutation(len(everyone))
        return _first_seen(picture, order.tolist(), view, size, settings)
    wanted = int(rng.binomial(settings.prompts, share_by_model(people, model, settings)))
    by_people, by_model = (
        _first_seen(picture, [kind[i] for i in rng.permutation(len(kind))], view, size, settings)
        for kind in (people, model)
    )
    if not by_people or not by_model:
        return by_people or by_model
    shown = _repeated(by_people, settings.prompts - wanted, rng)
    shown += _repeated(by_model, wanted, rng)
    return [shown[i] for i in rng.permutation(len(shown))]


def _repeated(targets: list[Target], number: int, rng: np.random.Generator) -> list[Target]:
    shown = targets[:number]
    missing = number - len(shown)
    return shown + [targets[int(rng.integers(len(targets)))] for _ in range(missing)]


def _first_seen(
    picture: AnnotatedPicture,
    order: Iterable[int],
    view: View,
    size: int,
    settings: SampleSettings,
) -> list[Target]:
    """Give the targets of the first masks of an order that show well, at most P."""
    height, width = picture.size_hw
    targets: list[Target] = []
    for index in list(order)[: 4 * settings.prompts]:
        # The run lengths tell the area before the mask is unpacked.
        if int(picture.runs[index][1::2].sum()) > settings.largest_share * height * width:
            continue
        target = target_of(picture.mask(index), view, size, settings)
        if target is not None:
            targets.append(target)
        if len(targets) == settings.prompts:
            break
    return targets

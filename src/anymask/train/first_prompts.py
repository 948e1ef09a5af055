"""How a conversation begins: a click, a box, a box with a click, or a rough mask.

What is not a click or a box alone has another number of points, or a mask beside them. It is given
to some columns of a batch, the same for all its pictures, and these are decoded by themselves: so
every prompt looks exactly as it does when the model is used.

Shape letters: B pictures, P prompts, N points a prompt, h w low-resolution cells.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anymask.data.clicks import centre_click, noisy_box, uniform_click
from anymask.data.rough_masks import rough_mask
from anymask.data.samples import TARGET_STRIDE
from anymask.model.prompt_encoder import (
    BOTTOM_RIGHT,
    FOREGROUND,
    PADDING,
    TOP_LEFT,
    PromptBatch,
)
from anymask.predict.rough_mask import read_mask
from anymask.train.batch import TrainingBatch
from anymask.vocabulary import ImageFrame

Mask = NDArray[np.bool_]

# A rough mask is drawn on a finer grid than the decoder's, so that its border is soft there.
ROUGH_FINENESS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How often a conversation begins in which way.

    Attributes:
        box: Of the prompts that are a click or a box alone, those that are a box.
        box_and_click: Of all columns, those with a box and a click.
        rough_mask: Of all columns, those with a rough mask; half of them have a click too.
    """

    box: float
    box_and_click: float = 0.0
    rough_mask: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """First prompts of some columns of a batch.

    Attributes:
        targets: What they should be answered with, (B, P', h, w) in [0, 1].
        prompts: Those prompts.
        is_lone: Whether they are a click or a box alone, so that the three guesses learn.
        is_box: Bool, (B, P'): which of them are a box alone.
    """

    targets: Tensor
    prompts: PromptBatch
    is_lone: bool
    is_box: Tensor


def open_conversation(
    batch: TrainingBatch, shares: Shares, rng: np.random.Generator, *, is_published: bool
) -> list[Opening]:
    """Choose first prompts for every mask of a batch.

    Args:
        batch: Pictures and masks.
        shares: How often a conversation begins in which way.
        rng: Source of chance.
        is_published: Whether clicks fall anywhere in the object and every box is noisy, as in the
            paper; otherwise they are the samples' own.

    Returns:
        Every column of the batch in exactly one opening.
    """
    P, device = batch.targets.shape[1], batch.targets.device
    openings = []
    for kind, indices in _columns_by_kind(P, shares, rng):
        columns = torch.from_numpy(indices).to(device)
        targets = batch.targets[:, columns]
        is_box = torch.zeros(targets.shape[:2], dtype=torch.bool, device=device)
        if kind == "lone":
            is_box = torch.from_numpy(rng.random(targets.shape[:2]) < shares.box).to(device)
        clicks, boxes = batch.clicks[:, columns], batch.boxes[:, columns]
        if is_published and not kind.startswith("rough"):
            clicks, boxes = published_places(targets, rng)
        if kind == "lone":
            prompts = click_or_box(clicks, boxes, is_box)
        elif kind == "box and click":
            prompts = box_and_click(clicks, boxes)
        else:
            prompts = rough_prompts(targets, rng, with_click=kind == "rough with click")
        is_lone = kind == "lone"
        openings.append(Opening(targets=targets, prompts=prompts, is_lone=is_lone, is_box=is_box))
    return openings


def click_or_box(clicks: Tensor, boxes: Tensor, is_box: Tensor) -> PromptBatch:
    """Give one click and its padding point, or the two corners of a box.

    Args:
        clicks: (x, y) in frame pixels, (B, P, 2).
        boxes: x0, y0, x1, y1 in frame pixels, (B, P, 4).
        is_box: Bool, (B, P).
    """
    corners = boxes.unflatten(-1, (2, 2))  # (B, P, 2, 2)
    click = torch.stack([clicks, torch.zeros_like(clicks)], 2)
    kinds = torch.tensor([[FOREGROUND, PADDING], [TOP_LEFT, BOTTOM_RIGHT]], device=click.device)
    return PromptBatch(torch.where(is_box[..., None, None], corners, click), kinds[is_box.long()])


def box_and_click(clicks: Tensor, boxes: Tensor) -> PromptBatch:
    """Give a click and the two corners of a box.

    Args:
        clicks: (x, y) in frame pixels, (B, P, 2).
        boxes: x0, y0, x1, y1 in frame pixels, (B, P, 4).
    """
    points = torch.cat([clicks[:, :, None], boxes.unflatten(-1, (2, 2))], 2)
    kinds = torch.tensor([FOREGROUND, TOP_LEFT, BOTTOM_RIGHT], device=clicks.device)
    return PromptBatch(points, kinds.expand(points.shape[:3]))


def rough_prompts(targets: Tensor, rng: np.random.Generator, *, with_click: bool) -> PromptBatch:
    """Give rough masks as logits, beside a click at their most inner pixel or a padding point.

    Args:
        targets: (B, P, h, w) in [0, 1].
        rng: Source of chance.
        with_click: Whether there is a click, as `predict` adds to a drawn mask that comes alone.
    """
    shape, (height, width) = targets.shape[:2], targets.shape[2:]
    logits, clicks = [], []
    for true in masks_of(targets):
        fine = true.repeat(ROUGH_FINENESS, 0).repeat(ROUGH_FINENESS, 1)
        rough = rough_mask(fine, rng)
        frame = ImageFrame(original_hw=rough.shape, resized_hw=rough.shape, input_size=len(rough))
        logits.append(read_mask(rough, frame, (height, width)).logits)
        clicks.append(centre_click(rough))
    finer = TARGET_STRIDE / ROUGH_FINENESS
    points = targets.new_zeros(*shape, 1 + with_click, 2)
    labels = torch.full(points.shape[:3], PADDING, device=targets.device)
    if with_click:
        points[:, :, 0] = to_frame(targets.new_tensor(clicks), finer).view(*shape, 2)
        labels[:, :, 0] = FOREGROUND
    maps = torch.from_numpy(np.stack(logits)).to(targets)
    return PromptBatch(points, labels, maps.view(*shape, 1, height, width))


def published_places(targets: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Give a click anywhere inside each object, and a noisy box around it.

    Args:
        targets: (B, P, h, w) in [0, 1].
        rng: Source of chance.

    Returns:
        Clicks (B, P, 2) and boxes (B, P, 4), frame pixels.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix A: a point chosen uniformly; noise of
        10 % of the box, at most 20 pixels.
    """
    clicks, boxes = [], []
    for true in masks_of(targets):
        clicks.append(uniform_click(true, rng))
        boxes.append(noisy_box(true, rng, most_px=20 / TARGET_STRIDE))
    shape = targets.shape[:2]
    points = to_frame(targets.new_tensor(clicks), TARGET_STRIDE).view(*shape, 2)
    return points, TARGET_STRIDE * targets.new_tensor(boxes).view(*shape, 4)


def masks_of(targets: Tensor) -> list[Mask]:
    """Give each target (B, P, h, w) as a bool mask (h, w); all of the frame where it is empty."""
    masks = (targets > 0.5).flatten(0, 1).cpu().numpy()
    return [mask if mask.any() else np.ones_like(mask) for mask in masks]


def to_frame(cells: Tensor, stride: float) -> Tensor:
    """Give the centres of cells, (..., 2), in frame pixels."""
    return (cells + 0.5) * stride - 0.5


def _columns_by_kind(
    columns: int, shares: Shares, rng: np.random.Generator
) -> list[tuple[str, NDArray[np.int64]]]:
    limits = np.cumsum([shares.box_and_click, shares.rough_mask / 2, shares.rough_mask / 2])
    if limits[-1] == 0:
        return [("lone", np.arange(columns))]
    # Without the last limit's last digits, a whole would not be a whole.
    drawn = np.searchsorted(np.round(limits, 9), rng.random(columns), side="right")
    names = ("box and click", "rough", "rough with click", "lone")
    found = [(name, np.flatnonzero(drawn == number)) for number, name in enumerate(names)]
    return [(name, indices) for name, indices in found if len(indices)]

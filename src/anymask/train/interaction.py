"""One training step's conversation: a first prompt, then clicks where the answer was wrong.

The encoder runs once. Each round of the decoder is back-propagated by itself into detached
features, so memory does not grow with the number of rounds; the encoder's gradient follows at the
end.

Shape letters: B pictures, P prompts, N points a prompt, h w low-resolution cells.
Source: Segment Anything (Kirillov et al., 2023), appendix A, "training algorithm".
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from anymask.data.clicks import error_click
from anymask.data.samples import TARGET_STRIDE
from anymask.model.image_encoder import ImageFeatures
from anymask.model.mask_decoder import MaskPredictions
from anymask.model.prompt_encoder import (
    BOTTOM_RIGHT,
    FOREGROUND,
    PADDING,
    TOP_LEFT,
    PromptBatch,
)
from anymask.model.sam import Sam
from anymask.train.losses import balanced_mask_loss, score_loss, true_iou


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBatch:
    """B pictures with P masks each.

    Attributes:
        pixels: Normalised RGB, (B, 3, S, S).
        targets: Share of each cell inside the mask, (B, P, S/4, S/4) in [0, 1].
        clicks: (x, y) in frame pixels, (B, P, 2).
        boxes: x0, y0, x1, y1 in frame pixels, (B, P, 4).
    """

    pixels: Tensor
    targets: Tensor
    clicks: Tensor
    boxes: Tensor


def converse(
    model: Sam,
    batch: TrainingBatch,
    rounds: int,
    rng: np.random.Generator,
    *,
    box_share: float,
    score_weight: float,
) -> dict[str, float]:
    """Prompt, answer, back-propagate, and click on the errors, for some rounds.

    The three guesses learn in the first round only, through the best of them; the single mask
    learns in every round, from first clicks and boxes too, so that one box counts as two points.

    Args:
        model: The model; gradients are added to its parameters.
        batch: Pictures and masks.
        rounds: Number of rounds, at least 1.
        rng: Source of chance.
        box_share: Share of prompts that begin with a box.
        score_weight: Weight of the predicted IoU's error.

    Returns:
        Figures for the log.
    """
    features = model.encode(batch.pixels)
    leaves = ImageFeatures(*_detached(features))
    begins_with_box = torch.from_numpy(rng.random(batch.clicks.shape[:2]) < box_share)
    prompts = first_prompts(batch, begins_with_box.to(batch.clicks.device))
    log: dict[str, float] = {}
    for number in range(rounds):
        answer = model.decode(leaves, prompts)
        loss, figures = round_loss(answer, batch.targets, score_weight, is_first=number == 0)
        (loss / batch.targets[:, :, 0, 0].numel()).backward()
        log.update({f"{name}{number + 1}": value for name, value in figures.items()})
        if number + 1 < rounds:
            prompts = next_prompts(prompts, answer, batch.targets, rng)
    outputs = [features.embedding, *features.high_res]
    grads = [leaf.grad for leaf in (leaves.embedding, *leaves.high_res)]
    torch.autograd.backward(outputs, grads)
    return log


def first_prompts(batch: TrainingBatch, begins_with_box: Tensor) -> PromptBatch:
    """Give one click and its padding point, or the two corners of a box.

    Args:
        batch: Pictures and masks.
        begins_with_box: Bool, (B, P).
    """
    corners = batch.boxes.unflatten(-1, (2, 2))  # (B, P, 2, 2)
    click = torch.stack([batch.clicks, torch.zeros_like(batch.clicks)], 2)
    kinds = torch.tensor([[FOREGROUND, PADDING], [TOP_LEFT, BOTTOM_RIGHT]], device=click.device)
    return PromptBatch(
        torch.where(begins_with_box[..., None, None], corners, click),
        kinds[begins_with_box.long()],
    )


def next_prompts(
    prompts: PromptBatch, answer: MaskPredictions, targets: Tensor, rng: np.random.Generator
) -> PromptBatch:
    """Put a click on each answer's error in front of its points, and its logits beside them.

    After one ambiguous click the conversation goes on from the best scored guess, otherwise from
    the single mask.

    Args:
        prompts: The prompts just answered, N points each.
        answer: Low-resolution logits (B, P, 4, h, w) and scores.
        targets: (B, P, h, w) in [0, 1].
        rng: Source of chance.
    """
    guess = 1 + answer.iou[..., 1:].detach().argmax(-1)  # (B, P)
    was_one_click = prompts.labels[..., -1] == PADDING
    is_first = prompts.labels.shape[-1] == 2
    chosen = torch.where(was_one_click & is_first, guess, 0)
    index = chosen[..., None, None, None].expand(-1, -1, 1, *targets.shape[-2:])
    logits = answer.low_res_logits.detach().gather(2, index)  # (B, P, 1, h, w)
    predicted = (logits[:, :, 0] > 0).flatten(0, 1).cpu().numpy()
    true = (targets > 0.5).flatten(0, 1).cpu().numpy()
    clicks = [error_click(p, t, rng) for p, t in zip(predicted, true, strict=True)]
    places = prompts.points.new_tensor([place for place, _ in clicks])
    places = (places + 0.5) * TARGET_STRIDE - 0.5
    labels = prompts.labels.new_tensor([label for _, label in clicks])
    shape = prompts.labels.shape[:2]
    return PromptBatch(
        torch.cat([places.view(*shape, 1, 2), prompts.points], 2),
        torch.cat([labels.view(*shape, 1), prompts.labels], 2),
        logits,
    )


def round_loss(
    answer: MaskPredictions, targets: Tensor, score_weight: float, *, is_first: bool
) -> tuple[Tensor, dict[str, float]]:
    """Give one round's loss, summed over prompts, and figures for the log.

    Args:
        answer: Low-resolution logits (B, P, 4, h, w) and scores.
        targets: (B, P, h, w) in [0, 1].
        score_weight: Weight of the predicted IoU's error.
        is_first: Whether the three guesses learn.

    Source:
        Segment Anything (Kirillov et al., 2023), section 3: only the best guess is trained.
    """
    logits, iou = (field.flatten(0, 1) for field in answer)  # (N, 4, h, w), (N, 4)
    true = targets.flatten(0, 1)[:, None]
    masks = balanced_mask_loss(logits, true)  # (N, 4)
    scores = score_loss(iou, logits, true)
    if not is_first:
        loss = masks[:, 0].sum() + score_weight * scores[:, 0].sum()
    else:
        best = masks[:, 1:].min(1).values
        loss = masks[:, 0].sum() + best.sum() + score_weight * scores.mean(1).sum()
    with torch.no_grad():
        overlap = true_iou(logits, true)
        figures = {
            "loss": float(loss.detach()) / len(true),
            "iou_single": float(overlap[:, 0].mean()),
            "score_error": float(scores.detach()[:, 0].sqrt().mean()),
        }
        if is_first:
            chosen = overlap[:, 1:].gather(1, iou[:, 1:].argmax(1, keepdim=True))
            figures |= {
                "iou_best": float(overlap[:, 1:].max(1).values.mean()),
                "iou_chosen": float(chosen.mean()),
            }
    return loss, figures


def _detached(features: ImageFeatures) -> tuple[Tensor, tuple[Tensor, ...]]:
    embedding, *high_res = (
        x.detach().requires_grad_() for x in (features.embedding, *features.high_res)
    )
    return embedding, tuple(high_res)

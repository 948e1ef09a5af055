"""Losses between predicted logits and true masks.

Shape letters: N prompts, M masks a prompt, h w low-resolution cells.
Source: Segment Anything (Kirillov et al., 2023), section 3 and appendix A; focal loss of Lin et
al., 2017, equation 5; dice loss of Milletari et al., 2016, section 3; where SAM 2 differs: Ravi et
al., 2024, appendix C.2.
"""

from collections.abc import Callable
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from anymask.errors import ConfigError

MaskLoss = Literal["published", "balanced"]

FOCAL_ALPHA = 0.25
FOCAL_GAMMA = 2.0
PUBLISHED_FOCAL_WEIGHT = 20.0


def dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Give 1 - (2 Σpg + 1) / (Σp + Σg + 1) for each mask.

    Args:
        logits: (N, M, h, w).
        targets: (N, 1, h, w) in [0, 1].

    Returns:
        (N, M) in [0, 1].

    Source:
        Dice coefficient of Milletari et al. (2016), section 3, with plain sums below the line as
        in the code of SAM 2, which also adds the ones.
    """
    chance = logits.sigmoid()
    common = (chance * targets).sum((2, 3))
    return 1 - (2 * common + 1) / (chance.sum((2, 3)) + targets.sum((2, 3)) + 1)


def focal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Give the mean over cells of α (1 - p_t)^γ · cross entropy, for each mask.

    Args:
        logits: (N, M, h, w).
        targets: (N, 1, h, w) in [0, 1].

    Returns:
        (N, M).

    Source:
        Lin et al. (2017), equation 5. α and γ are those of SAM 2's code (Ravi et al., 2024); the
        first paper does not state them.
    """
    chance = logits.sigmoid()
    right = chance * targets + (1 - chance) * (1 - targets)
    alpha = FOCAL_ALPHA * targets + (1 - FOCAL_ALPHA) * (1 - targets)
    return (alpha * (1 - right) ** FOCAL_GAMMA * cross_entropy(logits, targets)).mean((2, 3))


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Give the binary cross entropy of logits with targets in [0, 1], both of any shape."""
    return F.softplus(logits) - logits * targets


def published_mask_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Give 20 · focal + dice for each mask, (N, M): the paper's choice.

    Args:
        logits: (N, M, h, w).
        targets: (N, 1, h, w) in [0, 1].

    Source:
        Segment Anything (Kirillov et al., 2023), appendix A: 20 parts of focal loss to one of dice.
    """
    return PUBLISHED_FOCAL_WEIGHT * focal_loss(logits, targets) + dice_loss(logits, targets)


def balanced_mask_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Give cross entropy + dice for each mask, (N, M).

    A fresh decoder under the published weights falls to all-background and stays there for hours.

    Args:
        logits: (N, M, h, w).
        targets: (N, 1, h, w) in [0, 1].
    """
    return cross_entropy(logits, targets).mean((2, 3)) + dice_loss(logits, targets)


def mask_loss(name: MaskLoss) -> Callable[[Tensor, Tensor], Tensor]:
    """Give the mask loss of a name: a function of logits (N, M, h, w) and targets (N, 1, h, w).

    Args:
        name: "published" or "balanced".

    Raises:
        ConfigError: If there is none of that name.
    """
    if name == "published":
        return published_mask_loss
    if name == "balanced":
        return balanced_mask_loss
    raise ConfigError(f"unknown mask loss {name!r}", hint="choose published or balanced")


def best_guess_loss(losses: Tensor) -> Tensor:
    """Give the lowest of each prompt's losses, (N,): the gradient flows through that guess alone.

    Args:
        losses: Of each guess, (N, M).

    Source:
        Segment Anything (Kirillov et al., 2023), section 3, "Resolving ambiguity": only the
        minimum loss over the masks is back-propagated.
    """
    return losses.min(1).values


def true_iou(logits: Tensor, targets: Tensor) -> Tensor:
    """Give the IoU of each thresholded mask with the thresholded target, (N, M).

    Args:
        logits: (N, M, h, w).
        targets: (N, 1, h, w) in [0, 1].
    """
    predicted, true = logits > 0, targets > 0.5
    common = (predicted & true).sum((2, 3))
    return common / (predicted | true).sum((2, 3)).clamp(min=1)


def score_loss(iou: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
    """Give the squared error of each predicted IoU, (N, M); no gradient reaches the masks.

    Args:
        iou: Predicted IoU, (N, M).
        logits: (N, M, h, w).
        targets: (N, 1, h, w) in [0, 1].

    Source:
        Segment Anything (Kirillov et al., 2023), appendix A: mean square error.
    """
    return (iou - true_iou(logits.detach(), targets)).square()


def absolute_score_loss(iou: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
    """Give the absolute error of each predicted IoU, (N, M); no gradient reaches the masks.

    Args:
        iou: Predicted IoU, (N, M); SAM 2 predicts it through a sigmoid.
        logits: (N, M, h, w).
        targets: (N, 1, h, w) in [0, 1].

    Source:
        SAM 2 (Ravi et al., 2024), appendix C.2: an l1 loss supervises the IoU of all masks.
    """
    return (iou - true_iou(logits.detach(), targets)).abs()


def object_score_loss(logits: Tensor, is_present: Tensor) -> Tensor:
    """Give the cross entropy between the object score and whether there is an object, (N,).

    Args:
        logits: Object scores, (N,); positive where an object is thought to be.
        is_present: Whether it is there, bool or in [0, 1], (N,).

    Source:
        SAM 2 (Ravi et al., 2024), appendix C.2: cross entropy for the prediction whether the
        object is visible. Mask and IoU losses count only where it is.
    """
    return cross_entropy(logits, is_present.to(logits.dtype))

"""Losses between predicted logits and true masks.

Shape letters: N prompts, M masks a prompt, h w low-resolution cells.
Source: Segment Anything (Kirillov et al., 2023), section 3 and appendix A; focal loss of Lin et
al., 2017; dice loss of Milletari et al., 2016.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

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
        α and γ are those of SAM 2 (Ravi et al., 2024); the first paper does not state them.
    """
    chance = logits.sigmoid()
    right = chance * targets + (1 - chance) * (1 - targets)
    alpha = FOCAL_ALPHA * targets + (1 - FOCAL_ALPHA) * (1 - targets)
    return (alpha * (1 - right) ** FOCAL_GAMMA * cross_entropy(logits, targets)).mean((2, 3))


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Give the binary cross entropy of each cell, (N, M, h, w)."""
    return F.softplus(logits) - logits * targets


def published_mask_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Give 20 · focal + dice for each mask, (N, M): the paper's choice.

    Args:
        logits: (N, M, h, w).
        targets: (N, 1, h, w) in [0, 1].
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
    """
    with torch.no_grad():
        true = true_iou(logits, targets)
    return (iou - true).square()

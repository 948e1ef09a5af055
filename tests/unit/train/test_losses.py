"""The losses equal their formulas, computed by hand."""

import math

import pytest
import torch

from anymask.train.losses import (
    balanced_mask_loss,
    dice_loss,
    focal_loss,
    published_mask_loss,
    score_loss,
    true_iou,
)

LOGITS = torch.tensor([[[[2.0, -1.0], [0.5, -3.0]]]])
TARGETS = torch.tensor([[[[1.0, 0.0], [1.0, 1.0]]]])


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


CHANCES = [sigmoid(x) for x in (2.0, -1.0, 0.5, -3.0)]
TRUTHS = [1, 0, 1, 1]


def test_dice_by_hand() -> None:
    common = sum(p * g for p, g in zip(CHANCES, TRUTHS, strict=True))
    expected = 1 - (2 * common + 1) / (sum(CHANCES) + 3 + 1)
    assert dice_loss(LOGITS, TARGETS).item() == pytest.approx(expected, rel=1e-6)


def test_focal_by_hand() -> None:
    terms = []
    for p, g in zip(CHANCES, TRUTHS, strict=True):
        right, alpha = (p, 0.25) if g else (1 - p, 0.75)
        terms.append(-alpha * (1 - right) ** 2 * math.log(right))
    assert focal_loss(LOGITS, TARGETS).item() == pytest.approx(sum(terms) / 4, rel=1e-5)


def test_published_weights_are_twenty_to_one() -> None:
    expected = 20 * focal_loss(LOGITS, TARGETS) + dice_loss(LOGITS, TARGETS)
    torch.testing.assert_close(published_mask_loss(LOGITS, TARGETS), expected)


def test_balanced_loss_is_torchs_cross_entropy_and_dice() -> None:
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(LOGITS, TARGETS)
    expected = entropy + dice_loss(LOGITS, TARGETS)
    torch.testing.assert_close(balanced_mask_loss(LOGITS, TARGETS), expected)


def test_perfect_masks_cost_nothing() -> None:
    logits = torch.where(TARGETS > 0, 40.0, -40.0)
    assert balanced_mask_loss(logits, TARGETS).item() == pytest.approx(0, abs=1e-6)
    assert published_mask_loss(logits, TARGETS).item() == pytest.approx(0, abs=1e-6)


def test_each_mask_is_judged_by_itself() -> None:
    two = torch.cat([LOGITS, -LOGITS], 1)
    losses = balanced_mask_loss(two, TARGETS)
    assert losses.shape == (1, 2)
    torch.testing.assert_close(losses[:, :1], balanced_mask_loss(LOGITS, TARGETS))
    torch.testing.assert_close(losses[:, 1:], balanced_mask_loss(-LOGITS, TARGETS))


def test_true_iou_counts_cells() -> None:
    assert true_iou(LOGITS, TARGETS).item() == pytest.approx(2 / 3)


def test_score_loss_sends_no_gradient_to_the_masks() -> None:
    logits, iou = LOGITS.clone().requires_grad_(), torch.tensor([[0.5]], requires_grad=True)
    loss = score_loss(iou, logits, TARGETS)
    assert loss.item() == pytest.approx((0.5 - 2 / 3) ** 2)
    loss.sum().backward()
    assert logits.grad is None
    assert iou.grad is not None

"""The losses equal their formulas, computed by hand."""

import math

import pytest
import torch

from anymask.errors import ConfigError
from anymask.train.losses import (
    absolute_score_loss,
    balanced_mask_loss,
    best_guess_loss,
    dice_loss,
    focal_loss,
    mask_loss,
    object_score_loss,
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


def test_absolute_score_loss_sends_no_gradient_to_the_masks() -> None:
    logits, iou = LOGITS.clone().requires_grad_(), torch.tensor([[0.25]], requires_grad=True)
    loss = absolute_score_loss(iou, logits, TARGETS)
    expected = torch.nn.functional.l1_loss(torch.tensor(0.25), torch.tensor(2 / 3))
    assert loss.item() == pytest.approx(expected.item())
    loss.sum().backward()
    assert logits.grad is None
    assert iou.grad is not None
    assert iou.grad.item() == -1


def test_object_score_loss_is_torchs_cross_entropy() -> None:
    logits, is_present = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([True, False, False])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, is_present.float(), reduction="none"
    )
    torch.testing.assert_close(object_score_loss(logits, is_present), expected)
    assert object_score_loss(logits, is_present)[0].item() == pytest.approx(
        math.log1p(math.exp(-2))
    )


def test_focal_loss_is_the_cross_entropy_made_smaller_where_it_is_right() -> None:
    # The formula of Lin et al. written with torch's own functions.
    logits = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    targets = (torch.rand(2, 1, 5, 4, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, targets.expand_as(logits), reduction="none"
    )
    chance = torch.sigmoid(logits)
    right = torch.where(targets == 1, chance, 1 - chance)
    alpha = torch.where(targets == 1, 0.25, 0.75)
    expected = (alpha * (1 - right) ** 2 * entropy).mean((2, 3))
    torch.testing.assert_close(focal_loss(logits, targets), expected)


def test_mask_losses_by_name() -> None:
    assert mask_loss("published") is published_mask_loss
    assert mask_loss("balanced") is balanced_mask_loss
    with pytest.raises(ConfigError, match="unknown mask loss 'focal'; choose published or bal"):
        mask_loss("focal")  # type: ignore[arg-type]


def test_only_the_best_guess_learns() -> None:
    losses = torch.tensor([[3.0, 1.0, 2.0], [0.5, 0.5, 4.0]], requires_grad=True)
    best = best_guess_loss(losses)
    assert best.tolist() == [1.0, 0.5]
    best.sum().backward()
    assert losses.grad is not None
    assert losses.grad[0].tolist() == [0, 1, 0]
    assert losses.grad[1].sum() == 1  # one of two equals, not both by halves
    assert (losses.grad[1] > 0).sum() == 1

"""The conversation follows the paper: what is prompted, what learns, in which round."""

import numpy as np
import pytest
import torch

from anymask.model.mask_decoder import MaskPredictions
from anymask.model.sam import Sam
from anymask.train.interaction import (
    TrainingBatch,
    converse,
    first_prompts,
    next_prompts,
    round_loss,
)
from anymask.train.losses import balanced_mask_loss


def test_first_prompt_is_a_padded_click_or_a_box(batch: TrainingBatch) -> None:
    with_box = torch.tensor([[True, False], [False, True]])
    prompts = first_prompts(batch, with_box)
    assert prompts.labels.tolist() == [[[2, 3], [1, -1]], [[1, -1], [2, 3]]]
    torch.testing.assert_close(prompts.points[0, 0].flatten(), batch.boxes[0, 0])
    torch.testing.assert_close(prompts.points[0, 1, 0], batch.clicks[0, 1])


def test_next_click_corrects_the_chosen_answer(batch: TrainingBatch) -> None:
    prompts = first_prompts(batch, torch.tensor([[True, False], [True, False]]))
    true = (batch.targets > 0.5)[:, :, None]
    good, nothing = torch.where(true, 9.0, -9.0), torch.full_like(batch.targets, -9.0)[:, :, None]
    # The single mask is right, the best scored guess (the third) is empty.
    logits = torch.cat([good, good, good, nothing], 2)
    iou = torch.tensor([0.1, 0.2, 0.3, 0.9]).expand(2, 2, 4)
    following = next_prompts(
        prompts, MaskPredictions(logits, iou), batch.targets, np.random.default_rng(0)
    )
    assert following.labels.shape == (2, 2, 3)
    torch.testing.assert_close(following.points[:, :, 1:], prompts.points)
    assert following.mask_logits is not None
    torch.testing.assert_close(following.mask_logits[:, 0], good[:, 0])
    torch.testing.assert_close(following.mask_logits[:, 1], nothing[:, 1])
    x, y = ((following.points[0, 1, 0] + 0.5) / 4 - 0.5).round().long().tolist()
    assert following.labels[0, 1, 0] == 1
    assert batch.targets[0, 1, y, x] > 0.5


def test_later_rounds_go_on_from_the_single_mask(batch: TrainingBatch) -> None:
    prompts = first_prompts(batch, torch.zeros(2, 2, dtype=torch.bool))
    logits = torch.randn(2, 2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    iou = torch.tensor([0.1, 0.2, 0.3, 0.9]).expand(2, 2, 4)
    answer, rng = MaskPredictions(logits, iou), np.random.default_rng(0)
    second = next_prompts(prompts, answer, batch.targets, rng)
    third = next_prompts(second, answer, batch.targets, rng)
    assert second.mask_logits is not None
    assert third.mask_logits is not None
    torch.testing.assert_close(second.mask_logits[:, :, 0], logits[:, :, 3])
    torch.testing.assert_close(third.mask_logits[:, :, 0], logits[:, :, 0])


def test_first_round_trains_the_single_mask_and_only_the_best_guess(batch: TrainingBatch) -> None:
    logits = torch.randn(2, 2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    logits.requires_grad_()
    loss, _ = round_loss(
        MaskPredictions(logits, torch.zeros(2, 2, 4)), batch.targets, 0.0, is_first=True
    )
    loss.backward()
    assert logits.grad is not None
    moved = logits.grad.abs().sum((3, 4)).flatten(0, 1) > 0
    assert moved[:, 0].all()
    assert moved[:, 1:].sum(1).tolist() == [1, 1, 1, 1]
    each = balanced_mask_loss(logits.flatten(0, 1), batch.targets.flatten(0, 1)[:, None])
    torch.testing.assert_close(moved[:, 1:].long().argmax(1), each[:, 1:].argmin(1))
    assert loss.item() == pytest.approx(
        (each[:, 0] + each[:, 1:].min(1).values).sum().item(), rel=1e-5
    )


def test_later_rounds_train_the_single_mask_alone(batch: TrainingBatch) -> None:
    logits = torch.randn(2, 2, 4, 16, 16).requires_grad_()
    iou = torch.rand(2, 2, 4).requires_grad_()
    loss, _ = round_loss(MaskPredictions(logits, iou), batch.targets, 1.0, is_first=False)
    loss.backward()
    assert logits.grad is not None
    assert iou.grad is not None
    assert (logits.grad.abs().sum((0, 1, 3, 4)) > 0).tolist() == [True, False, False, False]
    assert (iou.grad.abs().sum((0, 1)) > 0).tolist() == [True, False, False, False]


def test_every_parameter_learns(model: Sam, batch: TrainingBatch) -> None:
    figures = converse(model, batch, 3, np.random.default_rng(0), box_share=0.5, score_weight=3.0)
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # A guess that is best for no mask of this small batch has nothing to learn from it.
    guesses = tuple(f"mask_decoder.output_hypernetworks_mlps.{i}." for i in (1, 2, 3))
    assert [name for name in silent if not name.startswith(guesses)] == []
    assert {"loss1", "loss2", "loss3", "iou_chosen1"} <= set(figures)


def test_gradients_equal_one_backward_pass_through_everything(
    model: Sam, batch: TrainingBatch
) -> None:
    converse(model, batch, 1, np.random.default_rng(0), box_share=0.5, score_weight=3.0)
    parts = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    with_box = torch.from_numpy(np.random.default_rng(0).random((2, 2)) < 0.5)
    answer = model(batch.pixels, first_prompts(batch, with_box))
    loss, _ = round_loss(answer, batch.targets, 3.0, is_first=True)
    (loss / 4).backward()
    for name, parameter in model.named_parameters():
        if name in parts and "mask_scorer" not in name:
            torch.testing.assert_close(parameter.grad, parts[name], rtol=1e-4, atol=1e-6)

"""The mask scorer's figures, measured on masks whose figures are known."""

import math

import numpy as np
import pytest
import torch

from anymask.model.mask_scorer import MaskScorer, agreement, own_figures, pooled_features, ring
from tests.unit.model.seeded import fill, numbers

SIDE = 16
NAMES = (
    "log area",
    "certainty inside",
    "stability",
    "soft overlap",
    "at the place",
    "steepness",
    "certainty around",
    "on the border",
    "share of its box",
    "longest side",
    "highest",
)


def rectangle(y0: int, x0: int, y1: int, x1: int, logit: float = 20.0) -> torch.Tensor:
    logits = torch.full((SIDE, SIDE), -logit)
    logits[y0:y1, x0:x1] = logit
    return logits


def figures(logits: torch.Tensor, place: tuple[float, float] = (0.5, 0.5)) -> dict[str, float]:
    measured = own_figures(logits[None, None], torch.tensor([place]))
    return dict(zip(NAMES, measured[0, 0].tolist(), strict=True))


def test_a_sure_rectangle():
    found = figures(rectangle(4, 2, 12, 8), (5 / 16, 6 / 16))
    assert found["log area"] == pytest.approx(math.log(48 / 256 + 1e-4))
    assert found["certainty inside"] == pytest.approx(1)
    assert found["stability"] == pytest.approx(1)
    assert found["soft overlap"] == pytest.approx(1)
    assert found["at the place"] == pytest.approx(math.tanh(5))
    assert found["certainty around"] == pytest.approx(0, abs=1e-6)
    assert found["on the border"] == 0
    assert found["share of its box"] == pytest.approx(1)
    assert found["longest side"] == pytest.approx(0.5)
    assert found["highest"] == pytest.approx(1)


def test_an_unsure_mask():
    logits = torch.full((SIDE, SIDE), -0.5)
    logits[4:12, 4:12] = 0.5
    found = figures(logits)
    inside, outside = 1 / (1 + math.exp(-0.5)), 1 / (1 + math.exp(0.5))
    assert found["certainty inside"] == pytest.approx(inside)
    assert found["certainty around"] == pytest.approx(outside)
    assert found["stability"] == 0  # nothing above 1, everything above -1
    assert found["highest"] == pytest.approx(inside)
    union = 64 + (64 * inside + 192 * outside) - 64 * inside
    assert found["soft overlap"] == pytest.approx(64 * inside / union)


def test_a_mask_at_the_border_and_one_with_gaps():
    found = figures(rectangle(0, 0, 4, 4))
    # What lies beyond the frame is unknown, so the edge is the right column and the bottom row:
    # 7 cells, of which the two ends lie on the frame's border.
    assert found["on the border"] == pytest.approx(2 / 7)
    corner = rectangle(2, 2, 10, 10)
    corner[2:6, 2:6] = -20
    assert figures(corner)["share of its box"] == pytest.approx(0.75)


def test_a_steep_edge_is_steeper_than_a_gentle_one():
    x = torch.arange(SIDE) - 7.5
    gentle, steep = (f * x[None].expand(SIDE, SIDE) for f in (0.3, 3.0))
    assert figures(steep)["steepness"] > 3 * figures(gentle)["steepness"] > 0


def test_an_empty_mask_has_figures_too():
    found = figures(rectangle(0, 0, 0, 0))
    assert all(math.isfinite(value) for value in found.values())
    assert found["log area"] == pytest.approx(math.log(1e-4))
    assert (found["share of its box"], found["longest side"], found["on the border"]) == (0, 0, 0)


def test_agreement_is_iou_and_share():
    masks = torch.stack([rectangle(0, 0, 8, 8), rectangle(0, 4, 8, 12), rectangle(4, 4, 6, 6)])
    found = agreement(masks[None])[0]
    flat = (masks > 0).flatten(1).numpy()
    for one in range(3):
        others = [other for other in range(3) if other != one]
        iou = [(flat[one] & flat[o]).sum() / (flat[one] | flat[o]).sum() for o in others]
        share = [(flat[one] & flat[o]).sum() / flat[one].sum() for o in others]
        np.testing.assert_allclose(found[one].numpy(), iou + share, rtol=1e-6)


def test_a_ring_is_two_cells_wide():
    mask = torch.zeros(1, 1, 9, 9)
    mask[0, 0, 4, 4] = 1
    around = ring(mask)
    assert around.sum() == 24
    assert around[0, 0, 2:7, 2:7].sum() == 24
    assert around[0, 0, 4, 4] == 0


def test_features_are_averaged_inside_and_around():
    """Features that are 1 in the mask, 2 in the ring and 9 elsewhere."""
    logits = torch.full((1, 1, 8, 8), -30.0)
    logits[..., 2:4, 2:4] = 30.0
    values = torch.full((8, 8), 9.0)
    values[0:6, 0:6] = 2
    values[2:4, 2:4] = 1
    nested = values.reshape(4, 2, 4, 2).permute(0, 2, 1, 3).reshape(1, 16, 4, 1)
    image = torch.arange(16.0).reshape(1, 16, 1)
    inside, around, at_cell = pooled_features(logits, nested, image)[0, 0].tolist()
    assert inside == pytest.approx(1, rel=1e-3)
    assert around == pytest.approx(2, rel=1e-3)
    assert at_cell == pytest.approx(5, rel=2e-3)


def scorer_and_inputs():
    scorer = MaskScorer(32, 4)
    fill(scorer)
    logits = 4 * numbers((1, 2, 4, 16, 16), 1)
    return scorer, logits, numbers((1, 2, 16, 4, 4), 2), numbers((1, 2, 16, 32), 3)


@torch.no_grad()
def test_each_prompt_is_scored_by_itself_and_masks_by_what_they_are():
    scorer, logits, upscaled, image = scorer_and_inputs()
    scorer.eval()
    places = torch.tensor([[[0.2, 0.3], [0.7, 0.6]]])
    scores = scorer(logits, upscaled, image, places)
    assert scores.shape == (1, 2, 4)
    alone = scorer(logits[:, 1:], upscaled[:, 1:], image[:, 1:], places[:, 1:])
    torch.testing.assert_close(scores[:, 1:], alone)
    assert scores.std() > 1e-3
    without = scorer(logits, upscaled, image, None)
    centre = scorer(logits, upscaled, image, torch.full((1, 2, 2), 0.5))
    assert torch.equal(without, centre)
    assert not torch.equal(without, scores)


def test_no_gradient_reaches_what_is_scored():
    scorer, *inputs = scorer_and_inputs()
    inputs = [tensor.requires_grad_() for tensor in inputs]
    scorer(*inputs, None).sum().backward()
    assert all(tensor.grad is None for tensor in inputs)
    assert all(parameter.grad.abs().sum() > 0 for parameter in scorer.parameters())


def test_statistics_follow_the_masks_in_training_only():
    scorer, *inputs = scorer_and_inputs()
    torch.nn.init.zeros_(scorer.mean)
    torch.nn.init.ones_(scorer.variance)
    scorer.eval()(*inputs, None)
    assert not scorer.mean.any()
    scorer.train()(*inputs, None)
    first = scorer.mean.clone()
    assert first.any()
    logits = torch.nn.functional.avg_pool2d(inputs[0].flatten(0, 1), 2)
    own = own_figures(logits, torch.full((2, 2), 0.5)).flatten(0, 1)
    torch.testing.assert_close(first[:11], 0.02 * own.mean(0))
    assert not torch.equal(scorer.variance, torch.ones_like(scorer.variance))

"""Faster attention is the same training: ten steps, with and without it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from anymask.data.mixing import Mixture
from anymask.data.samples import SampleSettings
from anymask.model import cross_attention, mask_decoder, spatial_attention
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.train.batch import collate
from anymask.train.interaction import ConversationSettings, converse
from tests.unit.train.conftest import small_config

STEPS = 10


def losses_of_a_run(make: Callable[[], Sam], mixture: Mixture) -> list[float]:
    torch.manual_seed(0)
    model, rng = make().train(), np.random.default_rng(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    # One round: later ones click where the error is largest, which the last bit of a float decides.
    settings = ConversationSettings(most_rounds=1, box_and_click_share=0.2, rough_mask_share=0.2)
    losses = []
    for _ in range(STEPS):
        samples = [mixture.draw(64, SampleSettings(prompts=2), rng) for _ in range(2)]
        figures = converse(model, collate(samples, model), rng, settings)
        losses.append(figures["loss"] if "loss" in figures else figures["loss1"])
        optimizer.step()
        optimizer.zero_grad()
    return losses


@pytest.mark.parametrize("make", [lambda: Sam(small_config()), lambda: Sam(tiny(64))])
def test_ten_steps_have_the_losses_of_plain_attention(make, mixture, monkeypatch):
    """Plain: every cell projected for every prompt, all scores and all cells at once."""
    fast = losses_of_a_run(make, mixture)
    monkeypatch.setattr(cross_attention, "_is_few", lambda layer, num_tokens: False)
    monkeypatch.setattr(cross_attention, "TINY", 0.0)
    monkeypatch.setattr(mask_decoder, "CELLS_AT_ONCE", 1 << 30)
    monkeypatch.setattr(spatial_attention, "NUMBERS_ON_CPU", 1 << 40)
    plain = losses_of_a_run(make, mixture)
    assert len(set(plain)) == STEPS
    assert fast == pytest.approx(plain, abs=1e-5)

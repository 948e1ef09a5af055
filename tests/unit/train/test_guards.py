"""Runs that learn nothing are ended with a sentence that says what to look at."""

import math

import pytest
import torch
from torch import nn

from anymask.errors import TrainingError
from anymask.train.guards import Guards, weight_sums


@pytest.fixture
def layer() -> nn.Linear:
    return nn.Linear(2, 2)


def look_fifty_times(
    guards: Guards, model: nn.Module, loss: float, *, no_target: float = 0.0
) -> None:
    for step in range(50):
        figures = {"loss": loss, "no_target": no_target}
        guards.look(step + 1, model, figures, ["a/b"])


def test_weights_that_never_change_stop_the_run(layer: nn.Linear) -> None:
    with pytest.raises(TrainingError, match=r"no weight changed in 50 steps; raise optimizer.rate"):
        look_fifty_times(Guards(weight_sums(layer)), layer, 1.0)


@pytest.mark.parametrize(("loss", "no_target"), [(0.0, 0.0), (0.7, 1.0)])
def test_loss_without_targets_stops_the_run(
    layer: nn.Linear, loss: float, no_target: float
) -> None:
    with pytest.raises(TrainingError, match="no target pixel reached the loss in 50 steps"):
        look_fifty_times(Guards(weight_sums(layer)), layer, loss, no_target=no_target)


def test_run_that_learns_is_looked_at_once(layer: nn.Linear) -> None:
    guards = Guards(weight_sums(layer))
    with torch.no_grad():
        layer.weight += 1
    look_fifty_times(guards, layer, 1.0)
    assert guards.first is None
    look_fifty_times(guards, layer, 0.0)


def test_run_that_goes_on_is_not_judged_anew(layer: nn.Linear) -> None:
    guards = Guards(None)
    look_fifty_times(guards, layer, 0.0)
    assert (guards.first, guards.losses, guards.skipped) == (None, [], 0)


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (1.0, math.inf), (-math.inf, 1.0)])
def test_values_that_are_not_finite_are_bad(loss: float, norm: float) -> None:
    guards = Guards()
    assert guards.is_bad(loss, norm)
    assert guards.skipped == 1
    assert not guards.is_bad(1.0, 1.0)
    assert guards.skipped == 0


def test_frozen_weights_are_not_counted(layer: nn.Linear) -> None:
    layer.bias.requires_grad_(False)
    assert weight_sums(layer).tolist() == [pytest.approx(float(layer.weight.detach().abs().sum()))]

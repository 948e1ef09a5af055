"""Learning rate and picture size follow the run's progress."""

import numpy as np
import pytest

from anymask.errors import ConfigError
from anymask.train.loop import TrainSettings
from anymask.train.schedule import SizePhase, learning_rate_factor, size_at

PHASES = (SizePhase(until=0.3, sizes=(128,)), SizePhase(until=1.0, sizes=(256, 320)))


@pytest.mark.parametrize(
    ("progress", "allowed"), [(0.0, {128}), (0.3, {128}), (0.31, {256, 320}), (1.0, {256, 320})]
)
def test_sizes_of_a_phase(progress: float, allowed: set[int]) -> None:
    rng = np.random.default_rng(0)
    assert {size_at(progress, PHASES, rng) for _ in range(50)} == allowed


@pytest.mark.parametrize(
    ("progress", "step", "factor"),
    [(0.0, 0, 0.1), (0.0, 4, 0.5), (0.0, 9, 1.0), (0.5, 999, 0.51), (1.0, 999, 0.02)],
)
def test_warm_up_and_cosine(progress: float, step: int, factor: float) -> None:
    assert learning_rate_factor(progress, step, 10, 0.02) == pytest.approx(factor)


def test_size_that_does_not_fit_the_strides_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sizes must be positive multiples of 32, got \(100,\)"):
        SizePhase(until=1.0, sizes=(100,))


def test_run_without_length_is_refused() -> None:
    with pytest.raises(ConfigError, match="the run has no length; give minutes or steps"):
        TrainSettings(minutes=0)

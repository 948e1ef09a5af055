"""Learning rate and picture size follow the run's progress."""

import numpy as np
import pytest

from anymask.errors import ConfigError
from anymask.train.schedule import SizePhase, cosine, in_steps, size_at, warm_up

PHASES = (SizePhase(until=0.3, sizes=(128,)), SizePhase(until=1.0, sizes=(256, 320)))


@pytest.mark.parametrize(
    ("progress", "allowed"), [(0.0, {128}), (0.3, {128}), (0.31, {256, 320}), (1.0, {256, 320})]
)
def test_sizes_of_a_phase(progress: float, allowed: set[int]) -> None:
    rng = np.random.default_rng(0)
    assert {size_at(progress, PHASES, rng) for _ in range(50)} == allowed


@pytest.mark.parametrize(("step", "factor"), [(0, 0.1), (4, 0.5), (9, 1.0), (999, 1.0)])
def test_warm_up(step: int, factor: float) -> None:
    assert warm_up(step, 10) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("progress", "factor"), [(0.0, 1.0), (0.5, 0.51), (1.0, 0.02), (1.1, 0.02)]
)
def test_cosine(progress: float, factor: float) -> None:
    assert cosine(progress, 0.02) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("progress", "factor"), [(0.0, 1.0), (0.66, 1.0), (0.67, 0.1), (0.97, 0.01), (1.0, 0.01)]
)
def test_rate_in_steps(progress: float, factor: float) -> None:
    assert in_steps(progress, (60 / 90, 86.666 / 90)) == pytest.approx(factor)


def test_size_that_does_not_fit_the_strides_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sizes must be positive multiples of 32, got \(100,\)"):
        SizePhase(until=1.0, sizes=(100,))

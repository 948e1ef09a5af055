"""Learning rate and picture size over a run, as functions of its progress in [0, 1]."""

import math
from dataclasses import dataclass

import numpy as np

from anymask.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePhase:
    """Picture sizes used until some point of the run.

    Attributes:
        until: Progress at which the phase ends, in (0, 1].
        sizes: Sides of the frame, pixels; one is drawn each step.
    """

    until: float
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        wrong = [size for size in self.sizes if size <= 0 or size % 32]
        if wrong or not self.sizes:
            raise ConfigError(
                f"sizes must be positive multiples of 32, got {self.sizes}",
                hint="use 128, 192, 256, 320 or 384",
            )


def size_at(progress: float, phases: tuple[SizePhase, ...], rng: np.random.Generator) -> int:
    """Draw the picture size for a step, pixels."""
    phase = next((p for p in phases if progress <= p.until), phases[-1])
    return int(rng.choice(phase.sizes))


def warm_up(step: int, warmup_steps: int) -> float:
    """Give the factor of a linear warm-up, in (0, 1].

    Args:
        step: Steps done.
        warmup_steps: Steps until the full rate.
    """
    return min(1.0, (step + 1) / warmup_steps)


def cosine(progress: float, floor: float) -> float:
    """Give the factor of half a cosine, from 1 down to `floor`."""
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def in_steps(progress: float, milestones: tuple[float, ...]) -> float:
    """Give the factor of a rate divided by ten at each milestone that has been reached.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix A: twice, near the end.
    """
    return 0.1 ** sum(progress >= milestone for milestone in milestones)

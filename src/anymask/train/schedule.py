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


def learning_rate_factor(progress: float, step: int, warmup_steps: int, floor: float) -> float:
    """Give a linear warm-up followed by half a cosine, in (0, 1].

    Args:
        progress: Progress of the run, in [0, 1].
        step: Steps done.
        warmup_steps: Steps until the full rate.
        floor: Factor at the end of the run.
    """
    warm = min(1.0, (step + 1) / warmup_steps)
    return warm * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))

"""Runs that learn nothing, found early: values that are not finite, and losses that never move."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from anymask.errors import TrainingError

MOST_SKIPPED_IN_A_ROW = 3
LOOK_AT_STEP = 50


@dataclass(slots=True)
class Guards:
    """Skips steps whose loss or gradient is not finite, and ends a run that learns nothing.

    Attributes:
        first: Sums of the learning weights before the first step; None for a run that goes on.
        skipped: Steps skipped in a row.
        losses: Losses of the first steps.
    """

    first: Tensor | None = None
    skipped: int = 0
    losses: list[float] = field(default_factory=list)

    def is_bad(self, loss: float, norm: float) -> bool:
        """Say whether a step must not be taken.

        Args:
            loss: Its loss, the same in all processes.
            norm: Norm of its gradient, likewise.
        """
        is_finite = math.isfinite(loss) and math.isfinite(norm)
        self.skipped = 0 if is_finite else self.skipped + 1
        return not is_finite

    def look(
        self, step: int, model: nn.Module, figures: Mapping[str, float], names: Sequence[str]
    ) -> None:
        """Judge the run after a step.

        Args:
            step: Steps done.
            model: The model after the step.
            figures: The step's figures, "loss" among them.
            names: The step's samples.

        Raises:
            TrainingError: If three steps in a row were skipped, or fifty steps taught nothing; the
                weights are still those of the last good step.
        """
        if self.skipped >= MOST_SKIPPED_IN_A_ROW:
            raise TrainingError(
                f"loss or gradient was not finite {self.skipped} times in a row at step {step} "
                f"(last samples: {', '.join(names[:4])})",
                hint="use --set precision=fp32 or a lower optimizer.rate, then --resume --override",
            )
        if self.first is None:
            return
        has_target = figures.get("no_target", 0.0) < 1.0
        self.losses.append(figures["loss"] if has_target else 0.0)
        if len(self.losses) < LOOK_AT_STEP:
            return
        if not any(self.losses):
            raise TrainingError(
                f"no target pixel reached the loss in {LOOK_AT_STEP} steps",
                hint="look at the data with anymask data check",
            )
        if torch.equal(self.first, weight_sums(model)):
            raise TrainingError(
                f"no weight changed in {LOOK_AT_STEP} steps", hint="raise optimizer.rate"
            )
        self.first = None


@contextmanager
def told_when_full(step: int, batch: int, accumulate: int) -> Iterator[None]:
    """Say what to change when the memory does not suffice for a step.

    Args:
        step: Steps done.
        batch: Pictures in one backward pass.
        accumulate: Backward passes a step.

    Raises:
        TrainingError: In place of the error about memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_full(error):
            raise
        half = f"--set batch={batch // 2} --set accumulate={2 * accumulate}"
        remedy = half if batch > 1 else "smaller --set size or fewer sample.prompts"
        raise TrainingError(
            f"the memory is full in step {step + 1}",
            hint=f"go on with --resume --override {remedy}",
        ) from error


def is_full(error: Exception) -> bool:
    """Say whether an error means that memory is lacking; a processor's comes without a type."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


@torch.no_grad()
def weight_sums(model: nn.Module) -> Tensor:
    """Give the sum of magnitudes of each parameter that learns, float64 (K,)."""
    sums = [p.double().abs().sum().cpu() for p in model.parameters() if p.requires_grad]
    return torch.stack(sums)

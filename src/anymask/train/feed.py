"""Batches drawn ahead of the model, always the same ones for the same step.

What is drawn depends on the seed and on the number of the batch in the whole run, not on the
process that draws it or on how many prepare pictures ahead; so a resumed run sees what an unbroken
one would have seen, and two processes see what one process sees in two parts.
"""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import cv2
import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

from anymask.train.processes import World
from anymask.train.schedule import size_at
from anymask.train.settings import TrainSettings

Drawn = TypeVar("Drawn", covariant=True)

# Each use of chance has its own stream: the first number after the seed.
SIZE, DRAWING, LEARNING = 0, 1, 2


class Source(Protocol[Drawn]):
    """Where samples come from; travels to other processes."""

    def draw(self, size: int, rng: np.random.Generator) -> Drawn:
        """Draw one sample with a frame of `size` pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One batch to draw.

    Attributes:
        number: Its number in the whole run.
        size: Side of its frames, pixels.
    """

    number: int
    size: int


@dataclass(frozen=True)
class Draws(Dataset[list[Drawn]]):
    """Batches by what is asked.

    Attributes:
        source: Where samples come from.
        batch: Samples a batch.
        seed: Seed of the run.
    """

    source: Source[Drawn]
    batch: int
    seed: int

    def __getitem__(self, asked: Asked) -> list[Drawn]:
        """Draw the samples of one batch."""
        rng = np.random.default_rng([self.seed, DRAWING, asked.number])
        return [self.source.draw(asked.size, rng) for _ in range(self.batch)]


class Plan(Sampler[Asked]):
    """The batches of one process, in order, without end.

    Args:
        settings: The run.
        first: Step to begin with.
        progress: Gives the progress of the run at a step, in [0, 1].
        world: This process among those of the run.
    """

    def __init__(
        self, settings: TrainSettings, first: int, progress: Callable[[int], float], world: World
    ) -> None:
        self.settings, self.first, self.progress, self.world = settings, first, progress, world

    def __iter__(self) -> Iterator[Asked]:
        """Give what to draw, step by step."""
        step, parts = self.first, self.settings.accumulate
        while True:
            rng = np.random.default_rng([self.settings.seed, SIZE, step])
            size = size_at(self.progress(step), self.settings.phases, rng)
            for part in range(parts):
                yield Asked((step * self.world.processes + self.world.rank) * parts + part, size)
            step += 1


def batches(
    source: Source[Drawn], settings: TrainSettings, plan: Plan, on_note: Callable[[str], None]
) -> Iterator[list[Drawn]]:
    """Give the batches of a plan, drawn ahead by other processes where the settings ask for them.

    When such a process dies, the rest is drawn in this one.

    Args:
        source: Where samples come from.
        settings: The run.
        plan: Which batches.
        on_note: Called with a sentence for people.
    """
    draws = Draws(source, settings.batch, settings.seed)
    given = 0
    if settings.workers > 0:
        loader = DataLoader(
            draws,
            batch_size=None,
            sampler=plan,
            num_workers=settings.workers,
            collate_fn=_as_it_is,
            worker_init_fn=_prepare_worker,
            multiprocessing_context="spawn",
        )
        try:
            for drawn in loader:
                yield drawn
                given += 1
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            on_note(
                f"one of {settings.workers} processes that prepare pictures died; "
                "going on without them (the memory may be full: lower --set workers)"
            )
    for number, asked in enumerate(plan):
        if number >= given:
            yield draws[asked]


def _as_it_is(drawn: list[Drawn]) -> list[Drawn]:
    return drawn


def _prepare_worker(_number: int) -> None:
    # Ctrl-C reaches the whole group; the training process decides when its helpers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)

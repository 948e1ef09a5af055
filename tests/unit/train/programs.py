"""What tests run in other processes: importable by name, small, and quick to start."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from anymask.data.mixing import Mixture
from anymask.data.samples import Sample, SampleSettings
from anymask.data.shards import read_shards
from anymask.errors import ConfigError
from anymask.model.sam import Sam
from anymask.train.loop import train
from anymask.train.processes import World
from anymask.train.schedule import SizePhase
from anymask.train.settings import OptimizerSettings, TrainSettings
from tests.unit.train.conftest import about_of, small_config, task_of


@dataclass(frozen=True)
class SmallRun:
    """A run of the small model on a shard, in any process.

    Attributes:
        shard: The pictures.
        folder: Folder of the run.
        settings: The run.
        dies: Rank that kills itself, and after how many steps; (-1, 0) for none.
        pause: Seconds added to every batch.
    """

    shard: Path
    folder: Path
    settings: TrainSettings
    dies: tuple[int, int] = (-1, 0)
    pause: float = 0.0

    def __call__(self, world: World) -> None:
        """Train; the process with the unlucky rank dies once, in the middle of a step."""
        torch.manual_seed(0)
        task = task_of(Sam(small_config()), Mixture(read_shards([self.shard])), self.settings)
        task.source = Interrupted(task.source, partial(self.before_draw, world.rank, [0]))
        about = about_of(self.settings, task.model, world.processes)
        train(task, self.settings, about, self.folder, world)

    def before_draw(self, rank: int, done: list[int]) -> None:
        """Wait, and die if it is time."""
        time.sleep(self.pause)
        done[0] += 1
        mark = self.folder / "died"
        if (rank, done[0]) == self.dies and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Interrupted:
    """A source that does something before every draw."""

    source: Any
    act: Callable[[], None]

    def draw(self, size: int, rng: np.random.Generator) -> Sample:
        """Act, then draw."""
        self.act()
        sample: Sample = self.source.draw(size, rng)
        return sample


def small_settings(**changes: object) -> TrainSettings:
    """Give the settings of a short run."""
    settings = TrainSettings(
        steps=4,
        phases=(SizePhase(until=1.0, sizes=(64,)),),
        batch=1,
        sample=SampleSettings(prompts=2),
        optimizer=OptimizerSettings(rate=1e-3, backbone_rate=1e-3, warmup_steps=2),
        save_every=2,
        log_every=1,
        check_every=0,
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


def refuse(world: World) -> None:
    """Fail as a setting does, on one rank; the other waits."""
    if world.rank == 1:
        raise ConfigError("there is nothing to do", hint="do something else")
    time.sleep(30)


def main(arguments: Sequence[str]) -> None:
    """Run `SmallRun` with two processes on a shard, in a folder, for a number of steps."""
    from anymask.train.processes import run_in_processes

    shard, folder, steps = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    work = SmallRun(shard, folder, small_settings(steps=steps, save_every=5), pause=0.02)
    run_in_processes(work, 2)

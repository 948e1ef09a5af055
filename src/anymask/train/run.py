"""A run: what is learnt, what makes it this run, and what changes while it goes on."""

import copy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name
from anymask.train.checkpoint import (
    Checkpoint,
    check_same_run,
    latest_checkpoint,
    save_checkpoint,
)
from anymask.train.feed import Source
from anymask.train.settings import TrainSettings


class Task(Protocol):
    """What is learnt."""

    @property
    def model(self) -> nn.Module:
        """The model, with its first values, on its device."""
        ...

    @property
    def source(self) -> Source[Any]:
        """Where samples come from; each knows its `name` and the `bad` ones before it."""
        ...

    def groups(self) -> list[dict[str, Any]]:
        """Give the parameters that learn, for AdamW; each group has its "peak" rate."""
        ...

    def learn(self, drawn: list[Any], rng: np.random.Generator, scale: float) -> dict[str, float]:
        """Add the gradients of one batch times `scale`; give figures, "loss" among them."""
        ...

    def draw_batch(self, drawn: list[Any]) -> NDArray[np.uint8]:
        """Draw a batch as the model sees it, uint8 RGB (H, W, 3)."""
        ...

    def check(self, average: nn.Module, sheet: Path) -> dict[str, float]:
        """Measure the averaged weights, and draw what they see and say; {} if nothing is held."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What makes a run this run, and no other.

    Attributes:
        recipe: Name of the recipe.
        settings: The resolved settings, as plain values.
        architecture: The model's shapes, as plain values.
        data: Fingerprint of the training data.
        processes: Number of processes.
    """

    recipe: str
    settings: dict[str, Any]
    architecture: dict[str, Any]
    data: str
    processes: int


@dataclass(slots=True)
class Run:
    """What changes while a run goes on.

    Attributes:
        model: The model.
        average: The running average of its weights.
        optimizer: The optimiser.
        step: Steps done.
        seconds: Seconds of training, as all processes agreed with the last gradients.
        own_seconds: Seconds of this process's last step.
        pictures: Picture visits of all processes.
        is_stopped: Whether all processes agreed to stop.
        is_whole: Whether the weights are those of a step's end.
        checked: Figures of the last measurement.
        checked_at: Its step, or -1.
    """

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    own_seconds: float = 0.0
    pictures: int = 0
    is_stopped: bool = False
    is_whole: bool = True
    checked: dict[str, float] = field(default_factory=dict)
    checked_at: int = -1


def begin(
    task: Task, settings: TrainSettings, about: About, folder: Path, *, override: bool
) -> Run:
    """Give a new run, or the one whose checkpoints are in the folder.

    Args:
        task: What is learnt.
        settings: The run.
        about: What makes it this run.
        folder: Where its checkpoints are, if there are any.
        override: Go on although something differs from how the run was begun.

    Raises:
        ConfigError: If the folder's run was begun otherwise, or trains another model.
        StateError: If its checkpoints cannot be read.
    """
    optimizer = torch.optim.AdamW(task.groups(), betas=(0.9, settings.optimizer.beta2))
    average = copy.deepcopy(task.model).requires_grad_(requires_grad=False)
    run = Run(model=task.model.train(), average=average.eval(), optimizer=optimizer)
    found = latest_checkpoint(folder)
    if found is not None:
        check_same_run(found, asdict(about), override=override)
        fresh = [{**group, "params": None} for group in optimizer.param_groups]
        try:
            run.model.load_state_dict(found.model)
            run.average.load_state_dict(found.average)
            run.optimizer.load_state_dict(found.optimizer)
        except (LookupError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"{shown_name(folder)}: its checkpoints are of another model",
                hint="begin anew in another folder; --override cannot change the model",
            ) from error
        # Rates and decays are those of the settings now, which --override may have changed.
        for group, own in zip(optimizer.param_groups, fresh, strict=True):
            group.update({key: value for key, value in own.items() if key != "params"})
        run.step, run.seconds, run.pictures = found.step, found.seconds, found.pictures
    return run


def progress(run: Run, settings: TrainSettings, step: int | None = None) -> float:
    """Give the share of the run that is done, in [0, 1], at a step or now."""
    if settings.steps > 0:
        return min(1.0, (run.step if step is None else step) / settings.steps)
    return min(1.0, run.seconds / (60 * settings.minutes))


def save(run: Run, about: About, folder: Path) -> None:
    """Write a checkpoint of the run."""
    checkpoint = Checkpoint(
        step=run.step,
        seconds=run.seconds,
        pictures=run.pictures,
        **asdict(about),
        model=run.model.state_dict(),
        average=run.average.state_dict(),
        optimizer=run.optimizer.state_dict(),
    )
    save_checkpoint(checkpoint, folder)

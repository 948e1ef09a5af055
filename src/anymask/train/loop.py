"""The training loop.

Every draw depends only on the seed, the process and the step, so a resumed run sees what an
unbroken one would have seen.
"""

import copy
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from anymask.configuration import to_mapping
from anymask.data.mixing import Mixture
from anymask.data.samples import Sample, SampleSettings
from anymask.errors import ConfigError
from anymask.model.sam import Sam
from anymask.train.checkpoint import Checkpoint, latest_checkpoint, save_checkpoint
from anymask.train.initialise import ema_decay, parameter_groups
from anymask.train.interaction import TrainingBatch, converse
from anymask.train.processes import average_gradients
from anymask.train.schedule import SizePhase, learning_rate_factor, size_at

LONGEST_STEP_SECONDS = 30.0  # a step that took longer was paused, and does not count


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """One run.

    The run ends after `minutes` of training, or after `steps` when that is given.

    Attributes:
        minutes: Length of the run, minutes of training.
        steps: Length of the run in steps; 0 to go by minutes.
        phases: Picture sizes over the run.
        batch: Pictures a step and process.
        sample: How samples are made.
        most_rounds: A step has one to this many rounds.
        box_share: Share of prompts that begin with a box.
        head_rate: Peak learning rate of everything but the backbone.
        backbone_rate: Peak learning rate of the backbone.
        warmup_steps: Steps until the full rate.
        rate_floor: Factor of the rate at the end.
        score_weight: Weight of the predicted IoU's error.
        clip: Largest norm of the gradient.
        average: Decay of the running average of weights.
        save_every: Steps between checkpoints.
        log_every: Steps between lines of the log.
        seed: Seed of everything drawn.
    """

    minutes: float = 100.0
    steps: int = 0
    phases: tuple[SizePhase, ...] = (
        SizePhase(until=0.2, sizes=(128,)),
        SizePhase(until=0.5, sizes=(192,)),
        SizePhase(until=0.8, sizes=(256,)),
        SizePhase(until=1.0, sizes=(256, 320, 384)),
    )
    batch: int = 4
    sample: SampleSettings = field(default_factory=SampleSettings)
    most_rounds: int = 3
    box_share: float = 0.4
    head_rate: float = 2e-3
    backbone_rate: float = 4e-4
    warmup_steps: int = 40
    rate_floor: float = 0.02
    score_weight: float = 3.0
    clip: float = 1.0
    average: float = 0.999
    save_every: int = 500
    log_every: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps <= 0 and self.minutes <= 0:
            raise ConfigError("the run has no length", hint="give minutes or steps above zero")


@dataclass(slots=True)
class Run:
    """What changes while a run goes on.

    Attributes:
        model: The model.
        average: The running average of its weights.
        optimizer: The optimiser.
        step: Steps done.
        seconds: Seconds of training, as all processes agreed with the last gradients.
        own_seconds: Seconds of this process since then.
        pictures: Picture visits of all processes.
    """

    model: Sam
    average: Sam
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    own_seconds: float = 0.0
    pictures: int = 0


def train(
    model: Sam,
    mixture: Mixture,
    settings: TrainSettings,
    folder: Path,
    *,
    rank: int = 0,
    processes: int = 1,
) -> Sam:
    """Train a model, or go on where the folder's last checkpoint stands.

    Args:
        model: The model with its first values; trained in place.
        mixture: Training pictures.
        settings: The run.
        folder: Where checkpoints and the log go.
        rank: Number of this process.
        processes: Number of processes; all must be called with the same arguments.

    Returns:
        The running average of the weights, in eval mode.

    Raises:
        OutputError: If a checkpoint cannot be written.
    """
    run = start(model, settings, folder)
    with progress_bar(is_shown=rank == 0) as show:
        while (done := progress(run, settings)) < 1.0:
            began = time.perf_counter()
            figures = training_step(run, mixture, settings, done, rank)
            run.own_seconds = min(time.perf_counter() - began, LONGEST_STEP_SECONDS)
            run.step += 1
            run.pictures += settings.batch * processes
            if rank == 0:
                show(progress(run, settings), figures)
                if run.step % settings.log_every == 0:
                    write_log(folder, run, figures)
                if run.step % settings.save_every == 0:
                    save(run, settings, folder)
    if rank == 0:
        save(run, settings, folder)
    return run.average


def start(model: Sam, settings: TrainSettings, folder: Path) -> Run:
    """Give a run at its beginning, or at the folder's last checkpoint."""
    model.train()
    groups = parameter_groups(model, settings.head_rate, settings.backbone_rate)
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
    run = Run(model, copy.deepcopy(model).eval(), optimizer)
    checkpoint = latest_checkpoint(folder)
    if checkpoint is not None:
        run.model.load_state_dict(checkpoint.model)
        run.average.load_state_dict(checkpoint.average)
        optimizer.load_state_dict(checkpoint.optimizer)
        run.step, run.seconds = checkpoint.step, checkpoint.seconds
        run.pictures = checkpoint.pictures
    return run


def training_step(
    run: Run, mixture: Mixture, settings: TrainSettings, done: float, rank: int
) -> dict[str, float]:
    """Draw a batch, converse, average gradients over processes and move the weights."""
    shared = np.random.default_rng((settings.seed, run.step))
    own = np.random.default_rng((settings.seed, run.step, rank))
    size = size_at(done, settings.phases, shared)
    rounds = int(shared.integers(1, settings.most_rounds + 1))
    samples = [mixture.draw(size, settings.sample, own) for _ in range(settings.batch)]
    figures = converse(
        run.model,
        collate(samples, run.model),
        rounds,
        own,
        box_share=settings.box_share,
        score_weight=settings.score_weight,
    )
    run.seconds += average_gradients(run.model, run.own_seconds)
    norm = nn.utils.clip_grad_norm_(run.model.parameters(), settings.clip)
    factor = learning_rate_factor(done, run.step, settings.warmup_steps, settings.rate_floor)
    for group in run.optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    move_average(run.average, run.model, ema_decay(run.step, settings.average))
    return {**figures, "size": size, "rounds": rounds, "gradient_norm": float(norm), "rate": factor}


def collate(samples: list[Sample], model: Sam) -> TrainingBatch:
    """Join samples into tensors on the model's device, pixels normalised as the model wants them.

    Args:
        samples: Samples of one size.
        model: The model they are for.
    """
    device = next(model.parameters()).device
    frames = torch.from_numpy(np.stack([s.frame for s in samples])).to(device)
    mean, std = (
        torch.tensor(values, device=device)
        for values in (model.config.pixel_mean, model.config.pixel_std)
    )
    pixels = ((frames - mean) / std).permute(0, 3, 1, 2)  # (B, 3, S, S)

    def stacked(arrays: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(device, torch.float32)

    return TrainingBatch(
        pixels=pixels.contiguous(memory_format=torch.channels_last),
        targets=stacked([s.targets for s in samples]) / 255,
        clicks=stacked([s.clicks for s in samples]),
        boxes=stacked([s.boxes for s in samples]),
    )


@torch.no_grad()
def move_average(average: Sam, model: Sam, decay: float) -> None:
    """Move the running average of the weights a little towards the model, in place."""
    pairs = zip(average.parameters(), model.parameters(), strict=True)
    mine, theirs = (list(side) for side in zip(*pairs, strict=True))
    torch._foreach_lerp_(mine, theirs, 1 - decay)
    for kept, new in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(new)


def progress(run: Run, settings: TrainSettings) -> float:
    """Give the share of the run that is done, in [0, 1]."""
    if settings.steps > 0:
        return min(1.0, run.step / settings.steps)
    return min(1.0, run.seconds / (60 * settings.minutes))


def save(run: Run, settings: TrainSettings, folder: Path) -> None:
    """Write a checkpoint of the run."""
    checkpoint = Checkpoint(
        step=run.step,
        seconds=run.seconds,
        pictures=run.pictures,
        settings=to_mapping(settings),
        model=run.model.state_dict(),
        average=run.average.state_dict(),
        optimizer=run.optimizer.state_dict(),
    )
    save_checkpoint(checkpoint, folder)


def write_log(folder: Path, run: Run, figures: dict[str, float]) -> None:
    """Append one JSON line to the run's log."""
    line = {"step": run.step, "pictures": run.pictures, "seconds": round(run.seconds, 1)}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(line | {k: round(v, 4) for k, v in figures.items()}) + "\n")


@contextmanager
def progress_bar(*, is_shown: bool) -> Iterator:  # type: ignore[type-arg]
    """Show a bar with the last figures and the time left."""
    bar = Progress(
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
        disable=not is_shown,
    )
    with bar:
        task = bar.add_task("training", total=1.0, figures="")

        def show(done: float, figures: dict[str, float]) -> None:
            text = f"loss {figures['loss1']:.3f} IoU {figures['iou_single1']:.2f}"
            bar.update(task, completed=done, figures=text)

        yield show

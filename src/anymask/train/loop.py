"""The training loop, on one page.

Every draw depends only on the seed and the number of the batch, so a resumed run sees what an
unbroken one would have seen.
"""

import copy
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name
from anymask.train.accumulate import StepSums
from anymask.train.checkpoint import (
    Checkpoint,
    check_same_run,
    latest_checkpoint,
    save_checkpoint,
)
from anymask.train.feed import LEARNING, Plan, Source, batches
from anymask.train.guards import Guards, told_when_full, weight_sums
from anymask.train.log import RunLog, in_words, live_bar, run_log
from anymask.train.parameters import ema_decay
from anymask.train.processes import World, average_gradients
from anymask.train.schedule import cosine, in_steps, warm_up
from anymask.train.settings import TrainSettings
from anymask.train.stop import StopRequest, stop_requests

SHORTEST_PAUSE_SECONDS = 60.0  # a step this much longer than the last was paused


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


def train(
    task: Task,
    settings: TrainSettings,
    about: About,
    folder: Path,
    world: World = World(),  # noqa: B008 - a value, as frozen as a number
    *,
    override: bool = False,
) -> nn.Module:
    """Train a model, or go on where the folder's last checkpoint stands.

    Args:
        task: What is learnt; its model is trained in place.
        settings: The run.
        about: What makes it this run; a run begun otherwise is not gone on with.
        folder: Where checkpoints, the log and the sheets go.
        world: This process among those of the run.
        override: Go on although something differs from how the run was begun.

    Returns:
        The running average of the weights, in eval mode.

    Raises:
        ConfigError: If the folder's run was begun otherwise, or trains another model.
        TrainingError: If losses stay infinite, nothing is learnt, or the memory is full.
        OutputError: If a checkpoint or the log cannot be written.
        KeyboardInterrupt: If Ctrl-C stopped the run, after it was saved; SIGTERM likewise.
    """
    run = begin(task, settings, about, folder, override=override)
    guards = Guards(weight_sums(run.model) if run.step == 0 else None)
    with (
        stop_requests(world.parent) as stop,
        live_bar(is_shown=world.is_first) as bar,
        run_log(folder, run.step, settings, is_written=world.is_first) as log,
    ):
        plan = Plan(settings, run.step, partial(progress, run, settings), world)
        feed = batches(task.source, settings, plan, bar.note)
        try:
            while progress(run, settings) < 1.0 and not run.is_stopped:
                began = time.perf_counter()
                with told_when_full(run.step, settings.batch, settings.accumulate):
                    figures, drawn = take_step(run, task, feed, settings, guards, stop, world)
                run.own_seconds = _without_pauses(time.perf_counter() - began, run.own_seconds)
                names = [sample.name for sample in drawn]
                log.bad_samples(run.step, [b for s in drawn for b in s.bad], "cannot be read")
                if guards.skipped:
                    bar.note(f"step {run.step} was skipped: its loss is not finite")
                    log.bad_samples(run.step, names, "loss is not finite")
                guards.look(run.step, run.model, figures, names)
                if world.is_first:
                    report(run, task, settings, about, folder, log, figures)
                    bar.show(progress(run, settings), in_words(figures | run.checked))
        finally:
            if world.is_first and run.step > 0 and run.is_whole:
                save(run, about, folder)
        if world.is_first and not run.is_stopped:
            check(run, task, settings, folder, log)
    stop.leave()
    return run.average.eval()


def begin(
    task: Task, settings: TrainSettings, about: About, folder: Path, *, override: bool
) -> Run:
    """Give a new run, or the one whose checkpoints are in the folder."""
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


def take_step(
    run: Run,
    task: Task,
    feed: Iterator[list[Any]],
    settings: TrainSettings,
    guards: Guards,
    stop: StopRequest,
    world: World,
) -> tuple[dict[str, float], list[Any]]:
    """Learn from the next batches and move the weights; a bad step leaves them as they are."""
    sums = StepSums(run.model)
    try:
        figures, drawn = learn_batches(run, task, feed, settings, world, sums)
        run.seconds, loss, stops = average_gradients(
            run.model, run.seconds + run.own_seconds, figures["loss"], float(stop.number > 0)
        )
    except BaseException:
        sums.put_back()
        raise
    learning = [p for p in run.model.parameters() if p.grad is not None]
    norm = float(nn.utils.clip_grad_norm_(learning, settings.optimizer.clip))
    factor = rate_factor(run, settings)
    if guards.is_bad(loss, norm):
        sums.put_back()
    else:
        run.is_whole = False
        for group in run.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        run.optimizer.step()
        move_average(run.average, run.model, ema_decay(run.step, settings.average))
        run.is_whole = True
    run.optimizer.zero_grad(set_to_none=True)
    run.step += 1
    run.pictures += settings.batch * settings.accumulate * world.processes
    run.is_stopped = stops > 0
    figures |= {"loss": loss, "gradient_norm": norm, "rate": factor}
    return figures | {"is_skipped": float(guards.skipped > 0)}, drawn


def learn_batches(
    run: Run,
    task: Task,
    feed: Iterator[list[Any]],
    settings: TrainSettings,
    world: World,
    sums: StepSums,
) -> tuple[dict[str, float], list[Any]]:
    """Add up the gradients of one step's batches; give the mean figures and the samples."""
    parts = settings.accumulate
    all_figures: list[dict[str, float]] = []
    all_drawn: list[Any] = []
    for part in range(parts):
        number = (run.step * world.processes + world.rank) * parts + part
        rng = np.random.default_rng([settings.seed, LEARNING, number])
        torch.manual_seed(int(rng.integers(1 << 62)))  # what layers skip
        with torch.autocast(world.device.type, torch.bfloat16, settings.precision == "bf16"):
            drawn = next(feed)
            all_figures.append(task.learn(drawn, rng, 1 / parts))
        sums.add()
        all_drawn += drawn
    sums.finish()
    keys = all_figures[0].keys()
    return {k: float(np.mean([f[k] for f in all_figures if k in f])) for k in keys}, all_drawn


@torch.no_grad()
def move_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the running average of the weights a little towards the model, in place."""
    pairs = zip(average.parameters(), model.parameters(), strict=True)
    mine, theirs = (list(side) for side in zip(*pairs, strict=True))
    torch._foreach_lerp_(mine, theirs, 1 - decay)
    for kept, new in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(new)


def progress(run: Run, settings: TrainSettings, step: int | None = None) -> float:
    """Give the share of the run that is done, in [0, 1], at a step or now."""
    if settings.steps > 0:
        return min(1.0, (run.step if step is None else step) / settings.steps)
    return min(1.0, run.seconds / (60 * settings.minutes))


def rate_factor(run: Run, settings: TrainSettings) -> float:
    """Give the factor on every peak learning rate for the step about to be taken."""
    how, done = settings.optimizer, progress(run, settings)
    by_progress = {
        "cosine": cosine(done, how.rate_floor),
        "steps": in_steps(done, how.milestones),
    }
    return warm_up(run.step, how.warmup_steps) * by_progress[how.schedule]


def report(
    run: Run,
    task: Task,
    settings: TrainSettings,
    about: About,
    folder: Path,
    log: RunLog,
    figures: dict[str, float],
) -> None:
    """Log, measure and save after a step, each as often as the settings say."""
    figures["pictures_per_second"] = run.pictures / max(run.seconds + run.own_seconds, 1e-9)
    if run.step % settings.log_every == 0:
        log.write(run.step, _at(run) | figures)
    if settings.check_every and run.step % settings.check_every == 0:
        check(run, task, settings, folder, log)
    if run.step % settings.save_every == 0:
        save(run, about, folder)


def check(run: Run, task: Task, settings: TrainSettings, folder: Path, log: RunLog) -> None:
    """Measure the averaged weights on held-back pictures, and log it."""
    if settings.check_every == 0 or run.checked_at == run.step:
        return
    run.checked_at = run.step
    sheet = folder / "sheets" / f"step-{run.step:08d}.png"
    run.checked = task.check(run.average, sheet)
    if run.checked:
        rounded = {name: round(value, 4) for name, value in run.checked.items()}
        log.write(run.step, _at(run) | {"check": rounded})


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


def _at(run: Run) -> dict[str, float]:
    return {"pictures": run.pictures, "seconds": round(run.seconds, 1)}


def _without_pauses(seconds: float, before: float) -> float:
    """Give the length of a step; one much longer than the last was paused, and counts as that."""
    return before if before > 0 and seconds > SHORTEST_PAUSE_SECONDS + 5 * before else seconds

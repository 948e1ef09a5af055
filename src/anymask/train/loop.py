"""The training loop, on one page.

Every draw depends only on the seed and the number of the batch, so a resumed run sees what an
unbroken one would have seen.
"""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from anymask.train.accumulate import StepSums
from anymask.train.feed import LEARNING, Plan, batches
from anymask.train.guards import Guards, told_when_full, weight_sums
from anymask.train.log import RunLog, in_words, live_bar, run_log
from anymask.train.parameters import ema_decay
from anymask.train.processes import World, average_gradients
from anymask.train.run import About, Run, Task, begin, progress, save
from anymask.train.schedule import cosine, in_steps, warm_up
from anymask.train.settings import TrainSettings
from anymask.train.stop import StopRequest, stop_requests

SHORTEST_PAUSE_SECONDS = 60.0  # a step this much longer than the last was paused


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


def _at(run: Run) -> dict[str, float]:
    return {"pictures": run.pictures, "seconds": round(run.seconds, 1)}


def _without_pauses(seconds: float, before: float) -> float:
    """Give the length of a step; one much longer than the last was paused, and counts as that."""
    return before if before > 0 and seconds > SHORTEST_PAUSE_SECONDS + 5 * before else seconds

"""The loop learns, logs, saves, and goes on as if it had never stopped."""

import copy
import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anymask.data.mixing import Mixture
from anymask.data.samples import Sample, SampleSettings
from anymask.errors import ConfigError, TrainingError
from anymask.model.sam import Sam
from anymask.train.checkpoint import latest_checkpoint
from anymask.train.loop import train
from anymask.train.parameters import ema_decay
from anymask.train.run import About
from anymask.train.schedule import SizePhase
from anymask.train.settings import OptimizerSettings, TrainSettings
from anymask.train.task import Segmenting
from tests.unit.train.conftest import about_of, task_of


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def assert_same_numbers(first: torch.nn.Module, second: torch.nn.Module) -> None:
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


class Interrupted:
    """A source that does something after some draws."""

    def __init__(self, source: Any, draws: int, act: Callable[[], None]) -> None:
        self.source, self.left, self.act = source, draws, act

    def draw(self, size: int, rng: np.random.Generator) -> Sample:
        self.left -= 1
        if self.left == 0:
            self.act()
        return self.source.draw(size, rng)


def test_run_writes_log_and_two_checkpoints(
    task: Segmenting, settings: TrainSettings, tmp_path: Path
) -> None:
    settings = replace(settings, steps=6)
    average = train(task, settings, about_of(settings, task.model), tmp_path / "run")
    assert [line["step"] for line in log_of(tmp_path / "run")] == [1, 2, 3, 4, 5, 6]
    saved = sorted(path.name for path in (tmp_path / "run").glob("*.pt"))
    assert saved == ["step-00000004.pt", "step-00000006.pt"]
    checkpoint = latest_checkpoint(tmp_path / "run")
    assert checkpoint is not None
    assert (checkpoint.step, checkpoint.pictures) == (6, 12)
    assert not average.training
    for name, tensor in average.state_dict().items():
        torch.testing.assert_close(checkpoint.average[name], tensor)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_stopped_run_is_saved_and_ends_where_an_unbroken_one_does(
    number: signal.Signals,
    small_model: Sam,
    mixture: Mixture,
    settings: TrainSettings,
    about: About,
    tmp_path: Path,
) -> None:
    whole = task_of(copy.deepcopy(small_model), mixture, settings)
    train(whole, settings, about, tmp_path / "whole")
    broken = task_of(copy.deepcopy(small_model), mixture, settings)
    # The fifth picture belongs to the third step, which lies between two checkpoints.
    broken.source = Interrupted(broken.source, 5, lambda: signal.raise_signal(number))
    with pytest.raises(SystemExit if number == signal.SIGTERM else KeyboardInterrupt) as stopped:
        train(broken, settings, about, tmp_path / "broken")
    assert getattr(stopped.value, "code", 143) == 143
    checkpoint = latest_checkpoint(tmp_path / "broken")
    assert checkpoint is not None
    assert checkpoint.step == 3
    resumed = task_of(copy.deepcopy(small_model), mixture, settings)
    train(resumed, settings, about, tmp_path / "broken")
    assert_same_numbers(whole.model, resumed.model)
    keys = ("step", "loss", "gradient_norm", "rate", "size")
    curves = [
        [[line[key] for key in keys] for line in log_of(tmp_path / name)]
        for name in ("whole", "broken")
    ]
    assert curves[0] == curves[1]


def test_second_ctrl_c_leaves_at_once(task: Segmenting, about: About, tmp_path: Path) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    task.source = Interrupted(task.source, 3, twice)
    with pytest.raises(KeyboardInterrupt):
        train(task, task.settings, about, tmp_path)
    checkpoint = latest_checkpoint(tmp_path)
    assert checkpoint is not None
    assert checkpoint.step == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_run_killed_between_checkpoints_drops_later_lines_of_its_log(
    small_model: Sam, mixture: Mixture, settings: TrainSettings, about: About, tmp_path: Path
) -> None:
    train(task_of(copy.deepcopy(small_model), mixture, settings), settings, about, tmp_path)
    (tmp_path / "step-00000004.pt").unlink()
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 5, "loss": 1.0}\n{"step": 6, "lo')
    train(task_of(copy.deepcopy(small_model), mixture, settings), settings, about, tmp_path)
    assert [line["step"] for line in log_of(tmp_path)] == [1, 2, 3, 4]


def test_run_begun_otherwise_is_refused_unless_that_is_meant(
    task: Segmenting, settings: TrainSettings, about: About, tmp_path: Path
) -> None:
    train(task, settings, about, tmp_path)
    changed = replace(settings, steps=5, optimizer=OptimizerSettings(rate=1e-3, warmup_steps=2))
    other = replace(about_of(changed, task.model, processes=2), data="other discs")
    with pytest.raises(
        ConfigError,
        match=r"begun otherwise in 4 points \(optimizer.rate: 0.002 → 0.001; steps: 4 → 5; "
        r"data: discs → other discs; processes: 1 → 2\); .*--override",
    ):
        train(task, changed, other, tmp_path)
    train(task, changed, about_of(changed, task.model), tmp_path, override=True)
    assert log_of(tmp_path)[-1]["step"] == 5


class Poisoned(Segmenting):
    """A task whose loss is NaN in chosen steps."""

    bad: tuple[int, ...] = ()
    seen: int = -1

    def learn(
        self, drawn: list[Sample], rng: np.random.Generator, scale: float
    ) -> dict[str, float]:
        figures = super().learn(drawn, rng, scale)
        self.seen += 1
        if self.seen in self.bad:
            next(self.model.parameters()).grad.fill_(float("nan"))  # type: ignore[union-attr]
        return figures


def poisoned(task: Segmenting, *bad: int) -> Poisoned:
    wrapped = Poisoned(model=task.model, settings=task.settings, source=task.source)
    wrapped.bad = bad
    return wrapped


def test_step_with_nan_is_skipped_and_its_samples_are_listed(
    task: Segmenting, about: About, tmp_path: Path
) -> None:
    train(poisoned(task, 1), task.settings, about, tmp_path)
    assert [line["is_skipped"] for line in log_of(tmp_path)] == [0, 1, 0, 0]
    rows = [
        json.loads(line) for line in (tmp_path / "failures-steps.jsonl").read_text().splitlines()
    ]
    assert [row["step"] for row in rows] == [2, 2]
    assert all(row["input"].startswith("discs/discs_") for row in rows)
    assert all(bool(p.isfinite().all()) for p in task.model.parameters())


def test_three_steps_with_nan_in_a_row_stop_the_run_with_the_last_good_state(
    task: Segmenting, about: About, tmp_path: Path
) -> None:
    with pytest.raises(
        TrainingError, match=r"not finite 3 times in a row at step 4 .*precision=fp32"
    ):
        train(poisoned(task, 1, 2, 3), task.settings, about, tmp_path)
    checkpoint = latest_checkpoint(tmp_path)
    assert checkpoint is not None
    assert all(bool(tensor.isfinite().all()) for tensor in checkpoint.model.values())


def test_accumulated_batches_are_averaged(
    small_model: Sam, mixture: Mixture, settings: TrainSettings, tmp_path: Path
) -> None:
    settings = replace(
        settings, steps=1, batch=1, accumulate=2, optimizer=OptimizerSettings(clip=1e9)
    )
    expected: dict[str, torch.Tensor] = {}
    for number in range(2):
        by_hand = task_of(copy.deepcopy(small_model), mixture, settings)
        drawn = [by_hand.source.draw(64, np.random.default_rng([settings.seed, 1, number]))]
        rng = np.random.default_rng([settings.seed, 2, number])
        rng.integers(1 << 62)  # what layers skip
        by_hand.learn(drawn, rng, 0.5)
        for name, parameter in by_hand.model.named_parameters():
            if parameter.grad is not None:
                expected[name] = expected.get(name, 0) + parameter.grad
    task = task_of(small_model, mixture, settings)
    found: dict[str, torch.Tensor] = {}
    step = torch.optim.AdamW.step

    def spy(optimizer: torch.optim.AdamW) -> None:
        found.update(
            {n: p.grad.clone() for n, p in small_model.named_parameters() if p.grad is not None}
        )
        step(optimizer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", spy)
        train(task, settings, about_of(settings, small_model), tmp_path)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("part", ["model", "average"])
def test_bf16_run_learns_in_full_precision_weights(
    part: str, small_model: Sam, mixture: Mixture, settings: TrainSettings, tmp_path: Path
) -> None:
    settings = replace(settings, precision="bf16", steps=2)
    task = task_of(small_model, mixture, settings)
    before = {name: tensor.clone() for name, tensor in small_model.state_dict().items()}
    train(task, settings, about_of(settings, small_model), tmp_path)
    checkpoint = latest_checkpoint(tmp_path)
    assert checkpoint is not None
    state = getattr(checkpoint, part)
    assert all(tensor.dtype == before[name].dtype for name, tensor in state.items())
    assert any(not torch.equal(tensor, before[name]) for name, tensor in state.items())


@pytest.mark.slow
def test_one_set_of_discs_is_learnt(mixture: Mixture, model: Sam, tmp_path: Path) -> None:
    settings = TrainSettings(
        steps=60,
        batch=2,
        phases=(SizePhase(until=1.0, sizes=(64,)),),
        sample=SampleSettings(prompts=2),
        optimizer=OptimizerSettings(warmup_steps=5),
        log_every=1,
        check_every=0,
    )
    train(task_of(model, mixture, settings), settings, about_of(settings, model), tmp_path)
    losses = [line["loss1"] for line in log_of(tmp_path)]
    assert sum(losses[-10:]) < 0.75 * sum(losses[:10])


def test_running_average_starts_short() -> None:
    assert ema_decay(0, 0.999) == pytest.approx(0.1)
    assert ema_decay(100_000, 0.999) == 0.999

"""Faults in the middle of a run: what is kept, what is said, and that the next run works."""

import copy
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anymask.data.mixing import Mixture
from anymask.data.samples import Sample
from anymask.errors import ConfigError, OutputError, StateError, TrainingError
from anymask.model.sam import Sam
from anymask.train.build import build_model
from anymask.train.checkpoint import latest_checkpoint, save_checkpoint
from anymask.train.guards import is_full
from anymask.train.loop import train
from anymask.train.memory import memory_needed
from anymask.train.parameters import freeze
from anymask.train.processes import World
from anymask.train.recipes import Recipe
from anymask.train.run import About
from anymask.train.settings import OptimizerSettings, TrainSettings
from anymask.train.task import Segmenting
from tests.scenes import write_shard
from tests.unit.train.conftest import about_of, small_config, task_of
from tests.unit.train.programs import SmallRun, small_settings


@dataclass(frozen=True)
class Blank:
    """A source whose samples show nothing."""

    source: Any

    def draw(self, size: int, rng: np.random.Generator) -> Sample:
        sample: Sample = self.source.draw(size, rng)
        return replace(sample, targets=np.zeros_like(sample.targets))


# --- nothing is learnt ---


@pytest.mark.slow
def test_targets_without_a_pixel_stop_the_run_at_step_50(
    task: Segmenting, settings: TrainSettings, tmp_path: Path
) -> None:
    settings = replace(settings, steps=80, batch=1, phases=settings.phases[:1])
    task.source = Blank(task.source)
    with pytest.raises(
        TrainingError, match=r"no target pixel reached the loss in 50 steps; .*anymask data check"
    ):
        train(task, settings, about_of(settings, task.model), tmp_path)
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 50


@pytest.mark.slow
def test_a_rate_too_small_to_move_a_weight_stops_the_run_at_step_50(
    task: Segmenting, settings: TrainSettings, tmp_path: Path
) -> None:
    slow = OptimizerSettings(rate=1e-300, backbone_rate=1e-300, warmup_steps=1)
    settings = replace(
        settings, steps=80, batch=1, phases=settings.phases[:1], optimizer=slow, save_every=100
    )
    task.settings = settings
    with pytest.raises(TrainingError, match=r"no weight changed in 50 steps; raise optimizer.rate"):
        train(task, settings, about_of(settings, task.model), tmp_path)


def test_a_model_of_which_nothing_learns_is_refused_before_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = Recipe(name="test", architecture=small_config(), settings=small_settings())

    def freeze_all(model: Sam, _which: str) -> None:
        freeze(model, "encoder")
        model.requires_grad_(requires_grad=False)

    monkeypatch.setattr("anymask.train.build.freeze", freeze_all)
    with pytest.raises(ConfigError):
        build_model(recipe)
    monkeypatch.undo()
    assert any(p.requires_grad for p in build_model(recipe).parameters())


# --- memory ---


def full(*_: object, **__: object) -> Any:
    raise torch.OutOfMemoryError("out of memory")


def test_a_trial_that_does_not_fit_says_what_to_make_smaller(
    task: Segmenting, settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("anymask.train.task.converse", full)
        with pytest.raises(ConfigError, match=r"one picture at 96 pixels does not fit .*; use sma"):
            memory_needed(task, settings)
    huge = replace(settings, phases=(replace(settings.phases[0], sizes=(99_999_968,)),))
    with pytest.raises(ConfigError, match=r"one picture at 99999968 pixels does not fit"):
        memory_needed(task, huge)
    assert memory_needed(task, settings)[1] > 0


def test_a_full_main_memory_is_known_by_its_words() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 50)
    assert is_full(refused.value)
    assert is_full(MemoryError())
    assert is_full(torch.OutOfMemoryError())
    assert not is_full(RuntimeError("shapes do not fit"))


@pytest.mark.parametrize(
    ("batch", "remedy"),
    [(4, "--set batch=2 --set accumulate=2"), (1, "smaller --set size or fewer sample.prompts")],
)
def test_memory_that_runs_out_in_a_step_saves_the_run_and_names_a_remedy(
    batch: int,
    remedy: str,
    task: Segmenting,
    settings: TrainSettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    settings = replace(settings, batch=batch)
    about = about_of(settings, task.model)
    train(task, replace(settings, steps=1), about, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("anymask.train.task.converse", full)
        with pytest.raises(
            TrainingError, match=rf"memory is full in step 2; go on with --resume --ov.* {remedy}"
        ):
            train(task, settings, about, tmp_path)
    train(task, settings, about, tmp_path)
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 4


# --- the run's folder ---


@pytest.mark.parametrize(
    "junk", [b"", b"hello", b"\x80\x02.", b"PK\x03\x04", b"{}", bytes(range(256)) * 40]
)
def test_a_checkpoint_of_any_bytes_is_passed_over(
    junk: bytes, task: Segmenting, about: About, tmp_path: Path
) -> None:
    train(task, task.settings, about, tmp_path)
    (tmp_path / "step-00000009.pt").write_bytes(junk)
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 4
    for name in ("step-00000002.pt", "step-00000004.pt"):
        (tmp_path / name).unlink()
    with pytest.raises(StateError, match="none of its 1 checkpoints can be read; begin anew in"):
        latest_checkpoint(tmp_path)


def test_damaged_checkpoints_of_later_steps_push_out_no_good_one(
    task: Segmenting, about: About, tmp_path: Path
) -> None:
    train(task, task.settings, about, tmp_path)
    whole = latest_checkpoint(tmp_path)
    assert whole is not None
    for step in (8, 9):
        (tmp_path / f"step-{step:08d}.pt").write_bytes(b"")
    save_checkpoint(replace(whole, step=5), tmp_path)
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 5
    assert (tmp_path / "step-00000004.pt").exists()
    assert not (tmp_path / "step-00000002.pt").exists()


def test_what_a_killed_run_left_half_written_is_removed_at_the_next_saving(
    task: Segmenting, about: About, tmp_path: Path
) -> None:
    (tmp_path / ".0123.part").write_bytes(b"half")
    train(task, task.settings, about, tmp_path)
    assert not (tmp_path / ".0123.part").exists()
    assert len(list(tmp_path.glob("step-*.pt"))) == 2


def test_lines_of_the_log_that_are_none_are_left_out(
    task: Segmenting, settings: TrainSettings, tmp_path: Path
) -> None:
    train(task, settings, about_of(settings, task.model), tmp_path)
    log = tmp_path / "log.jsonl"
    good = log.read_bytes()
    log.write_bytes(b'3\n[]\n{}\nnull\n{"step": "x"}\n\xff\xfe\x00\n' + good + b'{"step": 4, "lo')
    longer = replace(settings, steps=5)
    train(task, longer, about_of(longer, task.model), tmp_path, override=True)
    lines = log.read_bytes().splitlines(keepends=True)
    assert b"".join(lines[:4]) == good
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5]


def test_a_log_that_cannot_be_written_is_named(
    task: Segmenting, about: About, tmp_path: Path
) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(OutputError, match=r"log.jsonl: cannot be written \(.*\); make room or"):
        train(task, task.settings, about, tmp_path)
    (tmp_path / "log.jsonl").rmdir()
    (tmp_path / "failures-steps.jsonl").mkdir()
    task.source = Unreadable(task.source)
    with pytest.raises(OutputError, match=r"failures-steps.jsonl: cannot be written"):
        train(task, task.settings, about, tmp_path)
    (tmp_path / "failures-steps.jsonl").rmdir()
    train(task, task.settings, about, tmp_path)
    rows = (tmp_path / "failures-steps.jsonl").read_text().splitlines()
    assert {json.loads(row)["input"] for row in rows} == {"discs/lost"}


@dataclass(frozen=True)
class Unreadable:
    """A source that passed over a picture it could not read before each sample."""

    source: Any

    def draw(self, size: int, rng: np.random.Generator) -> Sample:
        sample: Sample = self.source.draw(size, rng)
        return replace(sample, bad=("discs/lost",))


# --- going on ---


def test_a_rate_lowered_at_resuming_is_the_rate_that_is_used(
    task: Segmenting, settings: TrainSettings, mixture: Mixture, tmp_path: Path
) -> None:
    train(task, settings, about_of(settings, task.model), tmp_path)
    before = {name: weight.detach().clone() for name, weight in task.model.named_parameters()}
    slow = OptimizerSettings(rate=1e-12, backbone_rate=1e-12, warmup_steps=2)
    lower = replace(settings, steps=8, optimizer=slow)
    resumed = task_of(task.model, mixture, lower)
    train(resumed, lower, about_of(lower, task.model), tmp_path, override=True)
    for name, weight in resumed.model.named_parameters():
        torch.testing.assert_close(weight.detach(), before[name], rtol=0, atol=1e-9)


def test_another_model_cannot_be_gone_on_with_even_when_meant(
    task: Segmenting, settings: TrainSettings, about: About, mixture: Mixture, tmp_path: Path
) -> None:
    train(task, settings, about, tmp_path)
    other = Sam(replace(small_config(), embedding_dim=48))
    wanted = about_of(settings, other)
    with pytest.raises(ConfigError, match=r"its checkpoints are of another model; begin anew in"):
        train(task_of(other, mixture, settings), settings, wanted, tmp_path, override=True)
    assert [path.name for path in sorted(tmp_path.glob("*.pt"))] == [
        "step-00000002.pt",
        "step-00000004.pt",
    ]


def test_two_runs_with_one_seed_give_the_same_numbers(
    small_model: Sam, mixture: Mixture, settings: TrainSettings, tmp_path: Path
) -> None:
    ends = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        seeded = replace(settings, seed=seed)
        task = task_of(copy.deepcopy(small_model), mixture, seeded)
        average = train(task, seeded, about_of(seeded, task.model), tmp_path / name)
        assert not any(module.training for module in average.modules())
        ends.append(average.state_dict())
    assert all(torch.equal(tensor, ends[1][name]) for name, tensor in ends[0].items())
    assert not all(torch.equal(tensor, ends[2][name]) for name, tensor in ends[0].items())


KILLED_WHILE_SAVING = """
import os, signal, sys
from pathlib import Path
from anymask.train.processes import World
from tests.unit.train.programs import SmallRun, small_settings

fsync, left = os.fsync, [3]

def die(number):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(number)

os.fsync = die
SmallRun(Path(sys.argv[1]), Path(sys.argv[2]), small_settings(steps=6, save_every=1))(World())
"""


@pytest.mark.slow
def test_a_run_killed_while_saving_has_its_checkpoint_and_ends_as_an_unbroken_one(
    tmp_path: Path,
) -> None:
    shard, run, whole = write_shard(tmp_path / "discs.tar"), tmp_path / "run", tmp_path / "whole"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_SAVING, str(shard), str(run)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert killed.returncode == -9
    assert len(list(run.glob(".*.part"))) == 1
    found = latest_checkpoint(run)
    assert found is not None
    assert found.step == 2
    settings = small_settings(steps=6, save_every=1)
    SmallRun(shard, run, settings)(World())
    SmallRun(shard, whole, settings)(World())
    assert list(run.glob(".*.part")) == []
    losses = [
        [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]
        for folder in (run, whole)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert len(losses[0]) == 6


# --- settings ---


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"beta2": 2.0}, r"must have beta2 in \[0, 1\), .* got 2, 0.05, 0.02; leave them out"),
        ({"weight_decay": -5.0}, r"weight_decay >= 0 .* got 0.98, -5, 0.02"),
        ({"rate_floor": -1.0}, r"rate_floor in \[0, 1\], got 0.98, 0.05, -1"),
        ({"milestones": (0.9, 0.1)}, r"milestones must ascend in \(0, 1\), got \(0.9, 0.1\); use"),
        ({"milestones": (0.5, 1.5)}, r"milestones must ascend in \(0, 1\)"),
    ],
)
def test_settings_that_would_fail_at_the_first_step_are_refused_when_made(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        OptimizerSettings(**changes)
    assert OptimizerSettings(milestones=(0.1, 0.9)).beta2 == 0.98


def test_a_seed_too_large_for_a_generator_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"seed must be below 9223372036854775808, got 1000000"):
        TrainSettings(seed=10**22)
    assert TrainSettings(seed=2**63 - 1).seed > 0

"""The loop learns, logs, saves, and goes on as if it had never stopped."""

import copy
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from anymask.data.mixing import Mixture
from anymask.data.samples import SampleSettings
from anymask.data.shards import read_shards
from anymask.errors import DataError, OutputError, StateError
from anymask.model.sam import Sam
from anymask.train.checkpoint import Checkpoint, latest_checkpoint, save_checkpoint
from anymask.train.export import export_default_model
from anymask.train.initialise import ema_decay
from anymask.train.loop import TrainSettings, train
from anymask.train.processes import average_over_processes, run_in_processes
from anymask.train.recipes import default_model
from anymask.train.schedule import SizePhase
from anymask.weights.load import load_model
from tests.scenes import write_shard


def test_run_writes_log_and_two_checkpoints(
    model: Sam, mixture: Mixture, settings: TrainSettings, tmp_path: Path
) -> None:
    average = train(model, mixture, replace(settings, steps=6), tmp_path / "run")
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    saved = sorted(path.name for path in (tmp_path / "run").glob("*.pt"))
    assert saved == ["step-00000004.pt", "step-00000006.pt"]
    checkpoint = latest_checkpoint(tmp_path / "run")
    assert checkpoint is not None
    assert (checkpoint.step, checkpoint.pictures) == (6, 12)
    assert not average.training
    for name, tensor in average.state_dict().items():
        torch.testing.assert_close(checkpoint.average[name], tensor)


def test_resumed_run_equals_an_unbroken_one(
    model: Sam, mixture: Mixture, settings: TrainSettings, tmp_path: Path
) -> None:
    torch.use_deterministic_algorithms(mode=True)
    try:
        whole = train(copy.deepcopy(model), mixture, settings, tmp_path / "whole")
        first = copy.deepcopy(model)
        with pytest.raises(KeyboardInterrupt):
            train(first, _StopsAfter(mixture, 2 * settings.batch), settings, tmp_path / "broken")
        assert latest_checkpoint(tmp_path / "broken") is not None
        resumed = train(copy.deepcopy(model), mixture, settings, tmp_path / "broken")
    finally:
        torch.use_deterministic_algorithms(mode=False)
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], tensor, rtol=1e-5, atol=1e-6)


class _StopsAfter(Mixture):
    """A mixture that is interrupted after some draws, as by Ctrl-C."""

    def __init__(self, other: Mixture, draws: int) -> None:
        self.sets, self.chances, self.left = other.sets, other.chances, draws

    def draw(self, *args: object) -> object:  # type: ignore[override]
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return super().draw(*args)  # type: ignore[arg-type]


@pytest.mark.slow
def test_one_set_of_discs_is_learnt(mixture: Mixture, model: Sam, tmp_path: Path) -> None:
    settings = TrainSettings(
        steps=60,
        batch=2,
        phases=(SizePhase(until=1.0, sizes=(64,)),),
        sample=SampleSettings(prompts=2),
        warmup_steps=5,
        log_every=1,
    )
    train(model, mixture, settings, tmp_path)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    first, last = (
        sum(line["loss1"] for line in part) / len(part) for part in (log[:10], log[-10:])
    )
    assert last < 0.75 * first


def test_checkpoint_that_cannot_be_written_leaves_the_old_one(
    model: Sam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checkpoint(step: int) -> Checkpoint:
        return Checkpoint(
            step=step, seconds=1.0, pictures=2, settings={}, model={}, average={}, optimizer={}
        )

    save_checkpoint(checkpoint(1), tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"could not be written \(No space left on device\)"):
        save_checkpoint(checkpoint(2), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.pt"]
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 1


def test_running_average_starts_short() -> None:
    assert ema_decay(0, 0.999) == pytest.approx(0.1)
    assert ema_decay(100_000, 0.999) == 0.999


def test_exported_model_is_the_running_average(
    model: Sam, mixture: Mixture, settings: TrainSettings, tmp_path: Path
) -> None:
    average = train(model, mixture, settings, tmp_path / "run")
    recipe = export_default_model(tmp_path / "run", tmp_path / "model.safetensors", 96, "2 cores")
    assert (recipe["steps"], recipe["picture_visits"]) == (4, 8)
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.sam.config.input_size == 96
    assert "Model card" in loaded.metadata["card"]
    for name, tensor in average.state_dict().items():
        torch.testing.assert_close(loaded.sam.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


def test_export_before_any_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="holds no checkpoint; run anymask train default first"):
        export_default_model(tmp_path, tmp_path / "model.safetensors", 96, "2 cores")


def test_recipe_needs_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no \.tar shard"):
        default_model(tmp_path, tmp_path / "run", TrainSettings(steps=1), processes=1)


def test_recipe_holds_validation_pictures_back(
    tmp_path: Path, settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path / "discs.tar", 20)
    seen: list[str] = []
    monkeypatch.setattr(
        "anymask.train.recipes.train",
        lambda model, mixture, *_, **__: seen.extend(p.name for g in mixture.sets for p in g),
    )
    default_model(tmp_path, tmp_path / "run", settings, processes=1)
    everything = {p.name for p in read_shards([tmp_path / "discs.tar"])}
    assert everything - set(seen) == {"discs_017"}


def _average_ranks(folder: Path, rank: int) -> None:
    tensors = [torch.full((3,), float(rank)), torch.tensor([[10.0 * rank]])]
    average_over_processes(tensors)
    (folder / f"{rank}.json").write_text(json.dumps([t.tolist() for t in tensors]))


@pytest.mark.slow
def test_two_processes_agree_on_the_mean(tmp_path: Path) -> None:
    run_in_processes(partial(_average_ranks, tmp_path), 2)
    for rank in range(2):
        means = json.loads((tmp_path / f"{rank}.json").read_text())
        assert means == [[0.5, 0.5, 0.5], [[5.0]]]

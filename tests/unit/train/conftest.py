"""A model and a batch small enough for a step in milliseconds."""

from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.data.mixing import Mixture
from anymask.data.samples import SampleSettings
from anymask.data.shards import read_shards
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.train.interaction import TrainingBatch
from anymask.train.loop import TrainSettings, collate
from anymask.train.schedule import SizePhase
from tests.scenes import write_shard


@pytest.fixture
def model() -> Sam:
    torch.manual_seed(0)
    return Sam(tiny(64)).train()


@pytest.fixture
def mixture(tmp_path: Path) -> Mixture:
    return Mixture(read_shards([write_shard(tmp_path / "discs.tar")]))


@pytest.fixture
def batch(mixture: Mixture, model: Sam) -> TrainingBatch:
    rng = np.random.default_rng(0)
    samples = [mixture.draw(64, SampleSettings(prompts=2), rng) for _ in range(2)]
    return collate(samples, model)


@pytest.fixture
def settings() -> TrainSettings:
    return TrainSettings(
        steps=4,
        phases=(SizePhase(until=0.5, sizes=(64,)), SizePhase(until=1.0, sizes=(64, 96))),
        batch=2,
        sample=SampleSettings(prompts=2),
        save_every=2,
        log_every=1,
        warmup_steps=2,
    )

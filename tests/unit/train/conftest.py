"""A model, data and settings small enough for a step in milliseconds."""

from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.configuration import to_mapping
from anymask.data.mixing import Mixture
from anymask.data.samples import SampleSettings
from anymask.data.shards import read_shards
from anymask.model.configs import SamConfig, VitConfig, tiny
from anymask.model.sam import Sam
from anymask.train.batch import TrainingBatch, collate
from anymask.train.run import About
from anymask.train.schedule import SizePhase
from anymask.train.settings import OptimizerSettings, TrainSettings
from anymask.train.task import Samples, Segmenting
from tests.scenes import write_shard


@pytest.fixture
def model() -> Sam:
    torch.manual_seed(0)
    return Sam(tiny(64)).train()


@pytest.fixture
def small_model() -> Sam:
    torch.manual_seed(0)
    return Sam(small_config()).train()


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
        optimizer=OptimizerSettings(warmup_steps=2),
        save_every=2,
        log_every=1,
        check_every=0,
    )


@pytest.fixture
def about(settings: TrainSettings, small_model: Sam) -> About:
    return about_of(settings, small_model)


@pytest.fixture
def task(small_model: Sam, mixture: Mixture, settings: TrainSettings) -> Segmenting:
    return task_of(small_model, mixture, settings)


def about_of(settings: TrainSettings, model: Sam, processes: int = 1) -> About:
    """Give what a test's run is."""
    return About(
        recipe="test",
        settings=to_mapping(settings),
        architecture=to_mapping(model.config),
        data="discs",
        processes=processes,
    )


def task_of(model: Sam, mixture: Mixture, settings: TrainSettings) -> Segmenting:
    """Give a segmenting task of a test."""
    return Segmenting(model=model, settings=settings, source=Samples(mixture, settings.sample))


def small_config() -> SamConfig:
    """Give a SAM so small that saving it costs nothing."""
    vit = VitConfig(width=16, depth=2, num_heads=2, global_blocks=(1,), window=3)
    return SamConfig(
        name="small",
        vit=vit,
        input_size=64,
        embedding_dim=32,
        decoder_mlp_width=32,
        has_mask_scorer=True,
    )

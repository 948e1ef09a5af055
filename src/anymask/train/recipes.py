"""Whole runs, as plain functions."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from anymask.data.mixing import Mixture
from anymask.data.picture import AnnotatedPicture
from anymask.data.shards import find_shards, read_shards
from anymask.data.splits import is_validation
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.train.initialise import initialise
from anymask.train.loop import TrainSettings, train
from anymask.train.processes import run_in_processes
from anymask.train.schedule import SizePhase
from anymask.weights.load import load_model


def default_model(
    data: Path,
    folder: Path,
    settings: TrainSettings,
    *,
    processes: int = 2,
    start: Path | None = None,
) -> None:
    """Train the default model, or go on with a stopped run.

    An ImageNet EfficientNet-Lite under a fresh decoder, pictures growing from 128 to 384 pixels,
    cross entropy and dice in equal parts, drawn prompts, and a box counted as two points. Pictures
    held back for validation are not seen.

    Args:
        data: Folder of tar shards in the SA-1B layout.
        folder: Where checkpoints and the log go.
        settings: The run.
        processes: Processes of one thread each.
        start: Weights file of the same architecture to begin with, instead of the ImageNet
            backbone under a fresh decoder.

    Raises:
        DataError: If the folder holds no usable shard.
        WeightsError: If the weights file cannot be used.
        MissingExtra: If the backbone's ImageNet weights are not installed.
    """
    find_shards(data)
    work = partial(_default_model_process, data, folder, settings, processes, start)
    run_in_processes(work, processes)


def finishing_settings(minutes: float, seed: int) -> TrainSettings:
    """Give the settings of a second, shorter run from trained weights.

    Half the learning rate, large pictures, and as many boxes as clicks.

    Args:
        minutes: Length of the run, minutes of training.
        seed: Seed of everything drawn; another than the first run's.
    """
    return TrainSettings(
        minutes=minutes,
        seed=seed,
        head_rate=1e-3,
        backbone_rate=2e-4,
        box_share=0.5,
        save_every=250,
        phases=(
            SizePhase(until=0.6, sizes=(256, 320)),
            SizePhase(until=1.0, sizes=(320, 384)),
        ),
    )


def _default_model_process(
    data: Path,
    folder: Path,
    settings: TrainSettings,
    processes: int,
    start: Path | None,
    rank: int,
) -> None:
    torch.manual_seed(settings.seed)
    model = Sam(tiny()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start is None:
        initialise(model, settings.seed)
    else:
        loaded = load_model(start, device="cpu", architecture="tiny")
        model.load_state_dict(loaded.sam.state_dict())
    pictures = training_pictures(data, lambda picture: not is_validation(f"{picture.name}.jpg"))
    train(model, Mixture(pictures), settings, folder, rank=rank, processes=processes)


def training_pictures(
    data: Path, keep: Callable[[AnnotatedPicture], bool]
) -> list[AnnotatedPicture]:
    """Read the pictures of a folder of shards that a rule keeps.

    Raises:
        DataError: If the folder holds no usable shard.
    """
    return [picture for picture in read_shards(find_shards(data)) if keep(picture)]

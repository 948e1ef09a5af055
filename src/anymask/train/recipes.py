"""Whole runs, as plain functions."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from anymask.data.mixing import Mixture
from anymask.data.shards import AnnotatedPicture, find_shards, read_shards
from anymask.data.splits import is_validation
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.train.initialise import initialise
from anymask.train.loop import TrainSettings, train
from anymask.train.processes import run_in_processes


def default_model(data: Path, folder: Path, settings: TrainSettings, *, processes: int = 2) -> None:
    """Train the default model, or go on with a stopped run.

    An ImageNet EfficientNet-Lite under a fresh decoder, pictures growing from 128 to 384 pixels,
    cross entropy and dice in equal parts, drawn prompts, and a box counted as two points. Pictures
    held back for validation are not seen.

    Args:
        data: Folder of tar shards in the SA-1B layout.
        folder: Where checkpoints and the log go.
        settings: The run.
        processes: Processes of one thread each.

    Raises:
        DataError: If the folder holds no usable shard.
        MissingExtra: If the backbone's ImageNet weights are not installed.
    """
    find_shards(data)
    run_in_processes(partial(_default_model_process, data, folder, settings, processes), processes)


def _default_model_process(
    data: Path, folder: Path, settings: TrainSettings, processes: int, rank: int
) -> None:
    torch.manual_seed(settings.seed)
    model = Sam(tiny()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    initialise(model, settings.seed)
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

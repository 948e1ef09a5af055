"""Checkpoints of a run: written whole or not at all, the last two kept."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from anymask.errors import OutputError

KEPT = 2
PATTERN = "step-*.pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything a run needs to go on.

    Attributes:
        step: Steps done.
        seconds: Seconds of training so far.
        pictures: Picture visits so far.
        settings: The run's resolved settings, as plain values.
        model: State of the model.
        average: State of the running average of its weights.
        optimizer: State of the optimiser.
    """

    step: int
    seconds: float
    pictures: int
    settings: dict[str, Any]
    model: dict[str, Any]
    average: dict[str, Any]
    optimizer: dict[str, Any]


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> Path:
    """Write a checkpoint beside the earlier ones and remove all but the last two.

    Raises:
        OutputError: If the folder or disk does not take it; earlier checkpoints stay whole.
    """
    path = folder / f"step-{checkpoint.step:08d}.pt"
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__slots__}
    temporary = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        torch.save(fields, buffer)
        with temporary.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: could not be written ({error.strerror})", hint="free space or choose --out"
        ) from error
    for old in sorted(folder.glob(PATTERN))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def latest_checkpoint(folder: Path) -> Checkpoint | None:
    """Give the last checkpoint of a run, or None for a new run."""
    paths = sorted(folder.glob(PATTERN))
    if not paths:
        return None
    fields = torch.load(  # noqa: TID251 - a run's own file, nested as no weights file is
        paths[-1], map_location="cpu", weights_only=True
    )
    return Checkpoint(**fields)

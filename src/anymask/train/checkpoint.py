"""Checkpoints of a run: written whole or not at all, the last two kept."""

import io
import pickle  # noqa: TID251 - only its error is used
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from anymask.configuration import to_mapping
from anymask.errors import ConfigError, StateError
from anymask.masks.atomic import shown_name, write_bytes
from anymask.train.settings import TrainSettings

KEPT = 2
# These change what is told and when, not what is learnt.
FREE_TO_CHANGE = frozenset(
    ("save_every", "log_every", "check_every", "check_masks", "tensorboard", "workers", "compile")
)
PATTERN = "step-*.pt"
LONGEST_SHOWN = 40
# What torch's reader raises over bytes that make no sense.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything a run needs to go on, and everything its weights need to be used.

    Attributes:
        step: Steps done.
        seconds: Seconds of training so far.
        pictures: Picture visits so far.
        recipe: Name of the recipe.
        settings: The run's resolved settings, as plain values.
        architecture: The model's shapes, frame and normalisation, as plain values.
        data: Fingerprint of the training data.
        processes: Number of processes.
        model: State of the model.
        average: State of the running average of its weights.
        optimizer: State of the optimiser.
    """

    step: int
    seconds: float
    pictures: int
    recipe: str
    settings: dict[str, Any]
    architecture: dict[str, Any]
    data: str
    processes: int
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
    buffer = io.BytesIO()
    torch.save(fields, buffer)
    write_bytes(path, buffer.getvalue())
    # Later ones are there only where they could not be read: they must not push out good ones.
    earlier = sorted(old for old in folder.glob(PATTERN) if old.name < path.name)
    for old in earlier[: 1 - KEPT]:
        old.unlink(missing_ok=True)
    # A run that was killed while it saved has left a file as large as a checkpoint.
    for half in folder.glob(".*.part"):
        half.unlink(missing_ok=True)
    return path


def latest_checkpoint(folder: Path) -> Checkpoint | None:
    """Give the last checkpoint of a run that can be read, or None for a new run.

    Raises:
        StateError: If there are checkpoints and none of them can be read.
    """
    paths = sorted(folder.glob(PATTERN), reverse=True)
    for path in paths:
        try:
            return read_run_file(path)
        except DAMAGE:
            continue  # a damaged disk: the one before it is whole
    if paths:
        raise StateError(
            f"{shown_name(folder)}: none of its {len(paths)} checkpoints can be read",
            hint="begin anew in another folder",
        )
    return None


def read_run_file(path: Path) -> Checkpoint:
    """Read one checkpoint."""
    fields = torch.load(  # noqa: TID251 - a run's own file, nested as no weights file is
        path, map_location="cpu", weights_only=True
    )
    return Checkpoint(**fields)


def check_same_run(checkpoint: Checkpoint, wanted: Mapping[str, Any], *, override: bool) -> None:
    """Refuse to go on with a run under other conditions.

    A setting that the run does not know, because it was begun before there was one, had its
    default.

    Args:
        checkpoint: Where the run stands.
        wanted: recipe, settings, architecture, data and processes of the run to be.
        override: Whether differences are meant.

    Raises:
        ConfigError: If something differs; the sentence lists what.
    """
    differences = []
    for name, value in wanted.items():
        before, now = _flat(getattr(checkpoint, name), name), _flat(value, name)
        if name == "settings":
            defaults = _flat(to_mapping(TrainSettings()), name)
            before = {key: defaults[key] for key in now if key in defaults} | before
        differences += [
            f"{key}: {before.get(key, 'none')[:LONGEST_SHOWN]} → "
            f"{now.get(key, 'none')[:LONGEST_SHOWN]}"
            for key in sorted(before.keys() | now.keys())
            if before.get(key) != now.get(key) and key not in FREE_TO_CHANGE
        ]
    if differences and not override:
        shown = "; ".join(differences[:8]) + (" …" if len(differences) > 8 else "")
        raise ConfigError(
            f"the run was begun otherwise in {len(differences)} points ({shown})",
            hint="give the same settings, add --override, or begin anew in another folder",
        )


def _flat(value: object, name: str) -> dict[str, str]:
    """Give a nested table's entries under dotted names, as text."""
    if not isinstance(value, Mapping):
        return {name: str(value)}
    below = name.removeprefix("settings")
    return {
        key: text
        for part, inner in value.items()
        for key, text in _flat(inner, f"{below}.{part}".lstrip(".")).items()
    }

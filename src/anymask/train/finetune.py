"""Fine-tuning: a base, a run that begins from it, and the file that comes out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from anymask.errors import StateError
from anymask.masks.atomic import shown_name
from anymask.train.build import build_task
from anymask.train.checkpoint import latest_checkpoint
from anymask.train.export import averaged_model, model_card, recipe_record
from anymask.train.kept_features import SegmentingKept, keeps_features
from anymask.train.launch import TrainingData, about_run
from anymask.train.loop import Task, train
from anymask.train.processes import World, run_in_processes
from anymask.train.recipes import Recipe
from anymask.train.task import Segmenting
from anymask.weights.cache import weights_folder
from anymask.weights.catalogue import PUBLISHED
from anymask.weights.load import load_model
from anymask.weights.loaded import LoadedModel
from anymask.weights.save import save_model

DEFAULT_BASE = "default"
FEATURES = "features"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The model that training begins from.

    Attributes:
        path: Its file.
        loaded: The model, on the device it is measured on.
    """

    path: Path
    loaded: LoadedModel


@contextmanager
def tiny_numbers_are_zero() -> Iterator[None]:
    """Let this thread, and those it starts, take numbers below 1.2e-38 for zero.

    The gradients of a mask that is nearly right are full of them, and a processor's fast path does
    not take them: matrix products of a backward pass become several times slower. On a processor
    without such a mode nothing changes.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def load_base(name: str, device: str = "auto") -> Base:
    """Load the model that training begins from.

    Args:
        name: "default"; a published checkpoint's name, looked for in the cache folder; or a file.
        device: "auto", "cpu", "cuda", "cuda:0" or "mps".

    Raises:
        WeightsNotFound: If there is no such file or name.
        WeightsError: If the file holds no whole model.
        ConfigError: If the device is unknown or not available.
    """
    loaded = load_model(None if name == DEFAULT_BASE else name, device=device)
    return Base(path=base_path(name), loaded=loaded)


def base_path(name: str) -> Path:
    """Give the file of a base.

    Args:
        name: As `load_base` takes it.
    """
    if name == DEFAULT_BASE:
        return Path(str(files("anymask") / "weights" / "default.safetensors"))
    if name in PUBLISHED:
        return weights_folder() / PUBLISHED[name].file_name
    return Path(name).expanduser()


def run_finetuning(
    recipe: Recipe,
    data: TrainingData,
    folder: Path,
    *,
    processes: int = 1,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - a value, as frozen as a number
    override: bool = False,
) -> None:
    """Train, in this process or in several that are started here.

    Args:
        recipe: The recipe.
        data: What it learns from.
        folder: Where checkpoints and the log go; a run that is there goes on.
        processes: Processes to start here.
        device: Where they compute.
        override: Go on although something differs from how the run was begun.

    Raises:
        AnymaskError: What the first process to fail said.
        KeyboardInterrupt: If Ctrl-C stopped the run, after it was saved; SIGTERM likewise.
    """
    run_in_processes(partial(_work, recipe, data, folder, override), processes, device)


def finetuning_task(recipe: Recipe, data: TrainingData, folder: Path, device: torch.device) -> Task:
    """Give a fine-tuning's task; one that keeps features in the run's folder where that pays.

    Args:
        recipe: The recipe.
        data: What it learns from.
        folder: Folder of the run.
        device: Where the model lies.

    Raises:
        ConfigError: If nothing would learn, or a weight is for no data set.
        WeightsError: If the recipe's start cannot be used.
    """
    task = build_task(recipe, data.sets, data.held_back, device)
    if not keeps_features(recipe) or not isinstance(task, Segmenting):
        return task
    return SegmentingKept(
        model=task.model,
        settings=task.settings,
        source=task.source,
        held_back=task.held_back,
        folder=folder / FEATURES,
    )


def _work(
    recipe: Recipe,
    data: TrainingData,
    folder: Path,
    override: bool,  # noqa: FBT001 - given by position to other processes
    world: World,
) -> None:
    with tiny_numbers_are_zero():
        task = finetuning_task(recipe, data, folder, world.device)
        about = about_run(recipe, data, world.processes)
        train(task, recipe.settings, about, folder, world, override=override)


def write_model(
    run: Path, base: Base, path: Path, hardware: str, *, blend: float = 1.0
) -> dict[str, Any]:
    """Write the result of a run as one file that everything else takes.

    The weights may go a part of the way only from the base to where training ended. What the base
    knew of other pictures is then kept to a larger part than what was learnt is lost.

    Args:
        run: Folder of the run.
        base: The model that training began from.
        path: File to write.
        hardware: What the run was made on, for the record.
        blend: How far to go, in (0, 1]; 1 for the trained weights as they are.

    Returns:
        The recipe that went into the file.

    Raises:
        StateError: If the run has no checkpoint.
        OutputError: If the file cannot be written.

    Source:
        Robust fine-tuning of zero-shot models (Wortsman et al., 2022), section 3.
    """
    checkpoint = latest_checkpoint(run)
    if checkpoint is None:
        raise StateError(f"{shown_name(run)}: holds no checkpoint", hint="train first")
    model = averaged_model(checkpoint)
    kept = base.loaded.sam.state_dict()
    with torch.no_grad():
        for name, weight in model.state_dict().items():
            if weight.is_floating_point():
                weight.copy_(kept[name].to(weight).lerp(weight, blend))
    recipe = recipe_record(checkpoint, hardware) | {
        "base": {"name": shown_name(base.path.name), "sha256": base.loaded.sha256},
        "blend": blend,
        "after": json.loads(base.loaded.metadata.get("recipe", "{}")),
    }
    save_model(model, path, recipe=recipe, card=model_card(checkpoint))
    return recipe

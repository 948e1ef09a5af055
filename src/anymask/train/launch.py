"""A recipe and its data → a run: rehearsed first, then trained in one process or many."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from PIL import Image

from anymask.configuration import to_mapping
from anymask.data.mixing import PictureSet
from anymask.data.picture import AnnotatedPicture
from anymask.masks.atomic import shown_name
from anymask.masks.png import png_bytes
from anymask.train.build import build_task
from anymask.train.checkpoint import check_same_run, latest_checkpoint
from anymask.train.feed import Asked, Draws
from anymask.train.kept_features import with_kept_features
from anymask.train.loop import train
from anymask.train.memory import check_memory, memory_free, memory_needed
from anymask.train.parameters import num_learning
from anymask.train.processes import World, run_in_processes, tiny_numbers_are_zero
from anymask.train.recipes import Recipe
from anymask.train.run import About
from anymask.weights.read import sha256_of

FEATURES = "features"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """What a run learns from.

    Attributes:
        sets: Training pictures.
        held_back: Pictures to measure on.
        fingerprint: Changes when the data does.
    """

    sets: tuple[PictureSet, ...]
    held_back: tuple[AnnotatedPicture, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What is known of a run before its first step.

    Attributes:
        learning: Numbers that learn.
        fixed_bytes: Memory a process needs whatever the batch.
        picture_bytes: Memory for each picture of a batch.
        free_bytes: Memory the device has left, or None.
    """

    learning: int
    fixed_bytes: int
    picture_bytes: int
    free_bytes: int | None

    def bytes_needed(self, batch: int) -> int:
        """Give the memory a process needs for a batch."""
        return self.fixed_bytes + batch * self.picture_bytes


def rehearse(recipe: Recipe, data: TrainingData, processes: int, device: torch.device) -> Rehearsal:
    """Build everything once and learn from one picture, so that what is wrong shows now.

    Args:
        recipe: The recipe.
        data: What it learns from.
        processes: Processes that will share the memory.
        device: Where they will compute.

    Raises:
        ConfigError: If nothing would learn, a setting does not fit, or the memory is too small.
        WeightsError: If the recipe's start cannot be used.
        DataError: If no picture shows a usable mask.
        MissingExtra: If the backbone's ImageNet weights are not installed.
    """
    task = build_task(recipe, data.sets, data.held_back, device)
    task.groups()
    fixed, picture = memory_needed(task, recipe.settings)
    free = memory_free(device)
    sharing = processes if device.type == "cpu" else 1
    check_memory(fixed, picture, free, recipe.settings, sharing)
    return Rehearsal(
        learning=num_learning(task.model),
        fixed_bytes=fixed,
        picture_bytes=picture,
        free_bytes=free,
    )


def draw_batch(recipe: Recipe, data: TrainingData) -> bytes:
    """Give the first batch of a run as the model will see it: a PNG file."""
    task = build_task(recipe, data.sets, (), torch.device("cpu"))
    settings = recipe.settings
    drawn = Draws(task.source, settings.batch, settings.seed)[Asked(0, settings.largest_size)]
    return png_bytes(Image.fromarray(task.draw_batch(drawn)))


def about_run(recipe: Recipe, data: TrainingData, processes: int) -> About:
    """Give what makes a run this run."""
    choices = {
        "start": None if recipe.start is None else named_by_content(recipe.start),
        "frozen": recipe.frozen,
        "low_rank": None if recipe.low_rank is None else to_mapping(recipe.low_rank),
    }
    return About(
        recipe=recipe.name,
        settings=to_mapping(recipe.settings) | choices,
        architecture=to_mapping(recipe.architecture),
        data=data.fingerprint,
        processes=processes,
    )


def named_by_content(path: Path) -> str:
    """Give a weights file's name and the beginning of its hash: the same wherever it lies."""
    return f"{shown_name(path.name)} {sha256_of(path)[:12]}"


def check_resume(folder: Path, about: About, *, override: bool) -> int:
    """Give the step at which a folder's run stands, 0 for a new one.

    Raises:
        ConfigError: If the run was begun otherwise, unless that is meant.
        StateError: If its checkpoints cannot be read.
    """
    found = latest_checkpoint(folder)
    if found is None:
        return 0
    wanted = {name: getattr(about, name) for name in About.__slots__}
    check_same_run(found, wanted, override=override)
    return found.step


def run_recipe(
    recipe: Recipe,
    data: TrainingData,
    folder: Path,
    *,
    processes: int = 1,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - a value, as frozen as a number
    max_restarts: int = 0,
    world: World | None = None,
    override: bool = False,
) -> None:
    """Train, in this process, in several that are started here, or as one that torchrun started.

    Args:
        recipe: The recipe.
        data: What it learns from.
        folder: Where checkpoints, the log and the sheets go; a run that is there goes on.
        processes: Processes to start here.
        device: Where they compute.
        max_restarts: How often all are started again after one died.
        world: This process among those that torchrun started, where it did.
        override: Go on although something differs from how the run was begun.

    Raises:
        AnymaskError: What the first process to fail said.
        KeyboardInterrupt: If Ctrl-C stopped the run, after it was saved; SIGTERM likewise.
    """
    work = partial(_work, recipe, data, folder, override)
    if world is not None:
        work(world)
        return
    run_in_processes(work, processes, device, max_restarts=max_restarts)


def _work(
    recipe: Recipe,
    data: TrainingData,
    folder: Path,
    override: bool,  # noqa: FBT001 - given by position to other processes
    world: World,
) -> None:
    with tiny_numbers_are_zero():
        task = build_task(recipe, data.sets, data.held_back, world.device)
        task = with_kept_features(task, recipe, folder / FEATURES)
        about = about_run(recipe, data, world.processes)
        train(task, recipe.settings, about, folder, world, override=override)

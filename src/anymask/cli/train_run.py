"""A run from the command line: tried out first, and never lost without a word."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from anymask.cli.screen import Screen
from anymask.errors import ConfigError, DataError
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    import torch

    from anymask.train.launch import Rehearsal, TrainingData
    from anymask.train.recipes import Recipe

CHECKPOINTS = "step-*.pt"


def tried_out(
    recipe: "Recipe",
    data: "TrainingData",
    processes: int,
    device: "torch.device",
    screen: Screen,
) -> "Rehearsal":
    """Learn from one picture, so that what is wrong shows before the first step.

    Args:
        recipe: The recipe.
        data: What it learns from.
        processes: Processes that will share the memory.
        device: Where they will compute.
        screen: Where it says that something goes on.

    Raises:
        ConfigError: If the run cannot begin.
    """
    from anymask.train.launch import rehearse

    with screen.working("trying one picture"):
        try:
            return rehearse(recipe, data, processes, device)
        except DataError as error:
            raise ConfigError(f"--data: {error.message}", hint=error.hint) from error


def run_and_tell(run: Callable[[], None], folder: Path, screen: Screen) -> None:
    """Train, and when it is stopped say that nothing is lost.

    Args:
        run: The training.
        folder: Folder of its checkpoints.
        screen: Where to say it.

    Raises:
        KeyboardInterrupt: After Ctrl-C; SystemExit after SIGTERM.
    """
    try:
        run()
    except (KeyboardInterrupt, SystemExit):
        if any(folder.glob(CHECKPOINTS)):
            screen.note(f"{shown_name(folder)} is saved; go on with --resume")
        raise

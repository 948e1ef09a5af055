"""`anymask train`: make models anew."""

import json
import os
import platform
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.average import average_run
from anymask.cli.calibrate import calibrate_run
from anymask.cli.export_run import export_run
from anymask.cli.flags import with_flags
from anymask.cli.screen import Screen, make_screen
from anymask.cli.train_data import DataChoice, longest_kept_px, training_data
from anymask.cli.train_run import CHECKPOINTS, run_and_tell, tried_out
from anymask.cli.train_self import train_self
from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name, write_bytes

if TYPE_CHECKING:
    import torch

    from anymask.train.launch import TrainingData
    from anymask.train.recipes import Recipe

train_app = typer.Typer()
BATCH_PICTURE = "batch.png"
FINISHED = "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainFlags:
    """What `anymask train RECIPE` takes; each field is a flag."""

    data: Annotated[
        list[Path],
        typer.Option(
            metavar="PATH",
            help="Annotated pictures: folder, COCO or LVIS JSON, tar archive; may be repeated.",
        ),
    ]
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where checkpoints, log, sheets and the model go."),
    ]
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="vit_b, vit_l or vit_h, where a recipe has a choice."),
    ] = None
    start: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights to begin with instead of the recipe's own."),
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; see --dry-run for all."),
    ] = None
    minutes: Annotated[float | None, typer.Option(metavar="N", help="Length of the training.")] = (
        None
    )
    validation: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Pictures to measure on; without it a tenth of --data is held back by name.",
        ),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", metavar="", help="Go on with the run in --out.")
    ] = False
    override: Annotated[
        bool,
        typer.Option("--override", metavar="", help="Go on although settings or data differ."),
    ] = False
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            metavar="",
            help="Check everything, print settings and memory, draw one batch, and stop.",
        ),
    ] = False
    processes: Annotated[
        int, typer.Option(metavar="N", help="Processes: one a core, or one a GPU.")
    ] = 1
    max_restarts: Annotated[
        int, typer.Option(metavar="N", help="How often to begin again after a process died.")
    ] = 0
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = "auto"
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Prepared pictures; without it, in --out."),
    ] = None
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", metavar="", help="Leave out up to 1 % of bad samples."),
    ] = False
    allow_overlap: Annotated[
        bool,
        typer.Option(
            "--allow-overlap", metavar="", help="Let pictures be both trained and measured on."
        ),
    ] = False
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of everything drawn.")] = None


def _default(flags: TrainFlags) -> int:
    """Train the default model, the one inside the package.

    Takes hours on a processor. What it costs and how good it gets stands in the model card.

    [bold]Example[/bold]
      anymask train default --data data/train --out runs/default --processes 2
    """
    _refuse_model(flags, "default")
    from anymask.train.recipes import default_model

    return train_recipe(flags, default_model(flags.start))


def _sa1b(flags: TrainFlags) -> int:
    """Train SAM as published, on SA-1B or anything in its layout; made for many GPUs.

    [bold]Example[/bold]
      anymask train sa1b --model vit_b --data sa-1b --out runs/vit-b --start mae.safetensors
    """
    from anymask.train.recipes import sa1b_from_scratch

    return train_recipe(flags, sa1b_from_scratch(flags.model or "vit_b", flags.start))  # type: ignore[arg-type]


def _mae(flags: TrainFlags) -> int:
    """Pre-train a ViT as a masked autoencoder, on pictures alone: a folder of photos will do.

    [bold]Example[/bold]
      anymask train mae --model vit_b --data pictures --out runs/mae
    """
    from anymask.train.recipes import mae_pretrain

    if flags.start is not None:
        raise ConfigError("--start is not for pre-training", hint="leave it out")
    return train_recipe(flags, mae_pretrain(flags.model or "vit_b"))  # type: ignore[arg-type]


def train_recipe(flags: TrainFlags, recipe: "Recipe") -> int:
    """Check a run whole, then train it, and write the model beside its checkpoints.

    Args:
        flags: The command's flags.
        recipe: The recipe, with its own settings.

    Returns:
        The exit code.

    Raises:
        ConfigError: If anything is found wrong before the first step.
    """
    check_flags(flags)
    from anymask.train.processes import tiny_numbers_are_zero

    with tiny_numbers_are_zero():
        return _train_checked(flags, changed_recipe(flags, recipe))


def changed_recipe(flags: TrainFlags, recipe: "Recipe") -> "Recipe":
    """Give the recipe with the settings of the command line.

    Raises:
        ConfigError: If a setting is unknown or out of range.
    """
    from anymask.cli.train_settings import typed, with_changes

    changes = typed(flags.settings, flags.minutes, flags.seed)
    return replace(recipe, settings=with_changes(recipe.settings, changes))


def _train_checked(flags: TrainFlags, recipe: "Recipe") -> int:
    from anymask.train.export import export_model
    from anymask.train.launch import run_recipe
    from anymask.train.processes import join_torchrun, started_by_torchrun, wait_for_all
    from anymask.weights.device import choose_device

    device = choose_device(flags.device)
    world = join_torchrun(device) if started_by_torchrun() else None
    screen = make_screen(is_silent=world is not None and not world.is_first)
    if world is not None and not world.is_first:
        wait_for_all()  # the first one prepares the pictures for all
    data = training_data(_data_choice(flags, recipe), screen)
    if world is not None and world.is_first:
        wait_for_all()
    processes = flags.processes if world is None else world.processes
    if not rehearsed(flags, recipe, data, processes, device, screen):
        return 0
    run = partial(
        run_recipe,
        recipe,
        data,
        flags.out,
        processes=processes,
        device=device,
        max_restarts=flags.max_restarts,
        world=world,
        override=flags.override,
    )
    run_and_tell(run, flags.out, screen)
    if world is None or world.is_first:
        path = flags.out / FINISHED
        export_model(flags.out, path, f"{os.cpu_count()} cores, {platform.machine()}, {device}")
        screen.say(f"trained; the model is {shown_name(path)}")
    return 0


def check_flags(flags: TrainFlags) -> None:
    """Refuse what can be seen to be wrong without opening anything.

    Raises:
        ConfigError: If a flag cannot be used.
    """
    if flags.processes < 1 or flags.max_restarts < 0:
        raise ConfigError(
            f"--processes must be 1 or more and --max-restarts 0 or more, got {flags.processes} "
            f"and {flags.max_restarts}",
            hint="use --processes 2",
        )
    if flags.minutes is not None and not flags.minutes > 0:
        raise ConfigError(f"--minutes must be above 0, got {flags.minutes:g}", hint="use 105")
    _check_out(flags)
    if flags.start is not None and not flags.start.is_file():
        raise ConfigError(
            f"--start {shown_name(flags.start)}: is no file", hint="name a weights file"
        )
    from anymask.train.processes import restarted_by_torchrun

    has_run = any(flags.out.glob(CHECKPOINTS))
    if has_run and not (flags.resume or flags.dry_run or restarted_by_torchrun()):
        raise ConfigError(
            f"--out {shown_name(flags.out)}: holds a run",
            hint="add --resume to go on with it, or choose another folder",
        )


def _check_out(flags: TrainFlags) -> None:
    shown = f"--out {shown_name(flags.out)}"
    try:
        if flags.out.exists() and not flags.out.is_dir():
            raise ConfigError(f"{shown}: is a file", hint="name a folder")
        place = flags.out.resolve()
        around = [p for p in flags.data if p.is_dir() and place.is_relative_to(p.resolve())]
    except OSError as error:  # a name too long, or a folder above it that is closed
        raise ConfigError(
            f"{shown_name(str(error.filename))}: cannot be used ({error.strerror})",
            hint="choose another place",
        ) from error
    if around:
        raise ConfigError(
            f"{shown}: lies inside the data {shown_name(around[0])}",
            hint="choose a folder beside it",
        )


def rehearsed(
    flags: TrainFlags,
    recipe: "Recipe",
    data: "TrainingData",
    processes: int,
    device: "torch.device",
    screen: Screen,
) -> bool:
    """Try the run out before its first step; on a dry run, say everything and draw one batch.

    Returns:
        Whether the run is to begin.

    Raises:
        ConfigError: If it cannot begin.
    """
    from anymask.train.launch import about_run, check_resume, draw_batch

    about = about_run(recipe, data, processes)
    step = check_resume(flags.out, about, override=flags.override)
    if flags.resume:
        screen.note(f"going on at step {step}" if step else "nothing to go on with; beginning anew")
    rehearsal = tried_out(recipe, data, processes, device, screen)
    if not flags.dry_run:
        return True
    write_bytes(flags.out / BATCH_PICTURE, draw_batch(recipe, data))
    record = {
        "recipe": recipe.name,
        "out": shown_name(flags.out),
        "device": str(device),
        "processes": processes,
        "pictures": {group.name: len(group) for group in data.sets},
        "held_back": len(data.held_back),
        "parameters_that_learn": rehearsal.learning,
        "memory_gb": {
            "needed": round(processes * rehearsal.bytes_needed(recipe.settings.batch) / 1e9, 2),
            "free": None if rehearsal.free_bytes is None else round(rehearsal.free_bytes / 1e9, 2),
        },
        "batch_picture": shown_name(flags.out / BATCH_PICTURE),
        "settings": about.settings,
    }
    screen.write(json.dumps(record, indent=2))
    return False


def _refuse_model(flags: TrainFlags, name: str) -> None:
    if flags.model is not None:
        raise ConfigError(f"--model is not for the recipe {name}", hint="leave it out")


def _data_choice(flags: TrainFlags, recipe: "Recipe") -> DataChoice:
    return DataChoice(
        train=flags.data,
        validation=flags.validation or (),
        cache=flags.cache or flags.out / "data",
        folder=flags.out,
        longest_px=longest_kept_px(recipe.settings.largest_size),
        measured=recipe.settings.check_masks,
        skip_bad=flags.skip_bad,
        allow_overlap=flags.allow_overlap,
        needs_masks=recipe.name != "mae",
    )


for _name, _command in (("default", _default), ("sa1b", _sa1b), ("mae", _mae)):
    train_app.command(_name)(with_flags(_command))
for _name, _command in (
    ("default_model", _default),
    ("sa1b_from_scratch", _sa1b),
    ("mae_pretrain", _mae),
):
    train_app.command(_name, hidden=True)(with_flags(_command))
train_app.command("self")(train_self)
train_app.command("export")(export_run)
train_app.command("average")(average_run)
train_app.command("calibrate")(calibrate_run)


@train_app.callback()
def _group() -> None:
    """Train models.

    Everything is checked before the first step; --dry-run shows it. A run that was stopped goes on
    with --resume.

    [bold]Example[/bold]
      anymask train default --data data/train --out runs/default --dry-run
    """

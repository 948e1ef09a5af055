"""`anymask train`: make models anew."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from anymask.cli.export_run import export_run
from anymask.cli.flags import with_flags
from anymask.cli.screen import make_screen
from anymask.errors import ConfigError, DataError
from anymask.masks.atomic import shown_name

train_app = typer.Typer()


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultModelFlags:
    """What `anymask train default` takes; each field is a flag."""

    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of tar archives in the SA-1B layout.")
    ]
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Where checkpoints and the log go. A run that was stopped goes on from there.",
        ),
    ]
    minutes: Annotated[float, typer.Option(metavar="N", help="Length of the training.")] = 105.0
    processes: Annotated[int, typer.Option(metavar="N", help="Processes of one thread each.")] = 2
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of everything drawn.")] = 0
    start: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Weights to finish in a second run: half the rate, large pictures, more boxes.",
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Print the settings and stop.")
    ] = False


def _default(flags: DefaultModelFlags) -> int:
    """Train the default model, the one inside the package.

    Takes hours on a processor. What it costs and how good it gets stands in the model card.

    [bold]Example[/bold]
      anymask train default --data data/train --out runs/default --minutes 105
    """
    if flags.processes < 1:
        raise ConfigError(f"--processes must be 1 or more, got {flags.processes}", hint="use 2")
    if not flags.minutes > 0:
        raise ConfigError(f"--minutes must be above 0, got {flags.minutes:g}", hint="use 105")
    if flags.out.exists() and not flags.out.is_dir():
        raise ConfigError(f"--out {shown_name(flags.out)}: is a file", hint="name a folder")

    from anymask.configuration import to_mapping
    from anymask.data.shards import find_shards
    from anymask.train.loop import TrainSettings
    from anymask.train.recipes import default_model, finishing_settings

    if flags.start is None:
        settings = TrainSettings(minutes=flags.minutes, seed=flags.seed)
    else:
        settings = finishing_settings(flags.minutes, flags.seed)
    try:
        shards = find_shards(flags.data)
    except DataError as error:
        raise ConfigError(f"--data {error.message}", hint=error.hint) from error
    if flags.dry_run:
        record = {
            "data": shown_name(flags.data),
            "shards": len(shards),
            "out": shown_name(flags.out),
            "processes": flags.processes,
            "settings": to_mapping(settings),
        }
        make_screen().write(json.dumps(record, indent=2))
        return 0
    default_model(flags.data, flags.out, settings, processes=flags.processes, start=flags.start)
    make_screen().say(f"trained; the checkpoints are in {shown_name(flags.out)}")
    return 0


train_app.command("default")(with_flags(_default))
train_app.command("export")(export_run)


@train_app.callback()
def _group() -> None:
    """Train models.

    A run that was stopped goes on when the same command is given again.

    [bold]Example[/bold]
      anymask train default --data data/train --out runs/default
    """

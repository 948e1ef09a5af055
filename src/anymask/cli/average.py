"""`anymask train average`: one model from several runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from anymask.cli.flags import with_flags
from anymask.cli.screen import make_screen
from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageFlags:
    """What `anymask train average` takes; each field is a flag."""

    models: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Weights of runs that began from the same weights."),
    ]
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="File to write, .safetensors."),
    ]


def _average(flags: AverageFlags) -> int:
    """Write the mean of the weights of several runs as one model.

    Runs that began from the same weights and learnt from other samples are often better
    together than each alone, at no cost when they are used. Calibrate the scores afterwards.

    [bold]Example[/bold]
      anymask train average runs/a/model.safetensors runs/b/model.safetensors --out mean.safetensors
    """
    if flags.out.suffix != ".safetensors":
        raise ConfigError(
            f"--out {shown_name(flags.out)}: is not a .safetensors file", hint="use that suffix"
        )
    from anymask.train.averaging import average_models

    screen = make_screen()
    with screen.working("reading the models"):
        recipe = average_models(flags.models, flags.out)
    visits = f"{recipe['picture_visits']:,.0f} picture visits of their own"
    screen.say(f"wrote {shown_name(flags.out)}: the mean of {len(flags.models)} models, {visits}")
    return 0


average_run = with_flags(_average)

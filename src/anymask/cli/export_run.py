"""`anymask train export`: a finished run becomes a weights file."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from anymask.cli.flags import with_flags
from anymask.cli.screen import make_screen
from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFlags:
    """What `anymask train export` takes; each field is a flag."""

    run: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the run.")]
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="File to write, .safetensors.")
    ]
    after: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights the run started from; kept in the record."),
    ] = None
    input_size: Annotated[
        int | None,
        typer.Option(metavar="PX", help="Side of the frame the model will be used at."),
    ] = None


def _export(flags: ExportFlags) -> int:
    """Write the averaged weights of a run as one file that --model takes.

    Numbers are halved to 16 bits; settings, card and length of the run travel inside.

    [bold]Example[/bold]
      anymask train export --run runs/default --out my-model.safetensors
    """
    if flags.out.suffix != ".safetensors":
        raise ConfigError(
            f"--out {shown_name(flags.out)}: is not a .safetensors file", hint="use that suffix"
        )

    if flags.run.is_file():
        raise ConfigError(
            f"--run {shown_name(flags.run)}: is a file", hint="name the folder of the run"
        )

    from anymask.train.export import export_model

    hardware = f"{os.cpu_count()} cores, {platform.machine()}"
    recipe = export_model(
        flags.run, flags.out, hardware, input_size=flags.input_size, after=flags.after
    )
    make_screen().say(
        f"wrote {shown_name(flags.out)}: {recipe['steps']} steps, "
        f"{recipe['picture_visits']} picture visits, {recipe['minutes']} minutes"
    )
    return 0


export_run = with_flags(_export)

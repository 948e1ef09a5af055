"""The program `anymask`: its commands, and the door through which every error leaves."""

import sys
from typing import Annotated

import typer
from typer.main import get_command

from anymask.cli.convert import convert_command
from anymask.cli.data import data_app
from anymask.cli.door import run
from anymask.cli.embed import embed_command
from anymask.cli.evaluate import evaluate_command
from anymask.cli.everything import everything
from anymask.cli.explain import explain_command
from anymask.cli.export import export_app
from anymask.cli.filter import filter_command
from anymask.cli.finetune import finetune
from anymask.cli.info import info
from anymask.cli.models import models_app
from anymask.cli.replay import replay
from anymask.cli.segment import segment
from anymask.cli.serve import serve_command
from anymask.cli.train import train_app

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
app.command("segment")(segment)
app.command("serve")(serve_command)
app.command("everything")(everything)
app.command("explain")(explain_command)
app.command("filter")(filter_command)
app.command("embed")(embed_command)
app.command("convert")(convert_command)
app.command("replay")(replay)
app.command("info")(info)
app.add_typer(models_app, name="models")
app.add_typer(export_app, name="export")
app.command("evaluate")(evaluate_command)
app.add_typer(train_app, name="train")
app.command("finetune")(finetune)
app.add_typer(data_app, name="data")


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    *,
    version: Annotated[
        bool, typer.Option("--version", metavar="", help="Print the version and stop.")
    ] = False,
    debug: Annotated[  # noqa: ARG001 - main takes it out of the arguments, wherever it stands
        bool,
        typer.Option(
            "--debug", metavar="", help="Show the whole trace of an error; works anywhere."
        ),
    ] = False,
) -> None:
    """Point at something in a photo, get its mask.

    Every command tells more with --help.

    [bold]Example[/bold]
      anymask segment photo.jpg --point 320,240
    """
    if version:
        from anymask import __version__

        typer.echo(f"anymask {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> int:
    """Run the command that the program's arguments name, and give its exit code.

    Returns:
        0 all done, 1 could not go on, 2 wrong use, 3 some inputs failed, 130 stopped by Ctrl-C.
    """
    words = sys.argv[1:]
    before_files = words[: words.index("--")] if "--" in words else words
    is_debug = "--debug" in before_files
    if is_debug:
        words.remove("--debug")

    def call() -> object:
        return get_command(app).main(words, prog_name="anymask", standalone_mode=False)

    return run(call, is_debug=is_debug)

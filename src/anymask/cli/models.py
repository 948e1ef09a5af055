"""`anymask models`: the checkpoints there are, where they lie, and how to bring them here."""

import json
import time
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from anymask.cli.door import SOME_FAILED, spoken
from anymask.cli.flags import with_flags
from anymask.cli.model_facts import (
    DEFAULT,
    default_facts,
    default_path,
    facts_of,
    path_of,
    state,
    told,
)
from anymask.cli.screen import Screen, make_screen
from anymask.errors import AnymaskError, ConfigError, WeightsNotFound
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.weights.catalogue import PublishedFile

models_app = typer.Typer()

_Json = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON record a line.")]
_OneName = Annotated[str, typer.Argument(metavar="NAME", help="A name from anymask models list.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFlags:
    """What `anymask models list` takes."""

    json: _Json = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadFlags:
    """What `anymask models download` takes."""

    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Names from anymask models list.")
    ]
    timeout: Annotated[
        float,
        typer.Option(metavar="S", help="Seconds in which a server must accept a connection."),
    ] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoFlags:
    """What `anymask models info` takes."""

    name: _OneName
    json: _Json = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFlags:
    """What `anymask models path` takes."""

    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Which one; without it, the folder of all is printed."),
    ] = None


def fetch_before(screen: Screen, model: str | None) -> None:
    """Bring the published checkpoint a command asks for, before it shows that it is loading.

    Args:
        screen: Where a waiting line goes; the bar is on standard error.
        model: What was given as model; anything but the name of a published one is left alone.

    Raises:
        WeightsError: If no server gives it.
        OutputError: If the cache cannot take it.
    """
    from anymask.weights.catalogue import PUBLISHED
    from anymask.weights.download import fetch

    if model is not None and model in PUBLISHED:
        fetch(PUBLISHED[model], on_note=screen.note)


def checkpoint_file(model: str | None) -> Path | None:
    """Give the file that a command's model names; None for the default and for published ones.

    Args:
        model: What was given as model.
    """
    from anymask.weights.catalogue import PUBLISHED

    if model is None or model == DEFAULT or model in PUBLISHED:
        return None
    return Path(model).expanduser()


def _list(flags: ListFlags) -> int:
    """List the models that --model takes by name, and which are here.

    [bold]Example[/bold]
      anymask models list
    """
    from anymask.weights.catalogue import PUBLISHED
    from anymask.weights.unfetched import megabytes

    screen = make_screen()
    rows = [default_facts(), *map(facts_of, PUBLISHED.values())]
    if flags.json:
        for row in rows:
            screen.write(json.dumps(row))
        return 0
    table = Table(box=None, padding=(0, 1))
    for title in ("name", "size", "licence", "state"):
        table.add_column(title, justify="right" if title == "size" else "left")
    for row in rows:
        table.add_row(row["name"], megabytes(row["num_bytes"]), row["licence"], state(row))
    screen.out.print(table, soft_wrap=False)
    return 0


def _download(flags: DownloadFlags) -> int:
    """Bring published checkpoints here, each whole and checked, and say where they lie.

    What is here already is checked; what broke off is gone on with.

    [bold]Example[/bold]
      anymask models download sam_vit_b
    """
    screen = make_screen()
    if not 0 < flags.timeout <= 3600:
        raise ConfigError(
            f"--timeout must be more than 0 and at most 3600, got {flags.timeout:g}", hint="use 10"
        )
    if DEFAULT in flags.names:
        screen.note(f"{DEFAULT}: is in the package, nothing to do")
    wanted = [_published(name) for name in dict.fromkeys(flags.names) if name != DEFAULT]
    failed = 0
    for published in wanted:
        try:
            path = _fetched(screen, published, flags.timeout)
        except AnymaskError as error:
            if len(wanted) == 1:
                raise
            message, hint = spoken(error)
            message = message.removeprefix(f"{published.name}: ")
            screen.failed(published.name, f"{message}; {hint}" if hint else message)
            failed += 1
        else:
            screen.say(shown_name(path))
    return SOME_FAILED if failed else 0


def _info(flags: InfoFlags) -> int:
    """Tell everything about one model: file, hash, licence, addresses, and whether it is whole.

    [bold]Example[/bold]
      anymask models info mobile_sam
    """
    from anymask.weights.download import is_whole

    screen = make_screen()
    if flags.name == DEFAULT:
        facts = default_facts()
    else:
        published = _published(flags.name)
        facts = facts_of(published)
        with screen.working(f"reading {published.file_name}"):
            facts["is_whole"] = (
                is_whole(published, path_of(published)) if facts["is_here"] else None
            )
    if flags.json:
        screen.write(json.dumps(facts))
        return 0
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in told(facts):
        table.add_row(name, value)
    screen.out.print(table, soft_wrap=False)
    return 0


def _path(flags: PathFlags) -> int:
    """Print where a model's file lies, for use in other commands; without a name, the folder.

    [bold]Example[/bold]
      anymask models path
    """
    from anymask.weights.cache import is_there, weights_folder

    screen = make_screen()
    if flags.name is None:
        screen.write(shown_name(weights_folder()))
        return 0
    path = default_path() if flags.name == DEFAULT else path_of(_published(flags.name))
    if not is_there(path):
        raise WeightsNotFound(
            f"{flags.name}: {path.name} is not in {shown_name(path.parent)}",
            hint=f"run anymask models download {flags.name}",
        )
    screen.write(shown_name(path))
    return 0


def _published(name: str) -> "PublishedFile":
    from anymask.weights.catalogue import PUBLISHED

    if name not in PUBLISHED:
        near = get_close_matches(name.lower(), [*PUBLISHED, DEFAULT], n=1)
        raise ConfigError(
            f"{shown_name(name)}: no model of that name",
            hint=f"did you mean {near[0]}" if near else f"use {', '.join(PUBLISHED)}",
        )
    return PUBLISHED[name]


def _fetched(screen: Screen, published: "PublishedFile", timeout_s: float) -> Path:
    """Give a checkpoint's file, whole, and tell what was done for it."""
    from anymask.weights.download import fetch, is_whole
    from anymask.weights.unfetched import megabytes

    path, began = path_of(published), time.monotonic()
    with screen.working(f"looking at {published.file_name}"):
        is_there = is_whole(published, path)
    if is_there:
        screen.note(f"{published.name}: is here already, as published")
        return path
    if facts_of(published)["is_here"]:
        screen.note(f"{published.name}: {path.name} is not as published; fetching it anew")
    path = fetch(published, timeout_s=timeout_s, on_note=screen.note, is_checked=True)
    seconds = time.monotonic() - began
    screen.note(f"{published.name}: fetched {megabytes(published.num_bytes)} in {seconds:.0f} s")
    return path


models_app.command("list")(with_flags(_list))
models_app.command("download")(with_flags(_download))
models_app.command("info")(with_flags(_info))
models_app.command("path")(with_flags(_path))


@models_app.callback()
def _group() -> None:
    """List, bring and look at published checkpoints.

    [bold]Example[/bold]
      anymask models list
    """

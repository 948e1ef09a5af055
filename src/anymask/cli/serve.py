"""`anymask serve`: the web page, on this computer."""

import importlib.util
import json
import os
import secrets
import sys
import threading
import webbrowser
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from anymask.cli.flags import with_flags
from anymask.cli.loading import load_model
from anymask.cli.photo_flags import (
    DeviceFlag,
    EngineFlag,
    InputSizeFlag,
    MaxPixelsFlag,
    ModelFlag,
    PrecisionFlag,
)
from anymask.cli.screen import Screen, make_screen
from anymask.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from anymask.serve.settings import ServeSettings

_WHO = "Who may use it"
_NEEDED = ("fastapi", "uvicorn")
_MEGABYTE = 1 << 20
_TOKEN_BYTES = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeFlags:
    """What `anymask serve` takes; each field is a flag."""

    port: Annotated[
        int | None,
        typer.Option(metavar="N", help="Where it listens; 0 takes a free port, 8765 if left out."),
    ] = None
    no_open: Annotated[
        bool, typer.Option("--no-open", metavar="", help="Do not open a browser.")
    ] = False
    max_upload: Annotated[
        int, typer.Option(metavar="MB", help="Largest picture file that is taken.")
    ] = 64
    max_pixels: MaxPixelsFlag = None
    json: Annotated[
        bool,
        typer.Option(
            "--json", metavar="", help="Print one JSON line, with url and port, once ready."
        ),
    ] = False
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST",
            help="Name or address it listens on; 0.0.0.0 for all networks of this computer.",
            rich_help_panel=_WHO,
        ),
    ] = "127.0.0.1"
    token: Annotated[
        bool,
        typer.Option(
            "--token",
            metavar="",
            help="Ask for a random word, which stands in the address that is printed.",
            rich_help_panel=_WHO,
        ),
    ] = False
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            metavar="",
            help="Let everyone on the network in, without a token.",
            rich_help_panel=_WHO,
        ),
    ] = False
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A further name by which browsers may call this server; may be repeated.",
            rich_help_panel=_WHO,
        ),
    ] = None
    model: ModelFlag = None
    input_size: InputSizeFlag = None
    device: DeviceFlag = "auto"
    engine: EngineFlag = "torch"
    precision: PrecisionFlag = "auto"


def _serve(flags: ServeFlags) -> int:
    """Open the web page: hover, click, box, everything and cut-outs.

    It runs on this computer, for this computer alone, and nothing leaves it.
    Other computers reach it only with --host and --token.

    [bold]Examples[/bold]
      anymask serve
      anymask serve --port 0 --no-open
      anymask serve --host 0.0.0.0 --token
    """
    _check_installed()
    _check(flags)
    from anymask.serve.listening import USUAL_PORT, listen

    screen = make_screen()
    with listen(flags.host, flags.port) as listening:
        port = listening.getsockname()[1]
        if flags.port is None and port != USUAL_PORT:
            screen.note(f"port {USUAL_PORT} is taken, so port {port} is used")
        model = load_model(flags, screen)
        with screen.working("starting"):
            from anymask.serve.run import serve

        settings = _settings(flags, port)
        serve(
            model,
            settings,
            listening=listening,
            on_ready=lambda url: _announce(url, port, flags, screen),
        )
    return 0


serve_command = with_flags(_serve)


def _check_installed() -> None:
    if not all(importlib.util.find_spec(package) for package in _NEEDED):
        raise MissingExtra(
            "the web page needs fastapi and uvicorn, which are not installed",
            hint="run: pip install 'anymask[serve]'",
        )


def _check(flags: ServeFlags) -> None:
    from anymask.serve.listening import is_local

    if flags.max_upload < 1:
        raise ConfigError(
            f"--max-upload {flags.max_upload}: must be 1 or more", hint="give megabytes"
        )
    if not (is_local(flags.host) or flags.token or flags.insecure):
        raise ConfigError(
            f"--host {flags.host!r} lets other computers in",
            hint="add --token, so that only who has the printed address gets in, or --insecure",
        )


def _settings(flags: ServeFlags, port: int) -> "ServeSettings":
    from anymask.serve.listening import names_here
    from anymask.serve.settings import ServeSettings

    # The host itself is known with its port alone.
    others = [name for name in names_here(flags.host) if name != flags.host]
    return ServeSettings(
        host=flags.host,
        port=port,
        token=secrets.token_urlsafe(_TOKEN_BYTES) if flags.token else None,
        allowed_hosts=(*others, *(flags.allow_host or ())),
        upload_bytes=flags.max_upload * _MEGABYTE,
        max_pixels=flags.max_pixels,
        is_insecure=flags.insecure,
    )


def _announce(url: str, port: int, flags: ServeFlags, screen: Screen) -> None:
    from anymask.serve.listening import is_local

    if flags.json:
        screen.write(json.dumps({"url": url, "port": port}))
    else:
        screen.say(Text.assemble("anymask is at ", (url, "bold cyan")))
        screen.out.file.flush()
    screen.err.print(Text("Pictures stay on this computer. Ctrl-C stops.", style="dim"))
    if not is_local(flags.host):
        who = "Who has this address" if flags.token else "Everyone on the network"
        screen.note(f"{who} can use the page; what they open there comes to this computer")
    if not flags.no_open and _has_browser():
        # A browser that runs in the terminal would hold up the server.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _has_browser() -> bool:
    """Say whether there is a screen for a browser; one in the terminal would fill it."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))

"""What the reference pages print: help texts, public signatures, the errors.

Cog calls these functions from the pages of docs/reference (`make docs-cli`).
"""

import contextlib
import inspect
import io
import os
import re
import sys
from collections.abc import Iterator
from unittest import mock

import anymask
from anymask import errors

COLUMNS = "90"


def command_help() -> str:
    """Give the help text of the program and of each of its commands, in Markdown."""
    top = printed_help()
    parts = [f"\n```text\n{top}\n```\n"]
    for command in command_names():
        parts.append(f"\n## anymask {command}\n\n```text\n{printed_help(command)}\n```\n")
    return "".join(parts) + "\n"


def command_names() -> list[str]:
    """Give the names of all commands, groups before their members."""
    from typer.main import get_command

    from anymask.cli.main import app

    return list(_names_below(get_command(app), ()))


def _names_below(command: object, path: tuple[str, ...]) -> Iterator[str]:
    for name, member in getattr(command, "commands", {}).items():
        if member.hidden:
            continue
        yield " ".join((*path, name))
        yield from _names_below(member, (*path, name))


def printed_help(command: str = "") -> str:
    """Give what `anymask COMMAND --help` prints, without colours, at a fixed width."""
    from anymask.cli.main import main

    out = io.StringIO()
    settings = {"COLUMNS": COLUMNS, "TERMINAL_WIDTH": COLUMNS, "NO_COLOR": "1", "TERM": "dumb"}
    with (
        mock.patch.dict(os.environ, settings),
        mock.patch.object(sys, "argv", ["anymask", *command.split(), "--help"]),
        contextlib.redirect_stdout(out),
        contextlib.suppress(SystemExit),
    ):
        main()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    return "\n".join(line.rstrip() for line in plain.strip().splitlines())


def public_names() -> str:
    """Give signature and docstring of every public name and its public members, in Markdown."""
    parts = []
    for name in sorted(vars(anymask)["__all__"], key=str.lower):
        value = getattr(anymask, name)
        if callable(value):
            parts.append(f"\n## `anymask.{name}`\n\n{described(name, value)}")
        if inspect.isclass(value):
            parts += [
                f"\n### `{name}.{member}`\n\n{described(member, getattr(value, member))}"
                for member in public_members(value)
            ]
    return "".join(parts) + "\n"


def public_members(class_: type) -> list[str]:
    """Give the names of a class's own methods and properties, in the order of the source."""
    members = [
        name
        for name, value in vars(class_).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod))
    ]
    return members


def described(name: str, value: object) -> str:
    """Give a signature and a docstring as one block of text."""
    try:
        head = f"{name}{inspect.signature(value)}" if callable(value) else name
    except ValueError:
        head = name
    text = inspect.getdoc(value) or ""
    return f"```text\n{plain_types(head)}\n\n{text}\n```\n"


def plain_types(signature: str) -> str:
    """Shorten the full names of types to what the source says."""
    short = re.sub(r"\b(?:anymask|torch|numpy|pathlib|collections|typing)(?:\.\w+)*\.(\w+)", r"\1",
                   signature)  # fmt: skip
    short = re.sub(r"<class '([\w.]+)'>", r"\1", short)
    # numpy writes its aliases out in full
    short = re.sub(r"ndarray\[tuple\[Any, \.\.\.\], dtype\[(\w+)\]\]", r"NDArray[\1]", short)
    any_array = r"Union\[_Buffer.*?_NestedSequence\[complex \| bytes \| str\](, NoneType)?\]"
    return re.sub(any_array, lambda m: "ArrayLike | None" if m.group(1) else "ArrayLike", short)


def error_table() -> str:
    """Give every error with its meaning, its parents and its exit code, in Markdown."""
    rows = ["| error | also a | exit code | raised when |", "| --- | --- | ---: | --- |"]
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, errors.AnymaskError):
            parents = ", ".join(f"`{base.__name__}`" for base in value.__bases__)
            meaning = (inspect.getdoc(value) or "").splitlines()[0]
            rows.append(f"| `{name}` | {parents} | {value.exit_code} | {meaning} |")
    return "\n" + "\n".join(rows) + "\n\n"

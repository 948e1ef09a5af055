import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from anymask.cli.flags import with_flags, words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command below takes."""

    names: Annotated[list[str], typer.Argument()]
    large_size: Annotated[int, typer.Option(help="How large.")] = 3
    is_loud: Annotated[bool, typer.Option("--loud")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreFlags:
    """Flags of every kind."""

    names: Annotated[list[str], typer.Argument()]
    large_size: Annotated[int, typer.Option(help="How large.")] = 3
    is_loud: Annotated[bool, typer.Option("--loud")] = False
    keep: Annotated[list[str] | None, typer.Option("-k", "--keep")] = None
    mend: Annotated[bool, typer.Option("--mend/--no-mend")] = True


def command(flags: Flags) -> int:
    """Say what was given."""
    print(flags.names, flags.large_size, flags.is_loud)
    return 5


def run(*words):
    app = typer.Typer()
    app.command()(with_flags(command))
    return CliRunner().invoke(app, words)


def test_fields_become_flags_with_their_defaults():
    assert run("a", "b").output == "['a', 'b'] 3 False\n"
    assert run("a", "--large-size", "9", "--loud").output == "['a'] 9 True\n"


def test_a_field_without_a_default_is_required():
    assert run().exit_code == 2


def test_help_is_the_commands_own():
    text = run("--help").output
    assert "Say what was given." in text
    assert "How large." in text


def test_the_commands_answer_is_kept():
    wrapped = with_flags(command)
    assert wrapped(names=["a"]) == 5
    assert list(inspect.signature(wrapped).parameters) == ["names", "large_size", "is_loud"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--large-size=9", "--loud"],
        ["--large-size=-4"],
        ["--keep=a,b", "--keep=-c", "--no-mend"],
    ],
)
def test_flags_are_written_as_they_were_typed(words):
    seen = []

    def keep(flags: MoreFlags) -> int:
        seen.append(words_of(flags, without={"names"}))
        return 0

    app = typer.Typer()
    app.command()(with_flags(keep))
    CliRunner().invoke(app, ["a", *words])
    assert seen == [words]


def test_fields_may_be_left_out():
    flags = MoreFlags(names=["a"], large_size=9, is_loud=True)
    assert words_of(flags, without={"names", "large_size"}) == ["--loud"]

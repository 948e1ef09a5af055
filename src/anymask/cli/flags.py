"""A record's fields as a command's flags, and back as the words that were typed."""

import dataclasses
import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeVar, get_type_hints

Options = TypeVar("Options")


def with_flags(function: Callable[[Options], int]) -> Callable[..., int]:
    """Give a function that Typer sees as taking one flag for each field of a record.

    A command has more flags than a function should have parameters; so the flags are the fields
    of one frozen dataclass, each annotated with its `typer.Option` or `typer.Argument`.

    Args:
        function: The command: takes the record as its only argument and gives the exit code.

    Returns:
        The same command with the fields as keyword arguments.
    """
    (record,) = (kind for name, kind in get_type_hints(function).items() if name != "return")
    hints = get_type_hints(record, include_extras=True)

    def command(**values: Any) -> int:  # noqa: ANN401 - Typer gives what the fields ask for
        return function(record(**values))

    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__annotations__ = hints
    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[field.name],
            default=_default_of(field),
        )
        for field in dataclasses.fields(record)
    ]
    vars(command)["__signature__"] = inspect.Signature(parameters)
    return command


def words_of(record: object, *, without: Collection[str]) -> list[str]:
    """Give the words that make a command see a record again.

    Args:
        record: The flags, a dataclass as `with_flags` takes it.
        without: Names of fields that are left out; positional arguments must be.

    Returns:
        "--flag" and "--flag=value" words of all fields that differ from their defaults.
    """
    hints = get_type_hints(type(record), include_extras=True)
    words: list[str] = []
    for field in dataclasses.fields(record):  # type: ignore[arg-type]  # any dataclass
        value = getattr(record, field.name)
        if field.name in without or value == _default_of(field):
            continue
        (option,) = hints[field.name].__metadata__
        # Inside Annotated, Typer takes the first name for a default until it builds the command.
        names = [str(name) for name in (option.default, *(option.param_decls or ()))]
        long = next((name for name in names if name.startswith("--")), None)
        on, _, off = (long or f"--{field.name.replace('_', '-')}").partition("/")
        if isinstance(value, bool):
            words.append(on if value else off)
        else:
            values = value if isinstance(value, list | tuple) else [value]
            words += [f"{on}={one}" for one in values]
    return words


def _default_of(field: "dataclasses.Field[Any]") -> object:
    if field.default is dataclasses.MISSING:
        return inspect.Parameter.empty
    return field.default

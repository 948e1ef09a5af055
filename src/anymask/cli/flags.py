"""A record's fields as a command's flags."""

import dataclasses
import inspect
from collections.abc import Callable
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


def _default_of(field: "dataclasses.Field[Any]") -> object:
    if field.default is dataclasses.MISSING:
        return inspect.Parameter.empty
    return field.default

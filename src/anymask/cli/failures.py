"""The list of inputs that failed, beside the outputs of those that did not."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from anymask.cli.door import spoken
from anymask.cli.outputs import FAILURES, Plan
from anymask.cli.photos import Photo
from anymask.cli.screen import Screen
from anymask.errors import AnymaskError, InputError, OutputError
from anymask.masks.atomic import shown_name


def tell_failure(
    plan: Plan, photo: Photo, error: InputError, screen: Screen, *, is_for_programs: bool
) -> None:
    """Say that one photo of many failed: on the screen, in the list, and to programs.

    Args:
        plan: Where the outputs go; the list stands there if there are files at all.
        photo: The photo.
        error: Why.
        screen: Where to print.
        is_for_programs: Whether it is printed as JSON too.

    Raises:
        OutputError: If the list cannot be written.
    """
    message, hint = spoken(error)
    sentence = message.removeprefix(f"{photo.shown}: ")
    screen.failed(photo.shown, f"{sentence}; {hint}" if hint else sentence)
    if plan.formats or plan.sets:
        add_failure(plan.folder, photo, error, message, hint)
    if is_for_programs:
        print_failure(photo, error, screen)


def print_failure(photo: Photo, error: InputError, screen: Screen) -> None:
    """Print a failure for programs.

    Args:
        photo: The photo.
        error: Why.
        screen: Where to print.
    """
    from anymask.cli.records import error_line

    screen.write(error_line(photo, error, *spoken(error)))


def add_failure(
    folder: Path, photo: Photo, error: AnymaskError, message: str, hint: str | None
) -> Path:
    """Add a line to a folder's list of failures; earlier lines stay.

    Args:
        folder: The folder of the outputs.
        photo: The photo that failed.
        error: Why.
        message: The error's message as people read it.
        hint: What to do, or None.

    Returns:
        The list: one JSON record a line with time, input, code, message and hint.

    Raises:
        OutputError: If it cannot be written.
    """
    path = folder / FAILURES
    name = os.fsencode(photo.path)
    is_told = photo.path == photo.shown
    record = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "input": photo.shown,
        "input_bytes": None if is_told else name.hex(),
        "code": type(error).__name__,
        "message": message,
        "hint": hint,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="ascii") as file:
            file.write(json.dumps(record) + "\n")
    except OSError as problem:
        raise OutputError(
            f"{shown_name(path)}: cannot be written ({problem.strerror or problem})",
            hint="choose a folder you can write to",
        ) from problem
    return path

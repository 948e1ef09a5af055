"""The list of inputs that failed, beside the outputs of those that did not."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from anymask.cli.outputs import FAILURES
from anymask.cli.photos import Photo
from anymask.errors import AnymaskError, OutputError
from anymask.masks.atomic import shown_name


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

"""Trials of a search for a better model: one JSON line each, failures included."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anymask.configuration import from_mapping, to_mapping
from anymask.errors import ConfigError, DataError
from anymask.masks.atomic import shown_name, write_bytes

FIGURES = ("click", "oracle", "clicks_3", "box")
COLUMNS = (
    "trial",
    "picture visits",
    "minutes",
    "frame",
    "one click",
    "best of 3",
    "three clicks",
    "box",
    "one click, against",
    "kept",
    "what it was",
)
KEPT = MappingProxyType({True: "yes", False: "no", None: "open"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Figures on pictures that training held back: means over sets of the masks' IoU.

    Attributes:
        click: One click, best scored of three guesses.
        oracle: One click, best of the three guesses.
        clicks_3: Three clicks.
        box: The tight box.
        masks: How many masks were asked about.
        pictures: On how many pictures.
        input_size: Side of the model frame, pixels.
        intervals_95: 95 % intervals of the means, by figure.
    """

    click: float
    oracle: float
    clicks_3: float
    box: float
    masks: int
    pictures: int
    input_size: int
    intervals_95: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Versus:
    """The difference to another trial on the same masks.

    Attributes:
        name: The other trial.
        differences: By figure: this one's mean less the other's, and the lower and upper bound of
            its 95 % interval.
    """

    name: str
    differences: Mapping[str, tuple[float, float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One trial.

    Attributes:
        name: What it is called; no two are called the same.
        date: Day it was measured, as 2026-11-22.
        recipe: Name of the recipe.
        start: What its weights began from.
        data: What it was trained on: a fingerprint of the sets, or words.
        steps: Steps of training, all runs that led to it together.
        pictures: Picture visits, likewise.
        minutes: Minutes of training, likewise.
        hardware: What it was trained on.
        seed: Seed of its last run.
        note: What was tried and what came of it, in a sentence or two.
        settings: All settings of its last run.
        weights: SHA-256 of the file that was measured, or None.
        val: Its figures on held-back pictures; None where there was nothing to measure.
        versus: How it compares with another trial, or None.
        kept: Whether the next trials build on it; None while that is open.
    """

    name: str
    date: str
    recipe: str
    start: str
    data: str
    steps: int
    pictures: int
    minutes: float
    hardware: str
    seed: int
    note: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None
    val: Validation | None = None
    versus: Versus | None = None
    kept: bool | None = None

    def __post_init__(self) -> None:
        for text, title in ((self.name, "name"), (self.note, "note")):
            if not text.strip():
                raise ConfigError(f"a trial needs a {title}", hint=f"give --{title}")
        try:
            date.fromisoformat(self.date)
        except ValueError as error:
            raise ConfigError(
                f"date {self.date!r} is no day", hint="write it as 2026-11-22"
            ) from error


def read_trials(path: Path) -> tuple[Trial, ...]:
    """Give the trials of a file, in its order; none if there is no such file.

    Args:
        path: A file of JSON lines.

    Raises:
        DataError: If a line is no trial; the sentence names file, line and what is wrong.
    """
    if not path.exists():
        return ()
    trials = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            trials.append(from_mapping(Trial, json.loads(line)))
        except (ValueError, ConfigError) as error:
            raise DataError(
                f"{shown_name(path)}: line {number} is no trial ({error})",
                hint="repair the line or take it out",
            ) from error
    return tuple(trials)


def append_trial(path: Path, trial: Trial) -> None:
    """Add a trial to the end of a file; nothing that stands there changes.

    Args:
        path: A file of JSON lines, made if it is not there.
        trial: What was tried.

    Raises:
        DataError: If the file holds a trial of that name, compares with one it does not hold, or
            has a line that is no trial.
        OutputError: If the file cannot be written.
    """
    names = {known.name for known in read_trials(path)}
    if trial.name in names:
        raise DataError(
            f"{shown_name(path)}: holds a trial {trial.name!r} already", hint="choose another name"
        )
    if trial.versus is not None and trial.versus.name not in names:
        raise DataError(
            f"{shown_name(path)}: holds no trial {trial.versus.name!r} to compare with",
            hint=f"choose from {', '.join(sorted(names)) or 'none yet'}",
        )
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    line = json.dumps(to_mapping(trial), ensure_ascii=False)
    write_bytes(path, f"{before}{line}\n".encode())


def trial_table(trials: Sequence[Trial]) -> dict[str, Any]:
    """Give trials as columns and rows of text, in their order.

    Args:
        trials: What was tried.

    Returns:
        `columns` and `rows`; cells of what was not measured are None.
    """
    return {"columns": list(COLUMNS), "rows": [_row(trial) for trial in trials]}


def _row(trial: Trial) -> list[str | None]:
    val = trial.val
    figures = [None if val is None else f"{getattr(val, figure):.3f}" for figure in FIGURES]
    return [
        trial.name,
        str(trial.pictures),
        f"{trial.minutes:.0f}",
        None if val is None else f"{val.input_size}",
        *figures,
        _against(trial.versus),
        KEPT[trial.kept],
        trial.note,
    ]


def _against(versus: Versus | None) -> str | None:
    if versus is None or "click" not in versus.differences:
        return None
    difference, low, high = versus.differences["click"]
    return f"{difference:+.3f} ({low:+.3f} to {high:+.3f}), {versus.name}"

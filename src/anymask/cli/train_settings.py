"""`--set key=value`: the settings of a run from the command line."""

import json
from collections.abc import Sequence
from typing import Any

from anymask.configuration import from_mapping, to_mapping
from anymask.errors import ConfigError
from anymask.train.schedule import SizePhase
from anymask.train.settings import TrainSettings


def with_changes(settings: TrainSettings, changes: Sequence[str]) -> TrainSettings:
    """Give settings with some of them changed.

    Args:
        settings: The recipe's own.
        changes: Each "key=value"; a dot leads into a group, values are written as in JSON, text
            may go without quotes. "size=256" puts one picture size in place of all phases.

    Raises:
        ConfigError: If a change has no value, names no setting, or its value does not fit.
    """
    mapping = to_mapping(settings)
    keys = [change.partition("=")[0] for change in changes]
    if "minutes" in keys and "steps" not in keys:
        mapping["steps"] = 0  # a length in steps would win
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"--set must be key=value, got {change!r}", hint="write --set batch=8"
            )
        value = _value(text)
        if key == "size":
            key, value = "phases", [to_mapping(SizePhase(until=1.0, sizes=(_size(text),)))]
        group, names = mapping, key.split(".")
        for name in names[:-1]:
            inner = group.get(name)
            if not isinstance(inner, dict):
                raise ConfigError(
                    f"--set {key}: {name} is no group of settings",
                    hint="see --dry-run for all settings",
                )
            group = inner
        group[names[-1]] = value
    return from_mapping(TrainSettings, mapping)


def typed(settings: Sequence[str] | None, minutes: float | None, seed: int | None) -> list[str]:
    """Give everything a person typed about settings as changes for `with_changes`.

    Args:
        settings: Of `--set`.
        minutes: Of `--minutes`.
        seed: Of `--seed`.
    """
    changes = [*(settings or ())]
    changes += [f"minutes={minutes}"] if minutes is not None else []
    changes += [f"seed={seed}"] if seed is not None else []
    return changes


def _value(text: str) -> Any:  # noqa: ANN401 - checked against the setting's type afterwards
    try:
        return json.loads(text)
    except ValueError:
        return text


def _size(text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"--set size must be a whole number of pixels, got {text!r}")
    return int(text)

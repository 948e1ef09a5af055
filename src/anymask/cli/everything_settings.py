"""The flags of everything mode → its settings."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anymask.cli.everything_flags import ChoiceFlags, FindingFlags
from anymask.errors import ConfigError, InputError
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.everything.settings import EverythingSettings
    from anymask.vocabulary import Point
    from anymask.weights.loaded import LoadedModel

_MOST_GRID_BYTES = 64 << 20
_GRIDS_HINT = "write [[[0.5, 0.5]]]: a list of points (x, y) for each layer"


def settings_of(flags: FindingFlags, loaded: "LoadedModel | None" = None) -> "EverythingSettings":
    """Give the settings a command was told: the preset's, and what was typed instead.

    Args:
        flags: What was typed.
        loaded: The model, which the preset's thresholds depend on; None before it is loaded, to
            find wrong use.

    Returns:
        The settings.

    Raises:
        ConfigError: If the preset is unknown or a value cannot be used.
        InputError: If the file of points cannot be read.
    """
    from anymask.everything.overrides import with_options
    from anymask.everything.presets import preset, preset_for

    typed = _typed(flags)
    if flags.point_grids is not None and flags.points_per_side is not None:
        raise ConfigError(
            "--point-grids with --points-per-side: they contradict", hint="give one of them"
        )
    if flags.point_grids is not None:
        typed["point_grids"] = _read_grids(flags.point_grids)
    try:
        name = flags.preset
        usual = preset(name, is_embedded=False) if loaded is None else preset_for(loaded, name)
        return with_options(usual, typed)
    except ConfigError as error:
        raise in_flags(error) from error


def chosen_anew(flags: ChoiceFlags, made_with: "EverythingSettings") -> "EverythingSettings":
    """Give the settings of kept candidates with the thresholds that were typed.

    Args:
        flags: What was typed.
        made_with: The settings of the candidates.

    Returns:
        The settings.

    Raises:
        ConfigError: If a value cannot be used.
    """
    from anymask.everything.overrides import with_options

    names = {field.name for field in fields(ChoiceFlags)}
    typed = {name: value for name, value in _typed(flags).items() if name in names}
    try:
        return with_options(made_with, typed)
    except ConfigError as error:
        raise in_flags(error) from error


def in_flags(error: ConfigError) -> ConfigError:
    """Give an error about settings in the words of the command line.

    Args:
        error: An error that calls settings by their names.
    """
    from anymask.everything.settings import EverythingSettings

    names = [*(field.name for field in fields(EverythingSettings)), "max_memory", "preset"]
    pattern = re.compile(rf"(?:setting ')?\b({'|'.join(sorted(names, key=len, reverse=True))})\b'?")

    def flag(found: re.Match[str]) -> str:
        return f"--{found[1].replace('_', '-')}"

    hint = None if error.hint is None else pattern.sub(flag, error.hint)
    return ConfigError(pattern.sub(flag, error.message), hint=hint)


def _typed(flags: ChoiceFlags) -> dict[str, Any]:
    from anymask.everything.settings import EverythingSettings

    known = {field.name for field in fields(EverythingSettings)} - {"point_grids"}
    pairs = ((field.name, getattr(flags, field.name)) for field in fields(flags))
    return {name: value for name, value in pairs if name in known and value is not None}


def _read_grids(name: str) -> "tuple[tuple[Point, ...], ...]":
    path, shown = Path(name), f"--point-grids {shown_name(name)}"
    try:
        if path.stat().st_size > _MOST_GRID_BYTES:
            raise InputError(f"{shown}: is over 64 MB, no grid of points", hint=_GRIDS_HINT)
        layers = json.loads(path.read_bytes())
        return tuple(tuple((float(x), float(y)) for x, y in layer) for layer in layers)
    except OSError as error:
        raise InputError(
            f"{shown}: cannot be read ({error.strerror or error})", hint="check the name"
        ) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{shown}: holds no lists of points", hint=_GRIDS_HINT) from error

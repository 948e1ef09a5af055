"""Settings with some of them changed by name."""

from collections.abc import Mapping
from dataclasses import asdict

from anymask.configuration import from_mapping
from anymask.everything.settings import EverythingSettings


def with_options(settings: EverythingSettings, options: Mapping[str, object]) -> EverythingSettings:
    """Give settings with some of them changed.

    Args:
        settings: What to start from.
        options: Fields and their new values. Giving `point_grids` alone takes the place of
            `points_per_side`, and the other way round.

    Raises:
        ConfigError: If a name is unknown, or a value is of the wrong type or cannot be used.
    """
    told = {**asdict(settings), **options}
    grids = ("points_per_side", "point_grids")
    given = [name for name in grids if options.get(name) is not None]
    if len(given) == 1:
        told |= {name: None for name in grids if name not in given and name not in options}
    return from_mapping(EverythingSettings, told)

"""Settings with some of them changed by name."""

from collections.abc import Mapping
from dataclasses import asdict

from anymask.configuration import from_mapping
from anymask.errors import ConfigError
from anymask.everything.settings import EverythingSettings

_SHARES = ("pred_iou_thresh", "stability_score_thresh", "box_nms_thresh", "crop_nms_thresh")
# Scores exceed 1 a little; what is far above was meant in per cent.
_MOST = 2


def with_options(settings: EverythingSettings, options: Mapping[str, object]) -> EverythingSettings:
    """Give settings with some of them changed.

    Args:
        settings: What to start from.
        options: Fields and their new values. Giving `point_grids` alone takes the place of
            `points_per_side`, and the other way round.

    Raises:
        ConfigError: If a name is unknown, or a value is of the wrong type or cannot be used.
    """
    _refuse_per_cent(options)
    told = {**asdict(settings), **options}
    grids = ("points_per_side", "point_grids")
    given = [name for name in grids if options.get(name) is not None]
    if len(given) == 1:
        told |= {name: None for name in grids if name not in given and name not in options}
    return from_mapping(EverythingSettings, told)


def _refuse_per_cent(options: Mapping[str, object]) -> None:
    """Refuse what people mean in per cent; programs of the published package say anything."""
    for name in _SHARES:
        value = options.get(name)
        if isinstance(value, int | float) and value > _MOST:
            raise ConfigError(
                f"{name} is {value:g}", hint=f"use a share like {value / 100:g}, not per cent"
            )

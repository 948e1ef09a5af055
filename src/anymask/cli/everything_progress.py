"""How far everything mode is, on a terminal: "row of the grid 12 of 32 · 4 s left"."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from anymask.cli.screen import Screen

if TYPE_CHECKING:
    from anymask.everything.settings import EverythingSettings

Progress = Callable[[int, int], None]


@contextmanager
def showing_progress(
    screen: Screen,
    head: str,
    settings: "EverythingSettings",
    *,
    is_shown: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress | None]:
    """Show on a terminal how far a photo is.

    Args:
        screen: Where.
        head: Which photo.
        settings: Its grid tells what is counted.
        is_shown: Whether to show it at all.
        clock: Gives the seconds.

    Yields:
        What to call with points done and points in all; None where nothing is shown.
    """
    if not (is_shown and screen.err.is_terminal):
        yield None
        return
    began = clock()
    with screen.err.status(f"{head}: finding masks") as status:

        def tell(num_done: int, num_points: int) -> None:
            status.update(f"{head}: {told(num_done, num_points, clock() - began, settings)}")

        yield tell


def told(num_done: int, num_points: int, seconds: float, settings: "EverythingSettings") -> str:
    """Say how far it is.

    Args:
        num_done: Points done.
        num_points: Points in all.
        seconds: Time that took.
        settings: Its grid tells what is counted.

    Returns:
        Rows where there is one grid, else points; and the time that is left.
    """
    side = settings.points_per_side
    if side is not None and num_points == side**2:
        place = f"row of the grid {-(-num_done // side)} of {side}"
    else:
        place = f"point {num_done:,} of {num_points:,}"
    if not num_done or num_done >= num_points:
        return place
    return f"{place} · {_told_seconds(seconds * (num_points - num_done) / num_done)} left"


def _told_seconds(seconds: float) -> str:
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{round(minutes / 60)} h"

"""How far everything mode is, in words and on a terminal."""

import pytest

from anymask.cli.everything_progress import showing_progress, told
from anymask.cli.screen import Screen
from anymask.everything.settings import EverythingSettings
from tests.unit.cli.test_screen import printed, terminal


@pytest.mark.parametrize(
    ("done", "in_all", "seconds", "sentence"),
    [
        (0, 1024, 0.0, "row of the grid 0 of 32"),
        (384, 1024, 2.4, "row of the grid 12 of 32 · 4 s left"),
        (370, 1024, 400.0, "row of the grid 12 of 32 · 12 min left"),
        (1024, 1024, 9.0, "row of the grid 32 of 32"),
        (512, 2048, 1.0, "point 512 of 2,048 · 3 s left"),
    ],
)
def test_progress_tells_the_row_and_the_time_left(done, in_all, seconds, sentence):
    assert told(done, in_all, seconds, EverythingSettings()) == sentence


def test_progress_is_shown_on_a_terminal_only():
    screen = Screen(out=terminal(), err=terminal())
    with showing_progress(screen, "cat.png", EverythingSettings(), clock=lambda: 0.0) as tell:
        assert tell is not None
        tell(64, 1024)
    assert "cat.png: row of the grid 2 of 32 · 1 s left" in printed(screen.err)
    with showing_progress(screen, "cat.png", EverythingSettings(), is_shown=False) as tell:
        assert tell is None

"""Sheets of clicks and answers, for eyes: what a person would get, and what they might have got."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anymask.errors import InputError
from anymask.evaluate.panels import (
    ANSWER_COLOUR,
    TRUTH_COLOUR,
    Mask,
    Pixels,
    add_caption,
    draw_panel,
    join_panels,
)
from anymask.masks.colours import colour_of
from anymask.masks.mask import Masks
from anymask.masks.overlap import iou
from anymask.vocabulary import Prompt

PANEL_PX = 240
GUESS_COLOURS = (colour_of(1), colour_of(3), colour_of(6))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredClick:
    """A click and its answers.

    Attributes:
        name: Of the picture, and of the object if it has one.
        picture: Uint8 RGB, (H, W, 3).
        prompt: The click, pixels of the picture.
        guesses: The answers, the model's order.
        truth: What was meant, bool (H, W), or None where nobody knows.
    """

    name: str
    picture: Pixels
    prompt: Prompt
    guesses: Masks
    truth: Mask | None = None

    @property
    def overlaps(self) -> list[float] | None:
        """IoU of each guess with the truth; None without one."""
        if self.truth is None:
            return None
        return [iou(guess.array, self.truth) for guess in self.guesses]


def click_sheet(clicks: Sequence[AnsweredClick]) -> Pixels:
    """Draw clicks one a row: picture, chosen mask, all guesses with scores, and the truth.

    Args:
        clicks: At least one; those with fewer guesses have empty places.

    Returns:
        Uint8 RGB, (H, W, 3).

    Raises:
        InputError: If there is no click.
    """
    if not clicks:
        raise InputError("a sheet of clicks needs a click", hint="give at least one")
    return join_panels([_line(click) for click in clicks])


def _line(click: AnsweredClick) -> list[Pixels]:
    overlaps = click.overlaps
    chosen = int(np.argmax(click.guesses.scores))
    panels = [add_caption(draw_panel(click.picture, PANEL_PX, None, click.prompt), click.name)]
    best = draw_panel(
        click.picture, PANEL_PX, click.guesses[chosen].array, click.prompt, ANSWER_COLOUR
    )
    panels.append(add_caption(best, f"chosen: {_told(click, overlaps, chosen)}"))
    for number, guess in enumerate(click.guesses):
        colour = GUESS_COLOURS[number % len(GUESS_COLOURS)]
        drawn = draw_panel(click.picture, PANEL_PX, guess.array, None, colour)
        panels.append(add_caption(drawn, f"guess {number + 1}: {_told(click, overlaps, number)}"))
    if click.truth is not None:
        drawn = draw_panel(click.picture, PANEL_PX, click.truth, None, TRUTH_COLOUR)
        panels.append(add_caption(drawn, f"true mask: {100 * click.truth.mean():.2g} % of it"))
    return panels


def _told(click: AnsweredClick, overlaps: list[float] | None, number: int) -> str:
    score = f"score {click.guesses[number].score:.2f}"
    return score if overlaps is None else f"{score}, IoU {overlaps[number]:.2f}"

"""How a mask was found when nobody pointed at it."""

from dataclasses import dataclass

from anymask.masks.boxes import IntBox
from anymask.vocabulary import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What everything mode knows of a mask besides its pixels and its score.

    Attributes:
        point: The point of the grid that gave it, (x, y), pixels of the upright picture.
        stability_score: How little it changes when the cutoff moves, in [0, 1].
        crop_box: The part of the picture that was looked at, corners x0, y0, x1, y1, pixels, right
            and bottom edge exclusive.
    """

    point: Point
    stability_score: float
    crop_box: IntBox

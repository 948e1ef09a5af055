"""How masks were asked for, kept with them so that they can say it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from anymask.vocabulary import Box, Point


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFile:
    """A rough mask that lies in a file.

    Attributes:
        name: Name of a PNG that `load_mask` reads.
    """

    name: str


# The fields that say how much trouble was taken over an answer.
CARE = ("zoom", "refine", "flip", "connected", "snug")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The question a mask answers, in terms that can be asked again.

    Attributes:
        picture: The picture's path as it was given; None for what came from memory.
        told: What the picture is, for people ("array, uint8 480×640").
        loading: Arguments of `anymask.load` that differ from the usual ones.
        reading: Fields of `ReadOptions` that differ from the usual ones.
        points: (x, y) pairs in pixels of the upright picture.
        labels: One label a point.
        box: Corners (x0, y0, x1, y1), or None.
        mask: The earlier answer that was refined; the file of a rough mask; what a mask from
            elsewhere is for people; or None.
        is_half: Whether the image embedding was a kept one in float16.
        multimask: What was asked for.
        zoom: Likewise: whether a small object was looked at again from close by. False also where
            it is usual and could not be done.
        refine: Likewise: how often the answer was asked again with itself as mask prompt.
        flip: Likewise: whether the mirrored picture was asked too.
        connected: Likewise: whether pieces that no click touches were dropped.
        snug: Likewise: whether the answer to a box was fitted to its sides, without small pieces.
        number: Which of the answer's masks this is, from 0.
        rank: Its place among them by score, from 0.
    """

    picture: str | None
    told: str = "picture"
    loading: Mapping[str, object] = field(default_factory=dict)
    reading: Mapping[str, object] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    labels: tuple[int, ...] = ()
    box: Box | None = None
    mask: "Origin | MaskFile | str | None" = None
    is_half: bool = False
    multimask: bool | None = None
    zoom: bool | None = None
    refine: int | None = None
    flip: bool | None = None
    connected: bool | None = None
    snug: bool | None = None
    number: int = 0
    rank: int = 0

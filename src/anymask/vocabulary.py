"""The plain records every room speaks: no behaviour beyond checks.

Conventions: points are (x, y) and boxes (x0, y0, x1, y1) in pixels of the upright picture;
sizes are (H, W).
"""

from dataclasses import dataclass
from typing import Any

from anymask.errors import PromptError

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFrame:
    """Where a picture lies inside the square the model looks at.

    The picture is resized to `resized_hw`, placed in the top left corner and padded to
    `input_size` × `input_size`.

    Attributes:
        original_hw: Size of the upright picture, pixels.
        resized_hw: Size after resizing, pixels; its longer side equals `input_size`.
        input_size: Side of the model's square input, pixels.
    """

    original_hw: tuple[int, int]
    resized_hw: tuple[int, int]
    input_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One question about a picture: which object is meant.

    Attributes:
        points: (x, y) pairs in pixels of the upright picture.
        labels: One label a point: 1 the object is here, 0 it is not.
        box: Corners (x0, y0, x1, y1), or None.
        mask: An earlier answer (Mask or Masks) to refine; or a rough mask, bool or 0/255, (H, W)
            of the picture; or low-resolution logits, float, (h, w); or None.
    """

    points: tuple[Point, ...] = ()
    labels: tuple[int, ...] = ()
    box: Box | None = None
    mask: Any = None

    def __post_init__(self) -> None:
        if len(self.points) != len(self.labels):
            raise PromptError(
                f"{len(self.points)} points but {len(self.labels)} labels",
                hint="give one label a point: 1 (add) or 0 (remove)",
            )

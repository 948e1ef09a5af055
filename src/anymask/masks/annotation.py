"""Masks with their names, as annotation files of all forms hold them."""

from collections import Counter
from dataclasses import dataclass, field

from anymask.errors import InputError
from anymask.masks.finding import Finding
from anymask.masks.rle import RLE

UNNAMED = "object"
"""The label of a mask that nobody has named."""

Losses = Counter[str]
"""How often something could not be written, by what was lost: "holes", "labels", "scores", …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One object of a picture.

    Attributes:
        rle: Its mask, at the size of the picture.
        label: What it is called.
        score: How sure somebody or some model is of it, or None.
        is_crowd: Whether it stands for many objects that nobody told apart.
        finding: How it was found, where nobody pointed at it; or None.
    """

    rle: RLE
    label: str = UNNAMED
    score: float | None = None
    is_crowd: bool = False
    finding: Finding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedPicture:
    """A picture's name and size, and the objects on it.

    Attributes:
        file_name: Name of the picture's file, relative to the pictures' folder, with "/".
        size_hw: Size of the upright picture, pixels.
        objects: The objects; where they overlap, later ones do not hide earlier ones.
        number: Its id in the file it comes from, where that is a whole number; or None.
    """

    file_name: str
    size_hw: tuple[int, int]
    objects: tuple[Annotation, ...] = field(default=())
    number: int | None = None

    def __post_init__(self) -> None:
        height, width = self.size_hw
        for number, one in enumerate(self.objects):
            if tuple(one.rle["size"]) != self.size_hw:
                mask_height, mask_width = one.rle["size"]
                raise InputError(
                    f"{self.file_name}: mask {number} is {mask_width}×{mask_height} for a picture "
                    f"of {width}×{height}",
                    hint="make the mask for the picture's own size",
                )

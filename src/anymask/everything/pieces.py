"""What was found in each tile of a picture, before it is joined."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from anymask.everything.candidates import Rows
from anymask.masks.boxes import IntBox
from anymask.masks.rle import Counts, decompress

# A mask this near to a side of its tile beyond which the picture goes on is cut off by it.
_EDGE_PX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A part of a picture that is looked at as a picture of its own.

    Attributes:
        box: What is looked at: the core and a halo around it; corners x0, y0, x1, y1, pixels,
            right and bottom edge exclusive.
        core: What it answers for. The cores of all tiles make up the picture.
    """

    box: IntBox
    core: IntBox

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of what is looked at, pixels."""
        x0, y0, x1, y1 = self.box
        return y1 - y0, x1 - x0

    def cuts(self, box: IntBox, picture_hw: tuple[int, int]) -> bool:
        """Say whether something ends at a side of the tile although the picture goes on.

        Args:
            box: Tight box of a mask, pixels of the picture.
            picture_hw: Height and width of the picture, pixels.
        """
        height, width = picture_hw
        ends = (self.box[0] > 0, self.box[1] > 0, self.box[2] < width, self.box[3] < height)
        return any(
            is_inner and abs(side - edge) <= _EDGE_PX
            for is_inner, side, edge in zip(ends, box, self.box, strict=True)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """All masks of all tiles.

    Attributes:
        size_hw: Height and width of the picture, pixels.
        tiles: The tiles.
        rows: What is known of each mask, of dtype `ROW`, (N,): `crop` is the number of its tile,
            point and box are in pixels of the picture.
        codes: Compressed run lengths of each at the size of its tile, (N,).
        is_sure: Whether each passed all thresholds, bool (N,); the others are only there to go on
            where a mask is cut off by its tile.
    """

    size_hw: tuple[int, int]
    tiles: tuple[Tile, ...]
    rows: Rows
    codes: Sequence[str]
    is_sure: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def _cores(self) -> NDArray[np.int64]:
        return np.array([tile.core for tile in self.tiles], np.int64).reshape(-1, 4)

    def tiles_at(self, box: IntBox) -> list[int]:
        """Give the numbers of the tiles that answer for some of a box.

        Args:
            box: Corners x0, y0, x1, y1, pixels of the picture.
        """
        cores = self._cores
        reaches = (cores[:, :2] < box[2:]) & (cores[:, 2:] > box[:2])
        return np.flatnonzero(reaches.all(axis=1)).tolist()

    def tile_of(self, number: int) -> Tile:
        """Give the tile in which a mask was found."""
        return self.tiles[int(self.rows["crop"][number])]

    def box_of(self, number: int) -> IntBox:
        """Give the tight box of a mask, pixels of the picture."""
        x0, y0, x1, y1 = self.rows["box"][number].tolist()
        return x0, y0, x1, y1

    def counts_of(self, number: int) -> Counts:
        """Give the run lengths of a mask at the size of its tile, int64 (K,)."""
        return decompress(self.codes[number])

    def is_cut(self, number: int) -> bool:
        """Say whether a mask ends at a side of its tile although the picture goes on."""
        return self.tile_of(number).cuts(self.box_of(number), self.size_hw)


def overlap_of(first: IntBox, second: IntBox) -> IntBox | None:
    """Give the box that two boxes share, None if they share nothing.

    Args:
        first: Corners x0, y0, x1, y1, pixels.
        second: The same.
    """
    x0, y0 = max(first[0], second[0]), max(first[1], second[1])
    x1, y1 = min(first[2], second[2]), min(first[3], second[3])
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def within(box: IntBox, tile: Tile) -> IntBox:
    """Give a box in pixels of a tile.

    Args:
        box: Corners x0, y0, x1, y1, pixels of the picture.
        tile: The tile.
    """
    left, top = tile.box[:2]
    return box[0] - left, box[1] - top, box[2] - left, box[3] - top

"""What was found in each tile of a picture, before it is joined."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from anymask.everything.candidates import ROW, Candidates, Floors, Rows
from anymask.everything.drawings import Codes
from anymask.everything.select import select
from anymask.everything.settings import EverythingSettings
from anymask.masks.boxes import IntBox
from anymask.masks.rle import Counts, decompress
from anymask.masks.run_sets import bounds

EMPTY = "empty"
"""Masks without a pixel."""

# How far below the thresholds a mask may lie to go on where a sure one is cut off by its tile.
_SLACK = 0.1
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
        missed: Of each that is not sure, the setting it missed; "" of the others, (N,).
    """

    size_hw: tuple[int, int]
    tiles: tuple[Tile, ...]
    rows: Rows
    codes: Sequence[str]
    is_sure: NDArray[np.bool_]
    missed: Sequence[str]

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


class PiecesSoFar:
    """What was found in the tiles so far.

    Args:
        settings: Thresholds of the whole picture.
        spool_bytes: How much of the run lengths may lie in memory; more goes to the disk.

    Attributes:
        of_tile: Thresholds of a tile.
        floors: What candidates of a tile may miss and still be of use.
        num_prompts: Points that were asked about.
        left_out: Candidates that were not kept, by what they missed.
    """

    def __init__(self, settings: EverythingSettings, spool_bytes: int) -> None:
        # Sizes are asked of whole objects, not of what one tile sees of them.
        self.of_tile = replace(
            settings,
            min_mask_region_area=0,
            min_area=0,
            max_area_share=0.0,
            drop_small_masks=False,
            wholes_only=False,
        )
        self._relaxed = replace(
            self.of_tile,
            pred_iou_thresh=max(0.0, settings.pred_iou_thresh - _SLACK),
            stability_score_thresh=max(0.0, settings.stability_score_thresh - _SLACK),
        )
        self.floors = Floors(
            pred_iou=self._relaxed.pred_iou_thresh,
            stability_score=self._relaxed.stability_score_thresh,
        )
        self.num_prompts = 0
        self.left_out: Counter[str] = Counter()
        self._rows = [np.zeros(0, ROW)]
        self._codes = Codes(spool_bytes)
        self._missed: list[str] = []

    def add(self, number: int, tile: Tile, candidates: Candidates) -> None:
        """Keep what passes the thresholds, and what nearly does and may go on elsewhere.

        Args:
            number: The tile's number.
            tile: The tile.
            candidates: What was found in it.

        Raises:
            OutputError: If candidates outgrow the memory and the disk is full.
        """
        self.num_prompts += candidates.num_prompts
        self.left_out.update(candidates.left_out)
        chosen = select(candidates, self.of_tile)
        nearly = set(select(candidates, self._relaxed).kept.tolist())
        rows = []
        for one, fate in enumerate(chosen.fates):
            missed = "" if fate.filter is None else fate.filter.value
            if missed and one not in nearly:
                self.left_out[missed] += 1
                continue
            code = candidates.codes[one]
            row = _row_in_picture(candidates.rows[one], code, number, tile)
            if row is None:
                self.left_out[EMPTY] += 1
                continue
            rows.append(row)
            self._codes.append(code)
            self._missed.append(missed)
        self._rows.append(np.array(rows, ROW))

    def pieces(self, size_hw: tuple[int, int], tiles: tuple[Tile, ...]) -> Pieces:
        """Give all that was kept.

        Args:
            size_hw: Height and width of the picture, pixels.
            tiles: The tiles, by number.
        """
        return Pieces(
            size_hw=size_hw,
            tiles=tiles,
            rows=np.concatenate(self._rows),
            codes=self._codes,
            is_sure=np.array([not missed for missed in self._missed], np.bool_),
            missed=self._missed,
        )


def _row_in_picture(row: np.void, code: str, number: int, tile: Tile) -> np.void | None:
    """Give the record of a tile's mask in pixels of the picture; None if it is empty."""
    counts = decompress(code)
    if len(counts) < 2:
        return None
    left, top = tile.box[:2]
    row = row.copy()
    # Measured anew: candidates may have been measured at a low resolution only.
    row["box"] = np.add(bounds(counts, tile.size_hw), (left, top, left, top))
    row["area"] = counts[1::2].sum()
    row["crop"] = number
    row["point"] += (left, top)
    return row

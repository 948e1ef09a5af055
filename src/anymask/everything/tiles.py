"""Everything mode on pictures of any size: tile by tile, joined into masks without seams."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from anymask.errors import ConfigError
from anymask.everything.candidates import ROW, Candidates, Floors
from anymask.everything.generate import Found, choose
from anymask.everything.joining import Joined, join
from anymask.everything.pieces import Pieces, Tile
from anymask.everything.propose import Progress, propose
from anymask.everything.select import select
from anymask.everything.settings import EverythingSettings
from anymask.image.large import LargePicture
from anymask.image.picture import Picture
from anymask.masks.boxes import IntBox
from anymask.masks.rle import decompress
from anymask.masks.run_sets import bounds
from anymask.predict.encode import embed_batch
from anymask.weights.loaded import LoadedModel

# How far tiles look beyond their core, as a share of their side: 128 of 1024 pixels.
_HALO_SHARE = 1 / 8

# How far below the thresholds a mask may lie to go on where a sure one is cut off by its tile.
_SLACK = 0.1

Look = Callable[[Picture, EverythingSettings, Floors, Progress], Candidates]
"""Gives the candidates of one tile, by settings, not below floors; tells how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundInTiles:
    """All masks of a picture that was looked at in tiles.

    Attributes:
        found: The masks, as of a picture that was looked at at once; its candidates are the joined
            masks, in pixels of the whole picture.
        tiles: The tiles, row by row.
        num_stitched: Objects put together from several tiles.
        num_twice: Masks left out because another tile gave the same object.
        num_disowned: Masks left out because they lie mostly in the core of another tile.
        num_cut_off: Masks left out because they end at a side of a tile and nothing goes on there.
        seconds: Time spent, by step.
    """

    found: Found
    tiles: tuple[Tile, ...]
    num_stitched: int
    num_twice: int
    num_disowned: int
    num_cut_off: int
    seconds: Mapping[str, float]


def tile_boxes(size_hw: tuple[int, int], side: int, halo: int) -> tuple[Tile, ...]:
    """Cut a picture into tiles of one size that overlap by at least two halos.

    Args:
        size_hw: Height and width of the picture, pixels.
        side: Width and height of a tile with its halo, pixels; less where the picture is smaller.
        halo: How far a tile looks beyond its core, pixels, but for the picture's own edges.

    Returns:
        The tiles, row by row. Their cores make up the picture without overlaps.

    Raises:
        ConfigError: If the halo leaves nothing of a tile.
    """
    if halo < 0 or side <= 2 * halo:
        raise ConfigError(
            f"tiles of {side} pixels with a halo of {halo} have no core",
            hint=f"use a halo from 0 to {max(0, (side - 1) // 2)} or larger tiles",
        )
    height, width = size_hw
    rows, columns = _spans(height, side, halo), _spans(width, side, halo)
    return tuple(
        Tile(box=(x0, y0, x1, y1), core=(left, top, right, bottom))
        for (y0, y1), (top, bottom) in rows
        for (x0, x1), (left, right) in columns
    )


def _spans(length: int, side: int, halo: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Give what is looked at and what is answered for along one axis."""
    if length <= side:
        return [((0, length), (0, length))]
    step = side - 2 * halo
    num = -(-(length - 2 * halo) // step)
    starts = [(length - side) * number // (num - 1) for number in range(num)]
    # Neighbours part in the middle of what both see.
    seams = [(start + before + side) // 2 for before, start in pairwise(starts)]
    cores = pairwise([0, *seams, length])
    return [((start, start + side), core) for start, core in zip(starts, cores, strict=True)]


def find_in_tiles(
    loaded: LoadedModel,
    picture: LargePicture,
    settings: EverythingSettings,
    *,
    tile_side: int | None = None,
    halo: int | None = None,
    budget_bytes: int | None = None,
    on_progress: Progress | None = None,
) -> FoundInTiles:
    """Find all masks of a picture of any size, in memory that does not grow with it.

    Args:
        loaded: The model.
        picture: The picture, read tile by tile.
        settings: Grids, crops and thresholds of every tile; sizes hold for the joined masks.
        tile_side: Width and height of a tile with its halo, pixels; None for the model's square.
        halo: How far a tile looks beyond its core, pixels; None for an eighth of its side.
        budget_bytes: What the whole program may take; None for no limit.
        on_progress: Told points done and points in all.

    Returns:
        The masks, at the size of the picture; they do not carry it.

    Raises:
        ConfigError: If the halo leaves nothing of a tile, or the budget is too small.
        OutputError: If candidates outgrow the memory and the disk is full.
    """
    side = loaded.sam.config.input_size if tile_side is None else tile_side
    halo = round(side * _HALO_SHARE) if halo is None else halo
    tiles = tile_boxes(picture.size_hw, side, halo)

    def look(
        part: Picture, of_tile: EverythingSettings, floors: Floors, progress: Progress
    ) -> Candidates:
        embedding = embed_batch(loaded, (part,))[0]
        return propose(
            loaded,
            embedding,
            of_tile,
            floors=floors,
            budget_bytes=budget_bytes,
            on_progress=progress,
        )

    return look_in_tiles(look, picture, settings, tiles, on_progress=on_progress)


def look_in_tiles(
    look: Look,
    picture: LargePicture,
    settings: EverythingSettings,
    tiles: Sequence[Tile],
    *,
    on_progress: Progress | None = None,
) -> FoundInTiles:
    """Look at every tile, and join what is found.

    Args:
        look: What looks at a tile.
        picture: The picture.
        settings: Thresholds.
        tiles: Where to look.
        on_progress: Told points done and points in all.

    Returns:
        The masks of the whole picture.
    """
    began = time.perf_counter()
    gathered = _Gathered(settings)
    for number, tile in enumerate(tiles):
        part = _part(picture, tile)
        progress = _progress_of_tile(number, len(tiles), on_progress)
        gathered.add(number, tile, look(part, gathered.of_tile, gathered.floors, progress))
    looked = time.perf_counter()
    joined = join(gathered.pieces(picture.size_hw, tuple(tiles)))
    found = choose(_candidates(joined, gathered, settings, picture.size_hw), settings)
    seconds = {"propose": looked - began, "join": time.perf_counter() - looked}
    return FoundInTiles(
        found=found,
        tiles=tuple(tiles),
        num_stitched=joined.num_stitched,
        num_twice=joined.num_twice,
        num_disowned=joined.num_disowned,
        num_cut_off=joined.num_cut_off,
        seconds=seconds,
    )


class _Gathered:
    """What was found in the tiles so far."""

    def __init__(self, settings: EverythingSettings) -> None:
        # Sizes are asked of whole objects, not of what one tile sees of them.
        self.of_tile = replace(
            settings,
            min_mask_region_area=0,
            min_area=0,
            max_area_share=0.0,
            drop_small_masks=False,
            wholes_only=False,
        )
        self.relaxed = replace(
            self.of_tile,
            pred_iou_thresh=max(0.0, settings.pred_iou_thresh - _SLACK),
            stability_score_thresh=max(0.0, settings.stability_score_thresh - _SLACK),
        )
        self.floors = Floors(
            pred_iou=self.relaxed.pred_iou_thresh,
            stability_score=self.relaxed.stability_score_thresh,
        )
        self.num_prompts = 0
        self._rows = [np.zeros(0, ROW)]
        self._codes: list[str] = []
        self._is_sure: list[bool] = []

    def add(self, number: int, tile: Tile, candidates: Candidates) -> None:
        """Keep what passes the thresholds, and what nearly does and may go on elsewhere."""
        self.num_prompts += candidates.num_prompts
        sure = set(select(candidates, self.of_tile).kept.tolist())
        nearly = set(select(candidates, self.relaxed).kept.tolist()) - sure
        left, top = tile.box[:2]
        rows = []
        for one in sorted(sure | nearly):
            code = candidates.codes[one]
            counts = decompress(code)
            if len(counts) < 2:
                continue
            row = candidates.rows[one].copy()
            # Measured anew: candidates may have been measured at a low resolution only.
            row["box"] = np.add(bounds(counts, tile.size_hw), (left, top, left, top))
            row["area"] = counts[1::2].sum()
            row["crop"] = number
            row["point"] += (left, top)
            rows.append(row)
            self._codes.append(code)
            self._is_sure.append(one in sure)
        self._rows.append(np.array(rows, ROW))

    def pieces(self, size_hw: tuple[int, int], tiles: tuple[Tile, ...]) -> Pieces:
        """Give all that was kept."""
        return Pieces(
            size_hw=size_hw,
            tiles=tiles,
            rows=np.concatenate(self._rows),
            codes=self._codes,
            is_sure=np.array(self._is_sure, np.bool_),
        )


def _part(picture: LargePicture, tile: Tile) -> Picture:
    x0, y0, x1, y1 = tile.box
    name = f"{picture.name} [{x0}:{x1}, {y0}:{y1}]"
    return Picture(pixels=picture.read(tile.box), name=name, format=picture.format)


def _progress_of_tile(number: int, num_tiles: int, on_progress: Progress | None) -> Progress:
    def progress(done: int, in_all: int) -> None:
        if on_progress is not None:
            on_progress(number * in_all + done, num_tiles * in_all)

    return progress


def _candidates(
    joined: Joined, gathered: _Gathered, settings: EverythingSettings, size_hw: tuple[int, int]
) -> Candidates:
    """Give joined masks as candidates of a picture that was looked at at once."""
    height, width = size_hw
    whole: IntBox = (0, 0, width, height)
    return Candidates(
        size_hw=size_hw,
        rows=joined.rows,
        codes=joined.codes,
        crops=(whole,),
        settings=settings,
        floors=Floors(
            pred_iou=settings.pred_iou_thresh,
            stability_score=settings.stability_score_thresh,
        ),
        num_prompts=gathered.num_prompts,
        left_out={},
    )

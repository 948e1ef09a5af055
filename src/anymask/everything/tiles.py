"""Everything mode on pictures of any size: tile by tile, joined into masks without seams.

Joined masks are candidates of one crop, the whole picture: no single tile answers for what was put
together from several, and filters that ask how a mask lies in its crop were passed in the tiles.
So `finding.crop_box` is the whole picture too.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from anymask.errors import ConfigError
from anymask.everything.candidates import Candidates, Floors
from anymask.everything.generate import Found, choose
from anymask.everything.joining import FOUND_TWICE, OTHER_TILE, TILE_EDGE, Joined, join
from anymask.everything.memory import USUAL_SPOOL_BYTES, spool_room
from anymask.everything.pieces import PiecesSoFar, Tile
from anymask.everything.propose import Progress, floors_of, propose
from anymask.everything.settings import EverythingSettings
from anymask.image.large import LargePicture
from anymask.image.picture import Picture
from anymask.masks.boxes import IntBox
from anymask.predict.encode import embed_batch
from anymask.weights.loaded import LoadedModel

LEAST_HALO_PX = 16
"""Where tiles see less than this twice, masks of one object are not recognised as such."""

# The usual halo is this part of a tile's side: 128 of 1024 pixels.
_TILES_IN_HALOS = 8

# Of what candidates may take in memory, for those of earlier tiles and as much for the joined.
_SPOOL_SHARE = 4

Look = Callable[[Picture, EverythingSettings, Floors, Progress], Candidates]
"""Gives the candidates of one tile, by settings, not below floors; tells how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundInTiles:
    """All masks of a picture that was looked at in tiles.

    Attributes:
        found: The masks, as of a picture that was looked at at once; its candidates are the joined
            masks, in pixels of the whole picture. All others of the tiles are counted in their
            `left_out`, but for those that became one with others.
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


def usual_halo(side: int) -> int:
    """Give how far tiles look beyond their core where nobody says.

    Args:
        side: Width and height of a tile with its halo, pixels.
    """
    return max(LEAST_HALO_PX, side // _TILES_IN_HALOS)


def tile_boxes(size_hw: tuple[int, int], side: int, halo: int) -> tuple[Tile, ...]:
    """Cut a picture into tiles of one size that overlap by at least two halos.

    Args:
        size_hw: Height and width of the picture, pixels.
        side: Width and height of a tile with its halo, pixels; less where the picture is smaller.
        halo: How far a tile looks beyond its core, pixels, but for the picture's own edges.

    Returns:
        The tiles, row by row. Their cores make up the picture without overlaps.

    Raises:
        ConfigError: If the halo is too small to recognise masks in, or leaves nothing of a tile.
    """
    most = (side - 1) // 2
    if most < LEAST_HALO_PX:
        raise ConfigError(
            f"tiles of {side} pixels are too small",
            hint=f"use tiles of {2 * LEAST_HALO_PX + 1} pixels or more, best 1024",
        )
    if halo < LEAST_HALO_PX:
        raise ConfigError(
            f"a halo of {halo} pixels is too small to find the same mask in two tiles",
            hint=f"use a halo from {LEAST_HALO_PX} to {most}",
        )
    if halo > most:
        raise ConfigError(
            f"tiles of {side} pixels with a halo of {halo} have no core",
            hint=f"use a halo from {LEAST_HALO_PX} to {most} or larger tiles",
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
    """Find all masks of a picture of any size.

    Its pixels take no more memory than one tile. What grows is what is found: a record of about
    100 bytes a candidate, the agreements between masks of neighbouring tiles, and the run lengths
    of the masks of the result. All other run lengths move to the disk beyond their share.

    Args:
        loaded: The model.
        picture: The picture, read tile by tile.
        settings: Grids, crops and thresholds of every tile; sizes hold for the joined masks.
        tile_side: Width and height of a tile with its halo, pixels; None for the model's square.
        halo: How far a tile looks beyond its core, pixels; None for an eighth of its side,
            but not less than `LEAST_HALO_PX`.
        budget_bytes: What the whole program may take; None for no limit.
        on_progress: Told points done and points in all.

    Returns:
        The masks, at the size of the picture; they do not carry it.

    Raises:
        ConfigError: If tiles or halo cannot be used, or the budget is too small.
        OutputError: If candidates outgrow the memory and the disk is full.
    """
    side = loaded.sam.config.input_size if tile_side is None else tile_side
    tiles = tile_boxes(picture.size_hw, side, usual_halo(side) if halo is None else halo)
    room = spool_room(loaded, tiles[0].size_hw, budget_bytes)

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

    return look_in_tiles(
        look,
        picture,
        settings,
        tiles,
        spool_bytes=room // _SPOOL_SHARE,
        on_progress=on_progress,
    )


def look_in_tiles(
    look: Look,
    picture: LargePicture,
    settings: EverythingSettings,
    tiles: Sequence[Tile],
    *,
    spool_bytes: int = USUAL_SPOOL_BYTES // _SPOOL_SHARE,
    on_progress: Progress | None = None,
) -> FoundInTiles:
    """Look at every tile, and join what is found.

    Args:
        look: What looks at a tile.
        picture: The picture.
        settings: Thresholds.
        tiles: Where to look.
        spool_bytes: How much of the run lengths may lie in memory, of the tiles' candidates and
            again of the joined masks.
        on_progress: Told points done and points in all.

    Returns:
        The masks of the whole picture.

    Raises:
        OutputError: If candidates outgrow the memory and the disk is full.
    """
    began = time.perf_counter()
    so_far = PiecesSoFar(settings, spool_bytes)
    for number, tile in enumerate(tiles):
        part = picture.part(tile.box)
        progress = _progress_of_tile(number, len(tiles), on_progress)
        so_far.add(number, tile, look(part, so_far.of_tile, so_far.floors, progress))
    looked = time.perf_counter()
    joined = join(so_far.pieces(picture.size_hw, tuple(tiles)), spool_bytes=spool_bytes)
    found = choose(_candidates(joined, so_far, settings, picture.size_hw), settings)
    seconds = {"propose": looked - began, "join": time.perf_counter() - looked}
    return FoundInTiles(
        found=found,
        tiles=tuple(tiles),
        num_stitched=joined.num_stitched,
        num_twice=joined.left_out.get(FOUND_TWICE, 0),
        num_disowned=joined.left_out.get(OTHER_TILE, 0),
        num_cut_off=joined.left_out.get(TILE_EDGE, 0),
        seconds=seconds,
    )


def _progress_of_tile(number: int, num_tiles: int, on_progress: Progress | None) -> Progress:
    def progress(done: int, in_all: int) -> None:
        if on_progress is not None:
            on_progress(number * in_all + done, num_tiles * in_all)

    return progress


def _candidates(
    joined: Joined, so_far: PiecesSoFar, settings: EverythingSettings, size_hw: tuple[int, int]
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
        floors=floors_of(settings),
        num_prompts=so_far.num_prompts,
        left_out=so_far.left_out + Counter(joined.left_out),
    )

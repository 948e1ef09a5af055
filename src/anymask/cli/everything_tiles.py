"""One picture of any size → everything in it, looked at tile by tile."""

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.cli.everything_found import FoundOnPhoto, Search
from anymask.cli.everything_settings import in_flags
from anymask.cli.photos import STDIN, Photo, read_photo
from anymask.cli.screen import counted
from anymask.errors import ConfigError
from anymask.everything.kept import PictureOf
from anymask.everything.tiles import FoundInTiles, find_in_tiles
from anymask.image.large import MAX_TILED_PIXELS, LargePicture, open_large
from anymask.image.options import ReadOptions
from anymask.image.picture import Picture

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.cli.everything_progress import Progress

SMALL_SIDE_PX = 1600
"""Longer side of the small picture that an overview is drawn on."""

# About how many rows of the large picture are shrunk at once.
_STRIP_ROWS = 1024

# Notes that end so are about looking at the whole picture at once.
_CURED = "; cut it into tiles"


def open_tiled(photo: Photo, options: ReadOptions, max_pixels: int | None) -> LargePicture:
    """Open a photo of any size.

    Args:
        photo: Which one.
        options: How to read it.
        max_pixels: Largest width × height that is opened; None for the usual limit of tiles.

    Returns:
        The picture; close it after use.

    Raises:
        InputError: If it cannot be read.
        MissingExtra: If it is large and pyvips is not installed.
        OutputError: If its temporary file does not fit on the disk.
    """
    most = MAX_TILED_PIXELS if max_pixels is None else max_pixels
    if photo.path != STDIN:
        return open_large(photo.path, options=options, max_pixels=most)
    return open_large(read_photo(photo, options))


def find_by_tiles(
    model: "Model",
    picture: LargePicture,
    name: str,
    search: Search,
    on_progress: "Progress | None" = None,
) -> FoundOnPhoto:
    """Find everything on a picture tile by tile.

    Args:
        model: The model.
        picture: The upright picture.
        name: What records call it.
        search: How; with tiles.
        on_progress: Told how far it is.

    Returns:
        What was found, with a small picture.

    Raises:
        ConfigError: If the tiles have no core, or the memory that is allowed is too little.
        OutputError: If candidates outgrow the memory and the disk is full.
    """
    began = time.perf_counter()
    try:
        result = find_in_tiles(
            model.loaded,
            picture,
            search.settings,
            tile_side=search.tile_side,
            halo=search.halo,
            budget_bytes=search.budget_bytes,
            on_progress=on_progress,
        )
    except ConfigError as error:
        raise in_flags(error) from error
    small = Picture(
        pixels=_small_pixels(picture),
        name=picture.name,
        sha256=picture.sha256,
        format=picture.format,
        orientation=picture.orientation,
    )
    return FoundOnPhoto(
        found=result.found,
        picture=small,
        source=PictureOf(
            name=name,
            sha256=picture.sha256,
            model=f"{model.loaded.name}, {model.loaded.origin}",
            model_sha256=model.loaded.sha256,
        ),
        kept_as=None,
        notes=tuple(note for note in picture.notes if not note.endswith(_CURED)),
        encode_seconds=0.0,
        find_seconds=time.perf_counter() - began,
        tiles=_told(result),
    )


def _told(result: FoundInTiles) -> str:
    """Say what became of the tiles: "9 tiles, 4 masks joined over seams, 12 found twice"."""
    lost = (
        (result.num_disowned, "not seen by the tile they lie in"),
        (result.num_cut_off, "cut off by a tile's edge"),
    )
    parts = [
        counted(len(result.tiles), "tile"),
        f"{counted(result.num_stitched, 'mask')} joined over seams",
        f"{result.num_twice:,} found twice",
        *(f"{number:,} {reason}" for number, reason in lost if number),
    ]
    return ", ".join(parts)


def _small_pixels(picture: LargePicture) -> NDArray[np.uint8]:
    """Shrink a picture strip by strip."""
    height, width = picture.size_hw
    scale = min(SMALL_SIDE_PX / max(height, width), 1.0)
    to_height, to_width = max(round(height * scale), 1), max(round(width * scale), 1)
    small = np.empty((to_height, to_width, 3), np.uint8)
    # Strips begin and end with rows of the small picture.
    rows = max(1, to_height * _STRIP_ROWS // height)
    for top in range(0, to_height, rows):
        bottom = min(top + rows, to_height)
        y0, y1 = top * height // to_height, max(bottom * height // to_height, 1)
        strip = Image.fromarray(np.ascontiguousarray(picture.read((0, y0, width, y1))))
        shrunk = strip.resize((to_width, bottom - top), Image.Resampling.BOX)
        small[top:bottom] = np.asarray(shrunk)
    return small

"""Label images: each pixel's number says which object it belongs to, 0 is none."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from anymask.data.readers.problem import Problem

Counts = NDArray[np.int64]
Labels = NDArray[np.int64]

VOID = 255
"""The number of pixels that nobody judged, in palette images alone (Pascal VOC's rule)."""

_FORMATS = ("PNG", "TIFF", "BMP", "GIF", "PPM")
_LOSSY = Problem(
    code="lossy-labels",
    message="is a JPEG or WebP picture, which changes the numbers of labels",
    hint="write the labels again as PNG",
)
_COLOURED = Problem(
    code="colour-labels",
    message="is a colour picture, and each colour is not a number",
    hint="write one number a pixel as an 8- or 16-bit grey or palette PNG",
)
_SEVERAL_PAGES = Problem(
    code="several-pages",
    message="has several pages, of which only one can be read",
    hint="write one file a page",
)
_TOO_LARGE = Problem(
    code="unreadable-labels",
    message="has too many pixels for a label image",
    hint="cut picture and labels into tiles",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelImage:
    """The numbers of a label image, unscaled.

    Attributes:
        labels: int64, (H, W).
        is_palette: Whether the numbers are places in a palette.
    """

    labels: Labels
    is_palette: bool


def read_label_image(path: Path) -> LabelImage | Problem:
    """Read a label image as it is: no scaling, no resizing, no turning.

    Args:
        path: A PNG, TIFF, BMP, GIF or PPM file.

    Returns:
        The numbers; or what is wrong, with code "unreadable-labels", "lossy-labels",
        "colour-labels", "several-pages" or "broken-numbers".
    """
    try:
        with Image.open(path) as picture:
            if picture.format in ("JPEG", "WEBP", "MPO"):
                return _LOSSY
            if picture.format not in _FORMATS:
                return _unreadable(f"is {picture.format}, which holds no labels")
            if getattr(picture, "n_frames", 1) > 1:
                return _SEVERAL_PAGES
            is_palette = picture.mode == "P"
            # What the file holds is known until it is decoded.
            values = _deep_values(path) if _is_deep_colour(picture) else np.asarray(picture)
    except Image.DecompressionBombError:
        return _TOO_LARGE
    except UnidentifiedImageError:
        return _unreadable("is no picture")
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        return _unreadable(f"cannot be read ({_one_line(error)})")
    labels = _plane(values)
    if isinstance(labels, Problem):
        return labels
    return LabelImage(labels=labels, is_palette=is_palette)


def label_runs(labels: Labels, *, connected: bool = False) -> tuple[Counts, ...]:
    """Give one mask for each number other than 0, in the order of the numbers.

    Args:
        labels: Whole numbers, (H, W); negative ones count as 0.
        connected: Whether parts that do not touch, not even at a corner, are masks of their own.

    Returns:
        Column-major run lengths of each mask, int64, beginning with zeros.
    """
    columns = labels.T.ravel()
    places = np.flatnonzero(columns > 0)
    groups = _groups(places, columns[places])
    if connected:
        height = labels.shape[0]
        groups = [part for group in groups for part in _parts(group, height)]
    return tuple(_runs(group, labels.size) for group in groups)


def _groups(places: NDArray[np.int64], values: Labels) -> list[NDArray[np.int64]]:
    """Split sorted places by the value at each, in the order of the values."""
    if not len(places):
        return []
    # Stable, so the places of one value stay sorted.
    order = np.argsort(values, kind="stable")
    places, values = places[order], values[order]
    return np.split(places, np.flatnonzero(values[1:] != values[:-1]) + 1)


def _runs(places: NDArray[np.int64], num_pixels: int) -> Counts:
    gaps = np.flatnonzero(np.diff(places) > 1)
    starts = places[np.concatenate([[0], gaps + 1])]
    ends = places[np.concatenate([gaps, [len(places) - 1]])] + 1
    edges = np.stack([starts, ends], axis=1).ravel()
    runs = np.diff(edges, prepend=0, append=num_pixels)
    return runs if runs[-1] else runs[:-1]


def _parts(places: NDArray[np.int64], height: int) -> list[NDArray[np.int64]]:
    """Split the places of one object into those of its connected parts."""
    column, row = np.divmod(places, height)
    column, row = column - column.min(), row - row.min()
    plane = np.zeros((column.max() + 1, row.max() + 1), np.uint8)
    plane[column, row] = 1
    part = cv2.connectedComponents(plane, connectivity=8)[1]
    return _groups(places, part[column, row].astype(np.int64))


def _plane(values: NDArray[np.generic]) -> Labels | Problem:
    """Give one number a pixel, if there is one."""
    if values.ndim == 3:
        # The last of two or four channels is how opaque the pixel is.
        colours = values[:, :, : 1 if values.shape[2] == 2 else 3]
        if (colours != colours[:, :, :1]).any():
            return _COLOURED
        values = colours[:, :, 0]
    if values.dtype.kind == "f" and not (values == np.floor(values.astype(np.float64))).all():
        return Problem(
            code="broken-numbers",
            message="holds numbers that are not whole",
            hint="write whole numbers, one for each object",
        )
    return values.astype(np.int64)


def _is_deep_colour(picture: Image.Image) -> bool:
    """Say whether Pillow cut 16 bits a channel down to 8."""
    tiles = getattr(picture, "tile", None)
    depth = tiles[0].args if tiles else ""
    return picture.mode in ("RGB", "RGBA", "LA") and "16" in str(depth)


def _deep_values(path: Path) -> NDArray[np.generic]:
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise OSError("damaged")
    return values


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())[:80]


def _unreadable(message: str) -> Problem:
    return Problem(code="unreadable-labels", message=message, hint="write it again as PNG")

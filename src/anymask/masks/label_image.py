"""Label images: each pixel's number says which object it belongs to, 0 is none."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from anymask.masks.problem import Problem

Counts = NDArray[np.int64]
Labels = NDArray[np.int64]

VOID = 255
"""The number of pixels that nobody judged, in palette images alone (Pascal VOC's rule)."""

NOTE_KEY = "anymask"
"""Keyword of the text chunk of a PNG, first word of the description of a TIFF."""

_DESCRIPTION_TAG = 270
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
_NO_COLOURS = Problem(
    code="no-colours",
    message="is no picture of three 8-bit colours, which give the ids",
    hint="write id = red + 256 · green + 65536 · blue as an RGB PNG",
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
        note: What anymask wrote into the file beside the pixels, or None.
    """

    labels: Labels
    is_palette: bool
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decoded:
    """What a picture file holds."""

    values: NDArray[np.generic]
    is_palette: bool
    note: str | None


def decode_label_image(data: bytes) -> LabelImage | Problem:
    """Read a label image as it is: no scaling, no resizing, no turning.

    Args:
        data: The bytes of a PNG, TIFF, BMP, GIF or PPM file.

    Returns:
        The numbers; or what is wrong, with code "unreadable-labels", "lossy-labels",
        "colour-labels", "several-pages" or "broken-numbers".
    """
    decoded = _decoded(data)
    if isinstance(decoded, Problem):
        return decoded
    labels = _plane(decoded.values)
    if isinstance(labels, Problem):
        return labels
    return LabelImage(labels=labels, is_palette=decoded.is_palette, note=decoded.note)


def decode_colours(data: bytes) -> NDArray[np.uint8] | Problem:
    """Read a picture whose colours are numbers, as they are.

    Args:
        data: The bytes of a PNG, TIFF, BMP or PPM file.

    Returns:
        Red, green and blue, uint8, (H, W, 3); or what is wrong, with code "unreadable-labels",
        "lossy-labels", "several-pages" or "no-colours".
    """
    decoded = _decoded(data)
    if isinstance(decoded, Problem):
        return decoded
    values = decoded.values
    if values.ndim != 3 or values.shape[2] < 3 or values.dtype != np.uint8:
        return _NO_COLOURS
    return values[:, :, :3].astype(np.uint8)


def without_void(image: LabelImage) -> Labels:
    """Set void to 0 in a palette image; 255 is the object where nothing else is marked.

    Args:
        image: The label image.

    Returns:
        Numbers, int64, (H, W).
    """
    labels = image.labels
    is_marked = (labels != 0) & (labels != VOID)
    return np.where(labels == VOID, 0, labels) if image.is_palette and is_marked.any() else labels


def note_in(picture: Image.Image) -> str | None:
    """Give what anymask wrote into a picture file beside the pixels.

    Args:
        picture: An opened file whose pixels have been read.

    Returns:
        The text, or None.
    """
    if picture.format != "TIFF":
        text = picture.info.get(NOTE_KEY)
        return text if isinstance(text, str) else None
    description = str(picture.getexif().get(_DESCRIPTION_TAG, ""))
    keyword, _, text = description.partition(" ")
    return text if keyword == NOTE_KEY else None


def label_runs(labels: Labels, *, connected: bool = False) -> tuple[Counts, ...]:
    """Give one mask for each number other than 0, in the order of the numbers.

    Args:
        labels: Whole numbers, (H, W); negative ones count as 0.
        connected: Whether parts that do not touch, not even at a corner, are masks of their own.

    Returns:
        Column-major run lengths of each mask, int64, beginning with zeros.
    """
    groups = list(_groups_of(labels).values())
    if connected:
        height = labels.shape[0]
        groups = [part for group in groups for part in _parts(group, height)]
    return tuple(_runs(group, labels.size) for group in groups)


def runs_by_number(labels: Labels) -> dict[int, Counts]:
    """Give the mask of each number other than 0.

    Args:
        labels: Whole numbers, (H, W); negative ones count as 0.

    Returns:
        Column-major run lengths, int64, beginning with zeros, by number in rising order.
    """
    return {number: _runs(places, labels.size) for number, places in _groups_of(labels).items()}


def _decoded(data: bytes) -> _Decoded | Problem:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.format in ("JPEG", "WEBP", "MPO"):
                return _LOSSY
            if picture.format not in _FORMATS:
                return _bad_file(f"is {picture.format}, which holds no labels")
            if getattr(picture, "n_frames", 1) > 1:
                return _SEVERAL_PAGES
            is_palette = picture.mode == "P"
            # What the file holds is known until it is decoded.
            values = _deep_values(data) if _is_deep_colour(picture) else np.asarray(picture)
            return _Decoded(values=values, is_palette=is_palette, note=note_in(picture))
    except Image.DecompressionBombError:
        return _TOO_LARGE
    except UnidentifiedImageError:
        return _bad_file("is no picture")
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        return unreadable(error)


def _groups_of(labels: Labels) -> dict[int, NDArray[np.int64]]:
    """Give the column-major places of each number above 0."""
    columns = labels.T.ravel()
    places = np.flatnonzero(columns > 0)
    groups = _groups(places, columns[places])
    return {int(columns[group[0]]): group for group in groups}


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


def _deep_values(data: bytes) -> NDArray[np.generic]:
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise OSError("damaged")
    return values


def unreadable(error: Exception) -> Problem:
    """Say that a label image cannot be read.

    Args:
        error: What opening or decoding it raised.

    Returns:
        The problem, with code "unreadable-labels".
    """
    reason = " ".join(str(error).split())[:80]
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    return _bad_file(f"cannot be read ({reason})")


def _bad_file(message: str) -> Problem:
    return Problem(code="unreadable-labels", message=message, hint="write it again as PNG")

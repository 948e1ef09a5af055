"""Label maps: one picture file whose pixels are the numbers of the objects, 0 is none.

Numbers are places in the list of objects, from 1. Up to 254 objects make an 8-bit palette PNG
(there 255 is void to most programs), up to 65,535 a 16-bit PNG, more a 32-bit TIFF.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from anymask.masks.annotation import AnnotatedPicture, Losses
from anymask.masks.colours import colour_of
from anymask.masks.forms.note import annotation, note_of, read_note
from anymask.masks.forms.painting import paint
from anymask.masks.forms.sized import size_problem
from anymask.masks.forms.stem import stem_of
from anymask.masks.label_image import (
    NOTE_KEY,
    VOID,
    decode_label_image,
    runs_by_number,
    without_void,
)
from anymask.masks.problem import Problem
from anymask.masks.rle import encode_runs

_MOST_OF_16_BITS = 65_535


def write_label_map(
    picture: AnnotatedPicture,
    categories: Sequence[str],  # noqa: ARG001 (all forms are called alike)
) -> tuple[dict[str, bytes], Losses]:
    """Write the objects of a picture as a label map.

    Args:
        picture: The picture and its objects. Where they overlap, the smaller is on top.
        categories: Not needed: names travel in the file.

    Returns:
        The file by its name, "a/b.png" or "a/b.tif" for a/b.jpg; and what was lost.
    """
    painting = paint(picture.objects, picture.size_hw)
    note = note_of(dict(enumerate(picture.objects, start=1)))
    stem, num_objects = stem_of(picture.file_name), len(picture.objects)
    if num_objects > _MOST_OF_16_BITS:
        return {f"{stem}.tif": _tiff(painting.labels, note)}, painting.losses
    if num_objects >= VOID:
        image = Image.fromarray(painting.labels.astype(np.uint16))
    else:
        palette = [(0, 0, 0), *(colour_of(index) for index in range(VOID))]
        image = palette_image(painting.labels, palette)
    return {f"{stem}.png": noted_png(image, note)}, painting.losses


def read_label_map(
    data: bytes, file_name: str, size_hw: tuple[int, int] | None = None
) -> tuple[AnnotatedPicture, tuple[Problem, ...]] | Problem:
    """Read a label map of any program: one object a number.

    Args:
        data: The bytes of the file: PNG, TIFF, BMP, GIF or PPM, of 8, 16 or 32 bits.
        file_name: Name of the picture it belongs to.
        size_hw: Height and width of that picture, pixels; None takes those of the map.

    Returns:
        The picture with its objects in the order of their numbers, and no problems; or what is
        wrong with the file, with code "size-differs" or one of `decode_label_image`.
    """
    image = decode_label_image(data)
    if isinstance(image, Problem):
        return image
    labels = without_void(image)
    shape = (labels.shape[0], labels.shape[1])
    wrong = size_problem(shape, size_hw)
    if wrong is not None:
        return wrong
    note = read_note(image.note)
    objects = tuple(
        annotation(encode_runs(runs, shape), note, number)
        for number, runs in runs_by_number(labels).items()
    )
    return AnnotatedPicture(file_name=file_name, size_hw=shape, objects=objects), ()


def palette_image(
    labels: NDArray[np.int64], palette: Sequence[tuple[int, int, int]]
) -> Image.Image:
    """Give numbers as a picture that shows them in colours.

    Args:
        labels: Places in the palette, 0 to 255, (H, W).
        palette: The colours: red, green and blue, 0 to 255.

    Returns:
        A picture of mode P.
    """
    image = Image.fromarray(labels.astype(np.uint8))
    image.putpalette([value for colour in palette for value in colour])
    return image


def noted_png(image: Image.Image, note: str | None) -> bytes:
    """Give a picture as the bytes of a PNG file that carries a note.

    Args:
        image: Any mode PNG can hold.
        note: The text, or None.

    Returns:
        The file's bytes.
    """
    chunks = PngInfo()
    if note is not None:
        chunks.add_itxt(NOTE_KEY, note)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=chunks)
    return buffer.getvalue()


def _tiff(labels: NDArray[np.int64], note: str | None) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(labels.astype(np.int32))
    description = "" if note is None else f"{NOTE_KEY} {note}"
    image.save(buffer, format="TIFF", compression="tiff_adobe_deflate", description=description)
    return buffer.getvalue()

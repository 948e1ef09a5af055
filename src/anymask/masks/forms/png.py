"""One PNG a mask, 255 on the object and 0 elsewhere: the folder a/b/ for the picture a/b.jpg."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, UnidentifiedImageError

from anymask.masks.annotation import AnnotatedPicture, Annotation, Losses
from anymask.masks.atomic import shown_name
from anymask.masks.forms.label_map import noted_png
from anymask.masks.forms.note import annotation, note_of, read_note
from anymask.masks.forms.painting import EMPTY
from anymask.masks.forms.sized import size_problem
from anymask.masks.forms.stem import stem_of
from anymask.masks.label_image import note_in
from anymask.masks.plane import BoolMask
from anymask.masks.png import object_of
from anymask.masks.problem import Problem
from anymask.masks.rle import area, decode, encode

_LOSSY = Problem(
    code="lossy-labels", message="JPEG changes mask values", hint="write the mask again as PNG"
)
_EMPTY = Problem(
    code="empty-mask", message="its mask holds no pixel", hint="leave it out or draw it"
)
_FEWEST_DIGITS = 4


def write_png(
    picture: AnnotatedPicture,
    categories: Sequence[str],  # noqa: ARG001 (all forms are called alike)
) -> tuple[dict[str, bytes], Losses]:
    """Write each object of a picture as a PNG of its own.

    Args:
        picture: The picture and its objects.
        categories: Not needed: names travel in the files.

    Returns:
        The files by name, "a/b/0001.png" and so on for a/b.jpg, in the order of the objects; and
        what was lost.
    """
    stem, objects = stem_of(picture.file_name), picture.objects
    num_digits = max(_FEWEST_DIGITS, len(str(len(objects))))
    files, losses = dict[str, bytes](), Losses()
    for number, one in enumerate(objects, start=1):
        if area(one.rle) == 0:
            losses[EMPTY] += 1
            continue
        image = Image.fromarray(decode(one.rle).view(np.uint8) * 255)
        files[f"{stem}/{number:0{num_digits}}.png"] = noted_png(image, note_of({1: one}))
    return files, losses


def read_png(
    files: Mapping[str, bytes], file_name: str, size_hw: tuple[int, int] | None = None
) -> tuple[AnnotatedPicture, tuple[Problem, ...]] | Problem:
    """Read the masks of a picture, one a file.

    A file with transparency is read by its alpha, any other by its colours: what is not black is
    the object.

    Args:
        files: Bytes of PNG files by name; objects come in the order of the names.
        file_name: Name of the picture they belong to.
        size_hw: Height and width of that picture, pixels; None takes those of most masks.

    Returns:
        The picture with its objects, and what is wrong with single files, their names as places:
        codes "unreadable-mask", "lossy-labels", "size-differs" and "empty-mask". Where no file
        can be used and no size is known, the first problem alone.
    """
    found = {name: _read_one(files[name]) for name in sorted(files)}
    sizes = Counter(
        (one.rle["size"][0], one.rle["size"][1])
        for one in found.values()
        if isinstance(one, Annotation)
    )
    if size_hw is None and sizes:
        size_hw = sizes.most_common(1)[0][0]
    objects: list[Annotation] = []
    problems: list[Problem] = []
    for name, one in found.items():
        wrong = one if isinstance(one, Problem) else _problem(one, size_hw)
        if isinstance(one, Annotation) and wrong is None:
            objects.append(one)
        elif wrong is not None:
            problems.append(wrong.within(shown_name(name)))
    if size_hw is None:
        return problems[0] if problems else _EMPTY
    return AnnotatedPicture(file_name=file_name, size_hw=size_hw, objects=tuple(objects)), tuple(
        problems
    )


def _read_one(data: bytes) -> Annotation | Problem:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.format in ("JPEG", "MPO", "WEBP"):
                return _LOSSY
            if picture.format != "PNG":
                return _unreadable("is not a PNG picture")
            picture.load()
            mask: BoolMask = object_of(picture)
            return annotation(encode(mask), read_note(note_in(picture)), 1)
    except UnidentifiedImageError:
        return _unreadable("is not a PNG picture" if data else "is empty (0 bytes)")
    except Image.DecompressionBombError:
        return _unreadable("has too many pixels for a mask")
    except (OSError, SyntaxError, ValueError):
        return _unreadable("is cut short or damaged")


def _problem(one: Annotation, size_hw: tuple[int, int] | None) -> Problem | None:
    height, width = one.rle["size"]
    return size_problem((height, width), size_hw) or (None if area(one.rle) else _EMPTY)


def _unreadable(message: str) -> Problem:
    return Problem(code="unreadable-mask", message=message, hint="write the mask again as PNG")

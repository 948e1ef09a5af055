"""Folders of pictures and label images or binary masks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anymask.data.readers.label_image import read_label_image
from anymask.data.readers.label_pairs import LabelledPicture, label_folders, pair_labels
from anymask.data.readers.naming import picture_name, set_name_of
from anymask.data.readers.problem import bad_row
from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.image import display_name
from anymask.masks.label_image import LabelImage, label_runs, without_void
from anymask.masks.problem import Problem

_AMBIGUOUS = Problem(
    code="ambiguous-pair",
    message="there are several files of the same name",
    hint="keep one picture and its labels",
)
_NO_LABELS = Problem(
    code="no-labels",
    message="has no label image of its name",
    hint="add the label image or remove the picture",
)
_NO_PICTURE = Problem(
    code="no-picture",
    message="has no picture of its name",
    hint="add the picture or remove the label image",
)
_EMPTY = Problem(
    code="empty-mask", message="its mask holds no pixel", hint="leave it out or draw it"
)


def read_label_maps(
    path: Path,
    *,
    pictures: Path | None = None,
    labels: Path | None = None,
    connected: bool = False,
) -> Iterator[AnnotatedFile | BadSample]:
    """Read pictures and label images, paired by name.

    Label images lie in a folder of their own (`images/x.jpg` and `masks/x.png`), or beside the
    pictures (`x.jpg` and `x.png`, or `x.jpg` and `x_mask.png`). Masks of single objects lie in
    `masks/x/*.png` or are numbered: `masks/x_0.png`, `masks/x_1.png`. Each number but 0 is one
    object; in palette images 255 is void, unless the file has nothing but 0 and 255.

    Args:
        path: The folder around all.
        pictures: The folder of the pictures, where its name is not one of the usual.
        labels: The folder of the label images, likewise.
        connected: Whether parts of a label image that do not touch are objects of their own.

    Yields:
        Pictures by name, `size_hw` being that of their labels, and what cannot be used: codes
        "no-labels", "no-picture", "ambiguous-pair", "not-binary", "empty-mask", "size-differs",
        and those of `read_label_image`.

    Raises:
        DataError: If a folder cannot be listed.
    """
    if pictures is None or labels is None:
        found = label_folders(path) or (path, path)
        pictures, labels = pictures or found[0], labels or found[1]
    set_name = set_name_of(path)
    for pair in pair_labels(pictures, labels):
        problem = _pair_problem(pair)
        if problem is not None:
            first = [*pair.pictures, *pair.maps, *pair.objects][0]
            yield bad_row(problem, set_name, display_name(first))
        else:
            yield from _labelled(set_name, pair, connected=connected)


def _pair_problem(pair: LabelledPicture) -> Problem | None:
    if not pair.pictures:
        return _NO_PICTURE
    if not pair.maps and not pair.objects:
        return _NO_LABELS if len(pair.pictures) == 1 else _AMBIGUOUS
    return _AMBIGUOUS if len(pair.pictures) > 1 or len(pair.maps) > 1 else None


def _labelled(
    set_name: str, pair: LabelledPicture, *, connected: bool
) -> Iterator[AnnotatedFile | BadSample]:
    runs: list[NDArray[np.int64]] = []
    size_hw: tuple[int, int] | None = None
    for file in (*pair.maps, *pair.objects):
        image = read_label_image(file)
        if isinstance(image, LabelImage):
            shape = (image.labels.shape[0], image.labels.shape[1])
            if size_hw is not None and shape != size_hw:
                image = _size_problem(shape, size_hw)
            elif file in pair.objects:
                image = _one_object(image)
        if isinstance(image, Problem):
            yield bad_row(image, set_name, display_name(file))
            continue
        size_hw = (image.labels.shape[0], image.labels.shape[1])
        numbers = image.labels if file in pair.objects else without_void(image)
        runs.extend(label_runs(numbers, connected=connected and file in pair.maps))
    if size_hw is not None:
        yield AnnotatedFile(
            set_name=set_name,
            name=picture_name(pair.key),
            source=pair.pictures[0],
            shown=display_name(pair.pictures[0]),
            size_hw=size_hw,
            runs=tuple(runs),
        )


def _one_object(image: LabelImage) -> LabelImage | Problem:
    """Check that a mask of one object is that."""
    numbers = np.unique(image.labels[image.labels != 0])
    if len(numbers) == 0:
        return _EMPTY
    if len(numbers) > 1:
        return Problem(
            code="not-binary",
            message=f"is a mask of one object but holds {len(numbers)} numbers other than 0",
            hint="write 0 and 255 only",
        )
    return image


def _size_problem(shape: tuple[int, int], size_hw: tuple[int, int]) -> Problem:
    return Problem(
        code="size-differs",
        message=f"mask {shape[1]}×{shape[0]}, but another mask of the picture is "
        f"{size_hw[1]}×{size_hw[0]}",
        hint="make every mask for the picture's own size",
    )

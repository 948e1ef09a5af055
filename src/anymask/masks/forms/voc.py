"""Pascal VOC: two palette PNGs a picture, classes and objects; 0 is none, 255 void.

Names of the classes stand in labelmap.txt beside the folders, one a line, "name:red,green,blue::",
as annotation programs write it; without it they are VOC's own twenty.

Source: The Pascal Visual Object Classes Challenge, development kit, segmentation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError
from anymask.masks.annotation import UNNAMED, AnnotatedPicture, Annotation, Losses
from anymask.masks.atomic import shown_name
from anymask.masks.forms.label_map import noted_png, palette_image
from anymask.masks.forms.painting import paint
from anymask.masks.forms.sized import size_problem
from anymask.masks.forms.stem import stem_of
from anymask.masks.label_image import VOID, decode_label_image, runs_by_number
from anymask.masks.problem import Problem
from anymask.masks.rle import encode_runs

CLASSES, OBJECTS = "SegmentationClass", "SegmentationObject"
VOC_CATEGORIES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)

_BACKGROUND = "background"
_HEADER = "# label:color_rgb:parts:actions"
_Labels = NDArray[np.int64]


def write_voc(
    picture: AnnotatedPicture, categories: Sequence[str]
) -> tuple[dict[str, bytes], Losses]:
    """Write the objects of a picture as VOC's two palette pictures.

    Args:
        picture: The picture and its objects. Where they overlap, the smaller is on top.
        categories: Names of the classes; class 1 is the first.

    Returns:
        The files by name, "SegmentationClass/a/b.png" and "SegmentationObject/a/b.png" for
        a/b.jpg; and what was lost.

    Raises:
        InputError: If there are over 254 classes or objects, which 8 bits cannot number, a
            label is no class, or a name holds a line break.
    """
    objects = picture.objects
    for many, what in ((categories, "classes"), (objects, "objects")):
        if len(many) >= VOID:
            raise InputError(
                f"{shown_name(picture.file_name)}: has {len(many):,} {what}, VOC's pictures "
                f"number {VOID - 1}",
                hint="convert to labelmap or coco",
            )
    classes = {label: number for number, label in reversed([*enumerate(categories, start=1)])}
    for one in objects:
        if one.label not in classes:
            raise InputError(
                f"{shown_name(picture.file_name)}: its label {shown_name(one.label)} is no "
                f"category of the set",
                hint="add it to the categories",
            )
    for name in (picture.file_name, *(one.label for one in objects)):
        if "\n" in name or "\r" in name:
            raise InputError(
                f"its name {shown_name(name)[:80]} holds a line break, which VOC's lists cannot",
                hint="rename it, or convert to coco",
            )
    painting = paint(objects, picture.size_hw)
    class_of = np.array([0, *(classes[one.label] for one in objects)], dtype=np.int64)
    losses = painting.losses
    losses["scores"] += sum(one.score is not None for one in objects)
    losses["stability scores"] += sum(one.finding is not None for one in objects)
    losses["crowd marks"] += sum(one.is_crowd for one in objects)
    palette, stem = voc_palette(), stem_of(picture.file_name)
    planes = {CLASSES: class_of[painting.labels], OBJECTS: painting.labels}
    files = {
        f"{folder}/{stem}.png": noted_png(palette_image(labels, palette), None)
        for folder, labels in planes.items()
    }
    return files, +losses


def read_voc(
    file_name: str,
    categories: Sequence[str] = VOC_CATEGORIES,
    *,
    objects: bytes | None,
    classes: bytes | None,
    size_hw: tuple[int, int] | None = None,
) -> tuple[AnnotatedPicture, tuple[Problem, ...]] | Problem:
    """Read the objects of a picture from VOC's pictures; void pixels (255) belong to none.

    Args:
        file_name: Name of the picture.
        categories: Names of the classes; class 1 is the first.
        objects: Bytes of the picture of objects; None makes each class one mask.
        classes: Bytes of the picture of classes; None leaves objects without names.
        size_hw: Height and width of the picture, pixels; None takes those of the masks.

    Returns:
        The picture with its objects in the order of their numbers, each named after the class of
        most of its pixels, and those without a known name as problems, code "unknown-category";
        or what is wrong with a file, with code "no-labels", "size-differs" or one of
        `decode_label_image`.
    """
    planes: list[_Labels] = []
    for data in (objects, classes):
        if data is None:
            continue
        image = decode_label_image(data)
        if isinstance(image, Problem):
            return image
        planes.append(np.where(image.labels == VOID, 0, image.labels))
        shape = (planes[-1].shape[0], planes[-1].shape[1])
        wrong = size_problem(shape, size_hw)
        if wrong is not None:
            return wrong
        size_hw = shape
    if size_hw is None or not planes:
        return Problem(
            code="no-labels", message="has no label image", hint="add it or remove the picture"
        )
    found, problems = _objects(planes, categories, is_named=classes is not None)
    return AnnotatedPicture(file_name=file_name, size_hw=size_hw, objects=found), problems


def _objects(
    planes: Sequence[_Labels], categories: Sequence[str], *, is_named: bool
) -> tuple[tuple[Annotation, ...], tuple[Problem, ...]]:
    labels, size_hw = planes[0], (planes[0].shape[0], planes[0].shape[1])
    objects: list[Annotation] = []
    problems: list[Problem] = []
    class_of = _most_frequent(labels, planes[-1]) if is_named else {}
    for number, runs in runs_by_number(labels).items():
        place = class_of.get(number, 0)
        if place > len(categories):
            wrong = Problem(
                code="unknown-category",
                message=f"its class {place} is none of {len(categories)}",
                hint="name the classes in labelmap.txt",
            )
            problems.append(wrong.within(f"object {number}"))
            continue
        label = categories[place - 1] if place else UNNAMED
        objects.append(Annotation(rle=encode_runs(runs, size_hw), label=label))
    return tuple(objects), tuple(problems)


def _most_frequent(labels: _Labels, classes: _Labels) -> dict[int, int]:
    """Give the class of most pixels of each object."""
    is_both = (labels > 0) & (classes > 0)
    pairs, times = np.unique(
        np.stack([labels[is_both], classes[is_both]]), axis=1, return_counts=True
    )
    order = np.argsort(times, kind="stable")
    return dict(pairs[:, order].T.tolist())


def voc_palette() -> tuple[tuple[int, int, int], ...]:
    """Give VOC's 256 colours.

    Returns:
        Red, green, blue, 0 to 255, by number.

    Source:
        VOC development kit: the bits of a number go in turn to red, green and blue, the lowest
        three to the highest places.
    """
    numbers = np.arange(256)
    colours = np.zeros((256, 3), dtype=np.int64)
    for place in range(8):
        for channel in range(3):
            bit = (numbers >> (3 * place + channel)) & 1
            colours[:, channel] |= bit << (7 - place)
    return tuple((int(red), int(green), int(blue)) for red, green, blue in colours)


def write_category_list(categories: Sequence[str]) -> bytes:
    """Write the names of the classes as labelmap.txt holds them.

    Args:
        categories: The names; class 1 is the first.

    Returns:
        The file's bytes, UTF-8; a line break, which would make a name two, is escaped.
    """
    names = [name.replace("\n", "\\n").replace("\r", "\\r") for name in (_BACKGROUND, *categories)]
    colours = voc_palette()
    lines = [
        f"{name}:{','.join(map(str, colours[number % len(colours)]))}::"
        for number, name in enumerate(names)
    ]
    return "\n".join([_HEADER, *lines, ""]).encode("utf-8", "surrogatepass")


def read_category_list(data: bytes) -> tuple[str, ...]:
    """Read the names of the classes from labelmap.txt.

    Args:
        data: The file's bytes.

    Returns:
        The names, the background left out; class 1 is the first.
    """
    lines = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n")
    names = [line.rsplit(":", 3)[0] for line in lines if line.strip() and line != _HEADER]
    return tuple(names[1:] if names[:1] == [_BACKGROUND] else names)

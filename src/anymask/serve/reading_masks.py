"""A file of masks that somebody has → objects of the picture that is open."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from PIL import Image, UnidentifiedImageError

from anymask.errors import InputError
from anymask.masks.annotation import UNNAMED, AnnotatedPicture, Annotation
from anymask.masks.atomic import shown_name
from anymask.masks.forms.coco import read_coco
from anymask.masks.forms.label_map import read_label_map
from anymask.masks.forms.labelme import labelme_record, read_labelme
from anymask.masks.forms.png import read_png
from anymask.masks.forms.sa1b import annotation_place, read_sa1b, sa1b_record
from anymask.masks.problem import Problem, json_problem
from anymask.masks.segmentation import image_size
from anymask.serve.sent_objects import MOST_OBJECTS

_MOST_NOTES: Final = 5
_HINT: Final = "choose a mask PNG, a label PNG, or a COCO, SA-1B or labelme JSON"
_TIFF: Final = (b"II*\0", b"MM\0*")
_GREY_MODES: Final = ("L", "LA")
# Place of a problem with the whole file.
_WHOLE: Final = "file"

Found = tuple[AnnotatedPicture, tuple[Problem, ...]] | Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMasks:
    """What a file holds.

    Attributes:
        objects: Its masks, at the picture's size.
        notes: Sentences about what could not be read.
    """

    objects: tuple[Annotation, ...]
    notes: tuple[str, ...] = ()


def read_masks(data: bytes, name: str, picture_name: str, size_hw: tuple[int, int]) -> ReadMasks:
    """Read the masks of a picture from a file of any form that is known.

    Args:
        data: The file's bytes.
        name: What it is called.
        picture_name: The picture's name, by which a COCO file is searched.
        size_hw: Height and width of the picture, pixels.

    Returns:
        The masks.

    Raises:
        InputError: If the file is none of these forms, is of a picture of another size, or holds
            no mask that can be read.
    """
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        found = _read_json(data, picture_name, size_hw)
    else:
        found = _read_picture(data, name, size_hw)
    if isinstance(found, Problem):
        raise _refused(name, found)
    picture, problems = found
    if not picture.objects:
        raise _refused(name, problems[0] if problems else _NOTHING)
    if len(picture.objects) > MOST_OBJECTS:
        raise InputError(
            f"{shown_name(name)}: holds {len(picture.objects):,} masks",
            hint=f"give at most {MOST_OBJECTS:,}",
        )
    return ReadMasks(objects=picture.objects, notes=_notes(problems))


_NOTHING: Final = Problem(
    code="empty-mask", message="holds no mask of this picture", hint="check the file"
)


def _read_picture(data: bytes, name: str, size_hw: tuple[int, int]) -> Found:
    """Read a mask or a label map; its size is checked before it is decoded."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "TIFF"]) as image:
            mode, (width, height) = image.mode, image.size
            has_alpha = "A" in image.getbands() or "transparency" in image.info
    except UnidentifiedImageError:
        return Problem(code="unknown", message="is no file of masks that is known", hint=_HINT)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return Problem(code="damaged", message="is cut short or damaged", hint="save it again")
    if (height, width) != size_hw:
        return Problem(
            code="size-differs",
            message=f"is of {width}×{height}, the picture of {size_hw[1]}×{size_hw[0]}",
            hint="make the mask for the picture's own size",
        )
    if data.startswith(_TIFF):
        return read_label_map(data, name, size_hw)
    if has_alpha or mode.startswith("RGB") or mode == "1":
        return read_png({_WHOLE: data}, name, size_hw)
    labels = read_label_map(data, name, size_hw)
    if isinstance(labels, Problem):
        return labels
    objects = labels[0].objects
    is_told = any(one.label != UNNAMED or one.score is not None for one in objects)
    if (len(objects) < 2 and not is_told) or (mode in _GREY_MODES and _has_grey_edges(data)):
        return read_png({_WHOLE: data}, name, size_hw)
    return labels


def _has_grey_edges(data: bytes) -> bool:
    """Say whether grey values are those of one smooth mask: nearly all are the lightest or 0."""
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        counts = image.convert("L").histogram()
    num_between, num_lightest = sum(counts[1:255]), counts[255]
    num_values = sum(count > 0 for count in counts[1:255])
    return num_lightest > num_between and num_values > 4


def _read_json(data: bytes, picture_name: str, size_hw: tuple[int, int]) -> Found:
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        return json_problem(error)
    if isinstance(record, list):
        return _coco_objects(record, {}, picture_name, size_hw)
    if isinstance(record.get("shapes"), list):
        return _read_labelme(data, picture_name, size_hw)
    if isinstance(record.get("image"), dict):
        return _read_sa1b(data, picture_name, size_hw)
    if isinstance(record.get("images"), list) and isinstance(record.get("annotations"), list):
        return _read_coco(record, picture_name, size_hw)
    return Problem(code="unknown", message="is no JSON of masks that is known", hint=_HINT)


def _read_labelme(data: bytes, picture_name: str, size_hw: tuple[int, int]) -> Found:
    record = labelme_record(data)
    if isinstance(record, Problem):
        return record
    told = {"height": record.get("imageHeight"), "width": record.get("imageWidth")}
    wrong = _size_problem(image_size(told), size_hw)
    if wrong is not None:
        return wrong
    found = read_labelme(record, picture_name, size_hw)
    return found if isinstance(found, Problem) else (found[0], found[1])


def _read_sa1b(data: bytes, picture_name: str, size_hw: tuple[int, int]) -> Found:
    record = sa1b_record(data)
    if isinstance(record, Problem):
        return record
    wrong = _size_problem(image_size(record["image"]), size_hw)
    if wrong is not None:
        return wrong
    record["image"] |= {"height": size_hw[0], "width": size_hw[1]}
    return read_sa1b(record, picture_name)


def _read_coco(record: Mapping[str, Any], picture_name: str, size_hw: tuple[int, int]) -> Found:
    images = [one for one in record["images"] if isinstance(one, Mapping)]
    image = _image_of(images, picture_name)
    if image is None:
        shown = shown_name(picture_name)
        return Problem(
            code="no-picture",
            message=f"is about {len(images):,} pictures, none of them is {shown}",
            hint="open the picture under the name that the file gives it",
        )
    wrong = _size_problem(image_size(image), size_hw)
    if wrong is not None:
        return wrong
    listed = record.get("categories")
    categories = listed if isinstance(listed, list) else []
    names = {
        one["id"]: str(one.get("name", ""))
        for one in categories
        if isinstance(one, Mapping) and isinstance(one.get("id"), int | str)
    }
    wanted = image.get("id")
    records = [
        one
        for one in record["annotations"]
        if isinstance(one, Mapping) and one.get("image_id") == wanted
    ]
    return _coco_objects(records, names, picture_name, size_hw)


def _image_of(images: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Give the record of the picture: by its name, else the only one."""
    for fold in (str, str.casefold):
        for one in images:
            told = PurePosixPath(str(one.get("file_name", "")).replace("\\", "/")).name
            if told and fold(told) == fold(name):
                return one
    return images[0] if len(images) == 1 else None


def _coco_objects(
    records: Sequence[object],
    names: Mapping[object, str],
    picture_name: str,
    size_hw: tuple[int, int],
) -> Found:
    objects, problems = [], []
    for number, record in enumerate(records):
        found = read_coco(record, size_hw, names)
        if isinstance(found, Problem):
            problems.append(found.within(annotation_place(record, number)))
        else:
            objects.append(found)
    picture = AnnotatedPicture(file_name=picture_name, size_hw=size_hw, objects=tuple(objects))
    return picture, tuple(problems)


def _size_problem(told_hw: tuple[int, int] | None, size_hw: tuple[int, int]) -> Problem | None:
    if told_hw is None or told_hw == size_hw:
        return None
    return Problem(
        code="size-differs",
        message=f"is about a picture of {told_hw[1]}×{told_hw[0]}, this one is "
        f"{size_hw[1]}×{size_hw[0]}",
        hint="open the picture that the masks were made on",
    )


def _refused(name: str, problem: Problem) -> InputError:
    place = f"{problem.place}: " if problem.place not in ("", _WHOLE) else ""
    return InputError(f"{shown_name(name)}: {place}{problem.message}", hint=problem.hint)


def _notes(problems: Sequence[Problem]) -> tuple[str, ...]:
    told = [f"Left out {shown_name(one.place)}: {one.message}." for one in problems[:_MOST_NOTES]]
    more = len(problems) - len(told)
    return (*told, *([f"{more:,} more were left out."] if more else []))

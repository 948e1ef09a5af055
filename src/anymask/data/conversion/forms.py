"""The forms that annotations are read from and written to, one row each."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import yaml

from anymask.data.conversion.coco_set import open_coco, open_panoptic
from anymask.data.conversion.coco_target import CocoTarget, PanopticTarget
from anymask.data.conversion.layer_sets import open_label_layers
from anymask.data.conversion.picture_sets import VOC_NAMES, open_label_maps, open_png, open_voc
from anymask.data.conversion.record_sets import open_labelme, open_sa1b
from anymask.data.conversion.source import OpenedSet, Place
from anymask.data.conversion.target import FolderTarget, Target, WritePicture
from anymask.data.conversion.yolo_set import DESCRIPTION, IMAGES, LABELS, open_yolo
from anymask.masks.annotation import AnnotatedPicture, Losses
from anymask.masks.forms.coco import Segmentation
from anymask.masks.forms.label_layers import ENDING, write_label_layers
from anymask.masks.forms.label_map import write_label_map
from anymask.masks.forms.labelme import write_labelme
from anymask.masks.forms.png import write_png
from anymask.masks.forms.sa1b import write_sa1b
from anymask.masks.forms.stem import stem_of
from anymask.masks.forms.voc import CLASSES, OBJECTS, write_category_list, write_voc
from anymask.masks.forms.yolo import write_yolo
from anymask.masks.outlines import Holes

_COCO_FILE, _PANOPTIC_FILE = "annotations.json", "panoptic.json"
_LIST = "ImageSets/Segmentation/{}.txt"
_DIGITS_AT_END = re.compile(r"\d{1,15}$", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be written.

    Attributes:
        out: The file or folder.
        categories: Names of the classes known before.
        numbers: Ids of classes by name, which COCO files keep.
        segmentation: How COCO files hold masks.
        holes: What becomes of holes in polygons.
        may_overwrite: Whether existing files may be replaced.
    """

    out: Path
    categories: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    segmentation: Segmentation = "rle"
    holes: Holes = "drop"
    may_overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of annotations.

    Attributes:
        name: What `--to` calls it.
        description: What it is, for people.
        is_lossless: Whether every mask comes back as it was.
        read: Opens it.
        write: Begins it.
        traces: Names in the target that show one is there already.
    """

    name: str
    description: str
    is_lossless: bool
    read: Callable[[Place], OpenedSet]
    write: Callable[[Wish], Target]
    traces: tuple[str, ...]


def names_file(out: Path) -> bool:
    """Say whether a target is a JSON file and not a folder.

    Args:
        out: What was named.
    """
    return out.suffix.lower() == ".json" and not out.is_dir()


def _json_file(out: Path, usual: str) -> Path:
    return out if names_file(out) else out / usual


def _coco(wish: Wish) -> Target:
    return CocoTarget(
        _json_file(wish.out, _COCO_FILE),
        wish.categories,
        segmentation=wish.segmentation,
        holes=wish.holes,
        may_overwrite=wish.may_overwrite,
        numbers=wish.numbers,
    )


def _panoptic(wish: Wish) -> Target:
    path = _json_file(wish.out, _PANOPTIC_FILE)
    return PanopticTarget(path, wish.categories, may_overwrite=wish.may_overwrite)


def _sa1b(wish: Wish) -> Target:
    numbers, taken = count(1), set[int]()
    next_id = [1]

    def write(picture: AnnotatedPicture, _: Sequence[str]) -> tuple[Mapping[str, bytes], Losses]:
        stem = stem_of(picture.file_name)
        # sa_223750.jpg is picture 223750; what has no number of its own gets the next free one.
        digits = _DIGITS_AT_END.search(PurePosixPath(stem).name)
        image_id = int(digits[0]) if digits else 0
        if not digits or image_id in taken:
            image_id = next(number for number in numbers if number not in taken)
        taken.add(image_id)
        content, lost = write_sa1b(picture, image_id=image_id, first_id=next_id[0])
        next_id[0] += len(picture.objects)
        return {f"{stem}.json": content}, lost

    return FolderTarget(wish.out, write, may_overwrite=wish.may_overwrite)


def _labelme(wish: Wish) -> Target:
    def write(picture: AnnotatedPicture, _: Sequence[str]) -> tuple[Mapping[str, bytes], Losses]:
        content, lost = write_labelme(picture)
        return {f"{stem_of(picture.file_name)}.json": content}, lost

    return FolderTarget(wish.out, write, may_overwrite=wish.may_overwrite)


def _yolo(wish: Wish) -> Target:
    def write(
        picture: AnnotatedPicture, categories: Sequence[str]
    ) -> tuple[Mapping[str, bytes], Losses]:
        content, lost = write_yolo(picture, categories, holes=wish.holes)
        return {f"{LABELS}/{stem_of(picture.file_name)}.txt": content}, lost

    return FolderTarget(
        wish.out,
        write,
        categories=wish.categories,
        write_set=_yolo_description,
        may_overwrite=wish.may_overwrite,
    )


def _yolo_description(categories: Sequence[str], pictures: Sequence[str]) -> Mapping[str, bytes]:
    tops = {name.split("/")[0] for name in pictures if "/" in name}
    parts = {part: part if part in tops else "" for part in ("train", "val")}
    if parts["val"] == "" and "valid" in tops:
        parts["val"] = "valid"
    content: dict[str, object] = {
        part: f"{IMAGES}/{inside}" if inside else IMAGES for part, inside in parts.items()
    }
    content["names"] = dict(enumerate(categories))
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return {DESCRIPTION: text.encode("utf-8", "backslashreplace")}


def _voc(wish: Wish) -> Target:
    return FolderTarget(
        wish.out,
        write_voc,
        categories=wish.categories,
        write_set=_voc_lists,
        may_overwrite=wish.may_overwrite,
    )


def _voc_lists(categories: Sequence[str], pictures: Sequence[str]) -> Mapping[str, bytes]:
    lines = "".join(f"{stem_of(name)}\n" for name in pictures)
    return {
        VOC_NAMES: write_category_list(categories),
        _LIST.format("all"): lines.encode("utf-8", "surrogateescape"),
    }


def _layers(
    picture: AnnotatedPicture,
    categories: Sequence[str],  # noqa: ARG001 (all forms are called alike)
) -> tuple[Mapping[str, bytes], Losses]:
    return dict(write_label_layers(picture)), Losses()


def _each(write: WritePicture, wish: Wish) -> Target:
    return FolderTarget(wish.out, write, may_overwrite=wish.may_overwrite)


_ROWS = (
    Form(
        name="png",
        description="a PNG a mask, in a folder a picture",
        is_lossless=True,
        read=open_png,
        write=partial(_each, write_png),
        traces=("*/*.png",),
    ),
    Form(
        name="labelmap",
        description="a PNG a picture, a number an object",
        is_lossless=False,
        read=open_label_maps,
        write=partial(_each, write_label_map),
        traces=("*.png", "*.tif"),
    ),
    Form(
        name="coco",
        description="COCO JSON",
        is_lossless=True,
        read=open_coco,
        write=_coco,
        traces=(_COCO_FILE,),
    ),
    Form(
        name="sa1b",
        description="SA-1B, a JSON a picture",
        is_lossless=True,
        read=open_sa1b,
        write=_sa1b,
        traces=("*.json",),
    ),
    Form(
        name="yolo",
        description="YOLO segmentation: data.yaml and labels/",
        is_lossless=False,
        read=open_yolo,
        write=_yolo,
        traces=(DESCRIPTION, LABELS),
    ),
    Form(
        name="labelme",
        description="labelme, a JSON a picture",
        is_lossless=True,
        read=open_labelme,
        write=_labelme,
        traces=("*.json",),
    ),
    Form(
        name="voc",
        description="Pascal VOC: SegmentationClass/ and SegmentationObject/",
        is_lossless=False,
        read=open_voc,
        write=_voc,
        traces=(CLASSES, OBJECTS, VOC_NAMES),
    ),
    Form(
        name="panoptic",
        description="COCO panoptic: JSON and PNGs",
        is_lossless=False,
        read=open_panoptic,
        write=_panoptic,
        traces=(_PANOPTIC_FILE,),
    ),
    Form(
        name="layers",
        description="label maps with layers for overlaps, and a JSON a picture",
        is_lossless=True,
        read=open_label_layers,
        write=partial(_each, _layers),
        traces=(f"*{ENDING}",),
    ),
)
FORMS: Mapping[str, Form] = MappingProxyType({form.name: form for form in _ROWS})
"""The forms by their names."""

"""Sets of annotations for conversion: pictures in a folder, and files about them."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from anymask.data.conversion.convert import Conversion, make_order, run_order
from anymask.data.conversion.forms import FORMS, Wish
from anymask.data.conversion.source import Place
from anymask.masks import rle
from anymask.masks.annotation import AnnotatedPicture
from anymask.masks.forms.coco import write_coco
from tests.unit.masks.forms.annotated import SIZE_HW, scene

NAMES = ("val/b.jpg", "a.png", "c.v2.png")


def write_pictures(folder: Path, names=NAMES) -> Path:
    """Write pictures of the scenes' size; JPEGs lie on their side and say so by EXIF."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(0).integers(0, 255, (*SIZE_HW, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels)
        if path.suffix == ".jpg":
            exif = Image.Exif()
            exif[274] = 6
            picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
        else:
            picture.save(path)
    return folder


def coco_record(pictures: list[AnnotatedPicture]) -> dict:
    """A COCO file, its ids unusual on purpose."""
    labels = list(dict.fromkeys(one.label for found in pictures for one in found.objects))
    images, annotations = list[dict](), list[dict]()
    for number, found in enumerate(pictures, start=70):
        height, width = found.size_hw
        image = {"id": number, "file_name": found.file_name, "height": height, "width": width}
        images.append(image)
        for one in found.objects:
            record, _ = write_coco(one)
            assert record is not None
            ids = {"id": 500 + len(annotations), "image_id": number}
            category = {"category_id": 10 + labels.index(one.label)}
            annotations.append(ids | category | record)
    categories = [{"id": 10 + place, "name": name} for place, name in enumerate(labels)]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_coco_file(path: Path, pictures: list[AnnotatedPicture] | None = None) -> Path:
    """Write a COCO file of the usual scenes."""
    pictures = [scene(name) for name in NAMES] if pictures is None else pictures
    path.write_text(json.dumps(coco_record(pictures)))
    return path


def convert(path: Path, out: Path, to: str, *, images: Path | None = None, **wish) -> Conversion:
    """Convert as the command does."""
    order = make_order(path, Wish(out=out, **wish), to=to, images=images)
    return run_order(order)


def read_all(name: str, path: Path, images: Path | None = None) -> list:
    """What a reader gives."""
    return list(FORMS[name].read(Place(path=path, images=images)).items)


def told(pictures) -> dict[str, Counter]:
    """By picture, how often each name and mask occurs."""
    return {
        found.file_name: Counter((one.label, one.rle["counts"]) for one in found.objects)
        for found in pictures
    }


def unions(pictures) -> dict[tuple[str, str], str]:
    """By picture and name, the union of the masks."""
    masks: dict[tuple[str, str], np.ndarray] = {}
    for found in pictures:
        for one in found.objects:
            key = (found.file_name, one.label)
            mask = rle.decode(one.rle)
            masks[key] = masks.get(key, np.zeros_like(mask)) | mask
    return {key: rle.encode(mask)["counts"] for key, mask in masks.items()}

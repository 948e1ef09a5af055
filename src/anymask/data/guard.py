"""The guard set: general pictures that show whether fine-tuning made a model forget.

The six sample photographs, with clearly delimited things in them outlined by hand; no model took
part. They are for watching, never for training.
"""

import json
from importlib.resources import files
from typing import Any

from anymask.data.picture import AnnotatedPicture
from anymask.image.photos import photo_path
from anymask.masks.rle import decompress

GUARD_SET = "guard"


def guard_pictures() -> tuple[AnnotatedPicture, ...]:
    """Give the annotated sample photographs, their files' bytes as they are.

    Returns:
        Six pictures (PNG or JPEG, some of one channel) with three to six masks each.
    """
    return tuple(_picture(record) for record in _records())


def guard_categories() -> dict[str, tuple[str, ...]]:
    """Give what each mask shows, a short noun, by name of the picture."""
    return {
        _stem(record): tuple(annotation["category"] for annotation in record["annotations"])
        for record in _records()
    }


def _records() -> list[dict[str, Any]]:
    text = (files("anymask") / "photos" / "masks.json").read_text(encoding="utf-8")
    pictures: list[dict[str, Any]] = json.loads(text)["pictures"]
    return pictures


def _picture(record: dict[str, Any]) -> AnnotatedPicture:
    image = record["image"]
    codes = [annotation["segmentation"]["counts"] for annotation in record["annotations"]]
    return AnnotatedPicture(
        set_name=GUARD_SET,
        name=_stem(record),
        encoded=photo_path(image["file_name"]).read_bytes(),
        size_hw=(image["height"], image["width"]),
        runs=tuple(decompress(code) for code in codes),
    )


def _stem(record: dict[str, Any]) -> str:
    return str(record["image"]["file_name"]).partition(".")[0]

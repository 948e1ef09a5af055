"""Some scenes as a COCO file and its pictures, and ways to spoil them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from anymask.train.checkpoint import Checkpoint, latest_checkpoint
from tests.scenes import HEIGHT, WIDTH, scene

Spoil = Callable[[dict[str, Any], Path], None]


def write_coco(folder: Path, spoil: Spoil | None = None, pictures: int = 6) -> None:
    """Write `a.json` and its pictures into a new folder; a function may spoil them first."""
    folder.mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(pictures):
        pixels, masks = scene(number)
        Image.fromarray(pixels).save(folder / f"p{number}.png")
        size = {"width": WIDTH, "height": HEIGHT}
        images.append({"id": number, "file_name": f"p{number}.png", **size})
        for index, mask in enumerate(masks):
            code = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
            code["counts"] = code["counts"].decode()
            row = {"id": 10 * number + index, "image_id": number, "category_id": 1}
            annotations.append({**row, "iscrowd": 0, "segmentation": code})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1}]}
    if spoil is not None:
        spoil(content, folder)
    (folder / "a.json").write_text(json.dumps(content))


def add_annotation(**changes: object) -> Spoil:
    """Give what adds an annotation that is like the first but for some fields."""

    def spoil(content: dict[str, Any], _folder: Path) -> None:
        content["annotations"].append({**content["annotations"][0], "id": 999, **changes})

    return spoil


def repeat_image(content: dict[str, Any], _folder: Path) -> None:
    """Name an image twice."""
    content["images"].append(dict(content["images"][0]))


def remove_picture(_content: dict[str, Any], folder: Path) -> None:
    """Take a picture away."""
    (folder / "p3.png").unlink()


def swap_sides(content: dict[str, Any], _folder: Path) -> None:
    """Swap height and width of an annotation."""
    content["annotations"][4]["segmentation"]["size"] = [WIDTH, HEIGHT]


def write_web_page(_content: dict[str, Any], folder: Path) -> None:
    """Put a web page in place of a picture."""
    (folder / "p2.png").write_text("<!DOCTYPE html>")


def cut_picture(_content: dict[str, Any], folder: Path) -> None:
    """Cut a picture short."""
    path = folder / "p2.png"
    path.write_bytes(path.read_bytes()[:200])


def leave_no_mask(content: dict[str, Any], _folder: Path) -> None:
    """Leave no annotation."""
    content["annotations"].clear()


def make_all_crowds(content: dict[str, Any], _folder: Path) -> None:
    """Make every annotation a crowd."""
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 1


def last_checkpoint(folder: Path) -> Checkpoint:
    """Give the last checkpoint of a run, which must have one."""
    found = latest_checkpoint(folder)
    assert found is not None
    return found

"""Small annotated pictures for tests: coloured shapes on a plain ground, masks known exactly."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco

HEIGHT, WIDTH = 96, 128


def disc(x: int, y: int, radius: int) -> NDArray[np.bool_]:
    """Give a disc's mask, bool (96, 128)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def scene(number: int) -> tuple[NDArray[np.uint8], list[NDArray[np.bool_]]]:
    """Give a picture uint8 (96, 128, 3) with three discs, and their masks."""
    rng = np.random.default_rng(number)
    pixels = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    masks = []
    for x in (24, 64, 104):
        mask = disc(x, int(rng.integers(30, 66)), int(rng.integers(12, 19)))
        pixels[mask] = rng.integers(120, 255, 3)
        masks.append(mask)
    return pixels, masks


def write_shard(path: Path, pictures: int = 6) -> Path:
    """Write a tar shard in the SA-1B layout."""
    with tarfile.open(path, "w") as shard:
        for number in range(pictures):
            pixels, masks = scene(number)
            name = f"{path.stem}_{number:03d}"
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
            annotations = []
            for i, mask in enumerate(masks):
                code = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
                counts = code["counts"].decode()
                annotations.append(
                    {"id": i, "segmentation": {"size": [HEIGHT, WIDTH], "counts": counts}}
                )
            image = {"image_id": number, "width": WIDTH, "height": HEIGHT}
            record = {"image": image, "annotations": annotations}
            for suffix, data in (
                ("jpg", buffer.getvalue()),
                ("json", json.dumps(record).encode()),
            ):
                member = tarfile.TarInfo(f"{name}.{suffix}")
                member.size = len(data)
                shard.addfile(member, io.BytesIO(data))
    return path

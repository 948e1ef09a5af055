"""The few functions of torchvision that the published package imports, and a way to import it.

The published package needs torchvision for a resize and a box filter only; this project installs
no torchvision. The functions here do what those do for the inputs the package gives them.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def import_reference(name: str = "segment_anything") -> ModuleType:
    """Import a module of the published package; torchvision is there for that moment only."""
    if "torchvision" in sys.modules:
        return importlib.import_module(name)
    with _torchvision():
        return importlib.import_module(name)


def to_pil_image(array: np.ndarray) -> Image.Image:
    """Give a picture of an array (H, W, 3) uint8."""
    return Image.fromarray(array)


def resize(picture: Image.Image, size_hw: tuple[int, int]) -> Image.Image:
    """Resize bilinearly, as Pillow does; the size is (H, W)."""
    height, width = size_hw
    return picture.resize((width, height), Image.Resampling.BILINEAR)


def box_area(boxes: Tensor) -> Tensor:
    """Give the areas (N,) of boxes (N, 4), x0 y0 x1 y1."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """Give indices of boxes kept by greedy suppression inside each group, best score first."""
    left = scores.argsort(descending=True, stable=True)
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        corner = torch.maximum(boxes[left, :2], boxes[best, :2])
        opposite = torch.minimum(boxes[left, 2:], boxes[best, 2:])
        common = (opposite - corner).clamp(min=0).prod(1)
        union = box_area(boxes[left]) + box_area(boxes[best][None]) - common
        # Boxes without area overlap by NaN, which torchvision's kernel does not drop.
        left = left[~(common / union > iou_threshold) | (idxs[left] != idxs[best])]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.int64)


@contextmanager
def _torchvision() -> Iterator[None]:
    modules = {
        "torchvision": {},
        "torchvision.ops": {},
        "torchvision.ops.boxes": {"batched_nms": batched_nms, "box_area": box_area},
        "torchvision.transforms": {},
        "torchvision.transforms.functional": {"resize": resize, "to_pil_image": to_pil_image},
    }
    for name, contents in modules.items():
        module = ModuleType(name)
        vars(module).update(contents)
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]

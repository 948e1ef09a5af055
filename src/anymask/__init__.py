"""Point at something, get its mask.

    import anymask

    model = anymask.load()
    embedding = model.embed("photo.jpg")
    masks = model.predict(embedding, points=[(500, 375)])
    masks.best.save("mask.png")

Names are imported when first used, so that importing the package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anymask.api import Model, load
    from anymask.errors import AnymaskError
    from anymask.masks.mask import Mask, Masks
    from anymask.predict.embedding import ImageEmbedding
    from anymask.vocabulary import Prompt

__all__ = [
    "AnymaskError",
    "ImageEmbedding",
    "Mask",
    "Masks",
    "Model",
    "Prompt",
    "__version__",
    "load",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    match name:
        case "load" | "Model":
            module = "anymask.api"
        case "ImageEmbedding":
            module = "anymask.predict.embedding"
        case "Mask" | "Masks":
            module = "anymask.masks.mask"
        case "Prompt":
            module = "anymask.vocabulary"
        case "AnymaskError":
            module = "anymask.errors"
        case _:
            raise AttributeError(f"module 'anymask' has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""What was asked of a model, in terms that can be asked again."""

from dataclasses import fields, replace

import numpy as np

from anymask.image.options import ReadOptions
from anymask.image.picture import Picture
from anymask.masks.mask import Mask, Masks
from anymask.masks.origin import Origin
from anymask.predict.embedding import ImageEmbedding
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel

_SHOWN_DIGITS = 12


def origin_of(
    loaded: LoadedModel, embedding: ImageEmbedding, given: Prompt, *, multimask: bool | None
) -> Origin:
    """Say how masks are asked for.

    Args:
        loaded: The model.
        embedding: The picture.
        given: The prompt in pixels; its mask as the caller passed it.
        multimask: What the caller passed.
    """
    picture = embedding.picture
    origin = Origin(
        picture=None if picture is None else picture.path,
        told=_told(embedding),
        loading=_loading(loaded),
        reading={} if picture is None else _reading(picture),
        points=given.points,
        labels=given.labels,
        box=given.box,
        is_half=embedding.kept_as == "float16",
        multimask=multimask,
    )
    return replace(origin, mask=_earlier(given.mask, origin))


def placed_origins(origin: Origin, scores: list[float]) -> list[Origin]:
    """Give each mask of one answer its own origin: its number, and its rank by score."""
    order = sorted(range(len(scores)), key=lambda number: -scores[number])
    ranks = {number: rank for rank, number in enumerate(order)}
    return [replace(origin, number=one, rank=ranks[one]) for one in range(len(scores))]


def _is_of_the_same(one: Origin, other: Origin) -> bool:
    """Say whether two questions are about the same picture and model, and so can be one program."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("picture", "told", "loading", "reading", "is_half")
    )


def _told(embedding: ImageEmbedding) -> str:
    height, width = embedding.frame.original_hw
    digits = embedding.picture_sha256[:_SHOWN_DIGITS]
    return f"{embedding.picture_name}, {width}×{height}, sha256 {digits}…"


def _loading(loaded: LoadedModel) -> dict[str, object]:
    usual = {"source": None, "device": "cpu", "engine": "torch", "precision": "float32"}
    used: dict[str, object] = {
        "source": loaded.source,
        "device": str(loaded.device),
        "engine": loaded.engine,
        "precision": loaded.precision,
    }
    if loaded.input_size is not None:
        used["input_size"] = loaded.input_size
    return {name: value for name, value in used.items() if value != usual.get(name)}


def _reading(picture: Picture) -> dict[str, object]:
    usual = ReadOptions()
    return {
        field.name: getattr(picture.options, field.name)
        for field in fields(ReadOptions)
        if getattr(picture.options, field.name) != getattr(usual, field.name)
    }


def _earlier(mask: object, origin: Origin) -> Origin | str | None:
    if mask is None:
        return None
    answer = mask.best if isinstance(mask, Masks) else mask
    if isinstance(answer, Mask):
        before = answer.origin
        if before is not None and _is_of_the_same(before, origin):
            return before
        return f"an earlier answer to another picture or model, score {answer.score:.3f}"
    array = np.asarray(mask)
    return f"the mask that was given, {array.dtype} of shape {array.shape}"

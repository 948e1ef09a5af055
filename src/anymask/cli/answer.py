"""One photo and one question → masks, with the time that took."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anymask.cli.question import Question, prompts_for

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.image.picture import Picture
    from anymask.masks.mask import Mask, Masks
    from anymask.predict.care import CareOptions
    from anymask.vocabulary import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model says about one photo.

    Attributes:
        picture: The photo.
        prompts: One an object, in pixels.
        masks: (object's number from 0, mask), the best candidates first within an object.
        kept_as: Number format of the embedding where it was a kept one; None for a fresh one.
        number: The id under which a detector's file knows the photo, or None.
        labels: What each object is called, by its number; empty where nobody said.
        found_scores: How sure the detector is of each object, by its number; likewise.
        warnings: What is odd about the prompts.
        encode_seconds: Time for the image embedding.
        decode_seconds: Time for the masks.
    """

    picture: "Picture"
    prompts: "tuple[Prompt, ...]"
    masks: "tuple[tuple[int, Mask], ...]"
    warnings: tuple[str, ...]
    encode_seconds: float
    decode_seconds: float
    kept_as: str | None = None
    number: int | None = None
    labels: tuple[str, ...] = ()
    found_scores: tuple[float | None, ...] = ()


def nothing_asked(picture: "Picture") -> Answer:
    """Give the answer about a photo on which no detector found anything.

    Args:
        picture: The photo.
    """
    return Answer(
        picture=picture, prompts=(), masks=(), warnings=(), encode_seconds=0.0, decode_seconds=0.0
    )


def check_question(question: Question, picture: "Picture") -> None:
    """Refuse a question that does not fit a photo, before a model is loaded for it.

    Args:
        question: What is asked.
        picture: The photo.

    Raises:
        PromptError: If a point, a box or the mask does not fit.
    """
    from anymask.predict.checks import check_prompt

    prompts, is_normalized = prompts_for(question, picture.size_hw)
    for prompt in prompts:
        check_prompt(prompt, picture.size_hw, normalized=is_normalized)


def answer(
    model: "Model",
    picture: "Picture",
    question: Question,
    *,
    keep_all: bool = False,
    ask_one: bool = False,
    use_cache: bool = True,
    is_half: bool = False,
    care: "CareOptions | None" = None,
) -> Answer:
    """Ask a model about a photo.

    Args:
        model: The model.
        picture: The photo.
        question: What is asked.
        keep_all: Whether all three candidates of an object are kept instead of the best.
        ask_one: Whether one mask is asked for even of a lone point.
        use_cache: Whether a kept embedding is taken.
        is_half: Whether the embedding is rounded to float16.
        care: How much trouble is taken; None for what the model is used to.

    Returns:
        The answer.

    Raises:
        PromptError: If a point, a box or the mask does not fit.
    """
    from anymask.predict.kept_embeddings import as_if_kept

    prompts, is_normalized = prompts_for(question, picture.size_hw)
    began = time.perf_counter()
    embedding = model.embed(picture, use_cache=use_cache)
    if is_half:
        embedding = as_if_kept(model.loaded, embedding, "float16")
    encoded = time.perf_counter()
    multimask = True if keep_all else False if ask_one else None
    found = model.predict_many(
        embedding, prompts, multimask=multimask, normalized=is_normalized, **(care or {})
    )
    decoded = time.perf_counter()
    kept = tuple(
        (number, mask)
        for number, masks in enumerate(found)
        for mask in _kept(masks, keep_all=keep_all)
    )
    asked = zip(found, prompts, strict=True)
    return Answer(
        picture=picture,
        prompts=tuple(masks[0].prompt or prompt for masks, prompt in asked),
        masks=kept,
        warnings=(*embedding.notes, *_warnings(found)),
        kept_as=embedding.kept_as,
        encode_seconds=encoded - began,
        decode_seconds=decoded - encoded,
    )


def _kept(masks: "Masks", *, keep_all: bool) -> "list[Mask]":
    if not keep_all:
        return [masks.best]
    return sorted(masks, key=lambda mask: -mask.score)


def _warnings(found: "list[Masks]") -> tuple[str, ...]:
    return tuple(
        f"object {number}: {warning}" if len(found) > 1 else warning
        for number, masks in enumerate(found, start=1)
        for warning in masks.warnings
    )

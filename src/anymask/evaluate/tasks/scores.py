"""Prompts of every kind, the scores they are answered with, and the IoU that was right.

Everything mode's points are not among them: most things in a picture are not annotated, so a good
mask without a truth would count as a bad one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from anymask.data.clicks import (
    centre_click,
    error_click,
    noisy_box,
    random_click,
    tight_box,
    uniform_click,
)
from anymask.data.rough_masks import rough_mask
from anymask.evaluate.selection import Question
from anymask.image.read import read_picture
from anymask.masks.mask import Mask as AnsweredMask
from anymask.masks.overlap import iou
from anymask.model.score_calibration import prompt_kinds
from anymask.predict.decode import to_batch
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.encode import embed_pictures, prepare
from anymask.predict.rough_mask import read_mask
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel

MOST_CLICKS = 8
_CLICKS_AFTER_BOX = 4
_GUESSES = slice(1, None)

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredAnswer:
    """All four masks that one prompt is answered with.

    Attributes:
        set_name: Name of the picture's set.
        picture: Name of the picture.
        mask: Number of the annotated mask.
        asked: The prompt in a few words: "click", "box", "3 clicks", …
        kind: Number of its kind in `KINDS`.
        scores: Predicted IoU, the single mask first, then the three guesses.
        overlaps: IoU of each with the annotated mask.
    """

    set_name: str
    picture: str
    mask: int
    asked: str
    kind: int
    scores: tuple[float, ...]
    overlaps: tuple[float, ...]


def ask_for_scores(
    loaded: LoadedModel,
    questions: Mapping[str, Sequence[Question]],
    seed: int = 0,
    on_progress: Callable[[], None] | None = None,
) -> list[ScoredAnswer]:
    """Ask about every chosen mask in every way.

    Args:
        loaded: The model.
        questions: Pictures and masks by set name.
        seed: Seed of what is drawn of prompts.
        on_progress: Called after each picture.

    Returns:
        The answers, a picture's together.

    Raises:
        ImageError: If a picture cannot be read.
    """
    answers = []
    for name, group in questions.items():
        for number, question in enumerate(group):
            rng = np.random.default_rng([seed, number])
            asker = _Asker(loaded, name, question)
            answers += [row for rows in _conversation(asker, rng) for row in rows]
            if on_progress is not None:
                on_progress()
    return answers


class _Asker:
    """One picture's masks, asked about together."""

    def __init__(self, loaded: LoadedModel, set_name: str, question: Question) -> None:
        (embedding,) = embed_pictures(loaded, [read_picture(question.picture.encoded)])
        self.loaded, self.set_name, self.question = loaded, set_name, question
        self.embedding: ImageEmbedding = prepare(loaded, embedding)
        self.truths = [question.picture.mask(index) for index in question.indices]

    def click(self, draw: Callable[[Mask], tuple[int, int]]) -> list[Prompt]:
        """Give one click for each mask."""
        return [Prompt(points=(draw(truth),), labels=(1,)) for truth in self.truths]

    @torch.inference_mode()
    def ask(
        self, asked: str, prompts: Sequence[Prompt]
    ) -> tuple[list[ScoredAnswer], list[list[AnsweredMask]]]:
        """Give the answers to one prompt a mask, as rows and as masks."""
        batch = to_batch(prompts, self.embedding.frame, self.loaded.device)
        answer = self.loaded.sam.decode(self.embedding.features, batch, self.embedding.prepared)
        kinds = prompt_kinds(batch.labels, batch.mask_logits)[0].tolist()
        logits, scores = answer.low_res_logits[0].float().cpu(), answer.iou[0].float().cpu()
        rows, masks = [], []
        for number, truth in enumerate(self.truths):
            four = [
                AnsweredMask(score=score, low_res_logits=low.numpy(), frame=self.embedding.frame)
                for low, score in zip(logits[number], scores[number].tolist(), strict=True)
            ]
            masks.append(four)
            rows.append(
                ScoredAnswer(
                    set_name=self.set_name,
                    picture=self.question.picture.name,
                    mask=self.question.indices[number],
                    asked=asked,
                    kind=kinds[number],
                    scores=tuple(mask.score for mask in four),
                    overlaps=tuple(iou(mask.array, truth) for mask in four),
                )
            )
        return rows, masks


def _conversation(asker: _Asker, rng: np.random.Generator) -> Iterator[list[ScoredAnswer]]:
    """Give the answers to every kind of prompt, one list a question about all masks."""
    truths = asker.truths
    clicks, boxes = asker.click(centre_click), [Prompt(box=tight_box(truth)) for truth in truths]
    loose = [Prompt(box=noisy_box(truth, rng)) for truth in truths]
    rows, masks = asker.ask("click", clicks)
    yield rows
    chosen = [max(four[_GUESSES], key=lambda mask: mask.score) for four in masks]
    yield asker.ask("click anywhere", asker.click(lambda truth: uniform_click(truth, rng)))[0]
    yield asker.ask("box", boxes)[0]
    rows, masks = asker.ask("loose box", loose)
    yield rows
    boxed = [four[0] for four in masks]
    for name, prompts in _of_several_parts(truths, rng):
        yield asker.ask(name, prompts)[0]
    yield asker.ask("click again", _with_answers(clicks, chosen))[0]
    yield asker.ask("box again", _with_answers(loose, boxed))[0]
    rough = _with_rough_masks(asker, asker.click(lambda truth: random_click(truth, rng)), rng)
    yield asker.ask("rough mask and click", rough)[0]
    yield from _corrections(asker, clicks, chosen, MOST_CLICKS)
    yield from _corrections(asker, loose, boxed, _CLICKS_AFTER_BOX, " after a box")


def _of_several_parts(
    truths: Sequence[Mask], rng: np.random.Generator
) -> Iterator[tuple[str, list[Prompt]]]:
    """Give prompts that a person gives at once, without an earlier answer."""
    inside = [[random_click(truth, rng) for _ in range(3)] for truth in truths]
    for count in (2, 3):
        drawn = [Prompt(points=tuple(some[:count]), labels=(1,) * count) for some in inside]
        yield f"{count} clicks at once", drawn
    yield (
        "click in and out",
        [
            Prompt(points=(some[0], _click_beside(truth, rng)), labels=(1, 0))
            for some, truth in zip(inside, truths, strict=True)
        ],
    )
    yield (
        "box and click",
        [
            Prompt(points=(some[0],), labels=(1,), box=tight_box(truth))
            for some, truth in zip(inside, truths, strict=True)
        ],
    )


def _click_beside(truth: Mask, rng: np.random.Generator) -> tuple[int, int]:
    """Give a pixel outside an object and not farther from its box than half the box."""
    x0, y0, x1, y1 = tight_box(truth)
    across, down = (x1 - x0 + 1) // 2, (y1 - y0 + 1) // 2
    beside = np.zeros_like(truth)
    beside[max(0, y0 - down) : y1 + down, max(0, x0 - across) : x1 + across] = True
    beside &= ~truth
    if not beside.any():
        beside = truth if truth.all() else ~truth
    return uniform_click(beside, rng)


def _with_answers(prompts: Sequence[Prompt], answers: Sequence[AnsweredMask]) -> list[Prompt]:
    """Give prompts with earlier answers as mask prompts."""
    return [
        replace(prompt, mask=answer.low_res_logits)
        for prompt, answer in zip(prompts, answers, strict=True)
    ]


def _with_rough_masks(
    asker: _Asker, prompts: Sequence[Prompt], rng: np.random.Generator
) -> list[Prompt]:
    """Give prompts with masks drawn by hand."""
    embedding = asker.embedding
    return [
        replace(
            prompt,
            mask=read_mask(rough_mask(truth, rng), embedding.frame, embedding.low_res_hw).logits,
        )
        for prompt, truth in zip(prompts, asker.truths, strict=True)
    ]


def _corrections(
    asker: _Asker, prompts: list[Prompt], answers: list[AnsweredMask], most: int, after: str = ""
) -> Iterator[list[ScoredAnswer]]:
    """Click on the largest error again and again, the earlier answer beside the clicks."""
    while len(prompts[0].points) < most:
        corrected = []
        for prompt, answer, truth in zip(prompts, answers, asker.truths, strict=True):
            point, label = error_click(answer.array, truth)
            corrected.append(
                replace(
                    prompt,
                    points=(*prompt.points, point),
                    labels=(*prompt.labels, label),
                    mask=answer.low_res_logits,
                )
            )
        prompts = corrected
        clicks = len(prompts[0].points)
        words = "1 click" if clicks == 1 else f"{clicks} clicks"
        rows, masks = asker.ask(f"{words}{after}", prompts)
        answers = [four[0] for four in masks]
        yield rows

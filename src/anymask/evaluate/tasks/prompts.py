"""Clicks and boxes as a person would give them, and the IoU of what comes back.

Source: Segment Anything (Kirillov et al., 2023), section 7.1: the first click is the centre of the
object, each later one the centre of the largest error.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anymask.data.clicks import centre_click, error_click, tight_box
from anymask.errors import InputError
from anymask.masks.mask import Masks
from anymask.masks.overlap import iou
from anymask.predict.care import PLAIN, Care
from anymask.predict.careful import predict_with_care
from anymask.predict.embedding import ImageEmbedding
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel

Mask = NDArray[np.bool_]


def click_scores(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    truths: Sequence[Mask],
    counts: Sequence[int] = (1, 3),
    *,
    care: Care = PLAIN,
) -> list[dict[str, float]]:
    """Click each object's centre, then correct the answer again and again.

    Args:
        loaded: The model.
        embedding: The picture.
        truths: True masks, bool (H, W), none empty.
        counts: After how many clicks the answer is compared; 1 is always asked.
        care: How much trouble is taken over every answer, those to corrections among them.

    Returns:
        One record a mask: after one click the IoU of the best scored guess (`click`), the score
        it was given (`score`) and the IoU of the best of the three guesses (`oracle`); after
        every other count the IoU of the single mask (`clicks_3` after three, and so on).

    Raises:
        InputError: If a count is below 1.
        StateError: If `care` asks for a look at the picture and the embedding does not carry it.
    """
    if min(counts, default=1) < 1:
        raise InputError(
            f"counts must be numbers of clicks from 1 on, got {min(counts)}", hint="leave it out"
        )
    prompts = [Prompt(points=(centre_click(truth),), labels=(1,)) for truth in truths]
    answers = predict_with_care(loaded, embedding, prompts, multimask=True, care=care)
    records = [_first_click(answer, truth) for answer, truth in zip(answers, truths, strict=True)]
    for clicks in range(2, max(counts, default=1) + 1):
        prompts = [
            corrected(prompt, answer, truth)
            for prompt, answer, truth in zip(prompts, answers, truths, strict=True)
        ]
        answers = predict_with_care(loaded, embedding, prompts, multimask=False, care=care)
        if clicks in counts:
            for record, answer, truth in zip(records, answers, truths, strict=True):
                record[f"clicks_{clicks}"] = iou(answer.best.array, truth)
    return records


def _first_click(answer: Masks, truth: Mask) -> dict[str, float]:
    overlaps = [iou(mask.array, truth) for mask in answer]
    chosen = int(answer.scores.argmax())
    return {"click": overlaps[chosen], "score": answer[chosen].score, "oracle": max(overlaps)}


def corrected(prompt: Prompt, answer: Masks, truth: Mask) -> Prompt:
    """Add a click at the centre of the largest error, and the answer itself as mask prompt."""
    point, label = error_click(answer.best.array, truth)
    return Prompt(
        points=(*prompt.points, point),
        labels=(*prompt.labels, label),
        box=prompt.box,
        mask=answer.best.low_res_logits,
    )


def box_scores(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    truths: Sequence[Mask],
    *,
    care: Care = PLAIN,
) -> list[dict[str, float]]:
    """Give each object's tight box.

    Args:
        loaded: The model.
        embedding: The picture.
        truths: True masks, bool (H, W).
        care: How much trouble is taken over every answer.

    Returns:
        One record a mask: IoU of the single mask (`box`) and its score (`box_score`).

    Raises:
        StateError: If `care` asks for a look at the picture and the embedding does not carry it.
    """
    prompts = [Prompt(box=tight_box(truth)) for truth in truths]
    answers = predict_with_care(loaded, embedding, prompts, multimask=False, care=care)
    return [
        {"box": iou(answer.best.array, truth), "box_score": answer.best.score}
        for answer, truth in zip(answers, truths, strict=True)
    ]

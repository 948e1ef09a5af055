"""Clicks and boxes as a person would give them, and the IoU of what comes back.

Source: Segment Anything (Kirillov et al., 2023), section 7.1: the first click is the centre of the
object, each later one the centre of the largest error.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anymask.data.clicks import centre_click, error_click, tight_box
from anymask.masks.mask import Masks
from anymask.masks.overlap import iou
from anymask.predict.decode import predict
from anymask.predict.embedding import ImageEmbedding
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel

Mask = NDArray[np.bool_]


def click_scores(
    loaded: LoadedModel, embedding: ImageEmbedding, truths: Sequence[Mask], clicks: int = 3
) -> list[dict[str, float]]:
    """Click each object's centre, then correct the answer.

    Args:
        loaded: The model.
        embedding: The picture.
        truths: True masks, bool (H, W).
        clicks: Clicks in all.

    Returns:
        One record a mask: IoU of the best scored guess (`click`), the score it was given
        (`score`), IoU of the best of the three guesses (`oracle`), and IoU after all clicks
        (`clicks_3`).
    """
    prompts = [Prompt(points=(centre_click(truth),), labels=(1,)) for truth in truths]
    answers = predict(loaded, embedding, prompts, multimask=True)
    records = []
    for answer, truth in zip(answers, truths, strict=True):
        overlaps = [iou(mask.array, truth) for mask in answer]
        chosen = int(answer.scores.argmax())
        records.append(
            {
                "click": overlaps[chosen],
                "score": answer[chosen].score,
                "oracle": max(overlaps),
            }
        )
    for _ in range(clicks - 1):
        prompts = [
            corrected(prompt, answer, truth)
            for prompt, answer, truth in zip(prompts, answers, truths, strict=True)
        ]
        answers = predict(loaded, embedding, prompts, multimask=False)
    for record, answer, truth in zip(records, answers, truths, strict=True):
        record[f"clicks_{clicks}"] = iou(answer.best.array, truth)
    return records


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
    loaded: LoadedModel, embedding: ImageEmbedding, truths: Sequence[Mask]
) -> list[dict[str, float]]:
    """Give each object's tight box.

    Args:
        loaded: The model.
        embedding: The picture.
        truths: True masks, bool (H, W).

    Returns:
        One record a mask: IoU of the single mask (`box`) and its score (`box_score`).
    """
    prompts = [Prompt(box=tight_box(truth)) for truth in truths]
    answers = predict(loaded, embedding, prompts, multimask=False)
    return [
        {"box": iou(answer.best.array, truth), "box_score": answer.best.score}
        for answer, truth in zip(answers, truths, strict=True)
    ]

"""Scored answers made from numbers, for tests of what is counted and fitted."""

from collections.abc import Sequence

import numpy as np

from anymask.evaluate.tasks.scores import ScoredAnswer
from anymask.model.score_calibration import KINDS


def answer(
    scores: Sequence[float],
    overlaps: Sequence[float],
    *,
    kind: str = "click",
    picture: str = "a",
    set_name: str = "one",
    mask: int = 0,
) -> ScoredAnswer:
    return ScoredAnswer(
        set_name=set_name,
        picture=picture,
        mask=mask,
        asked=kind,
        kind=KINDS.index(kind),
        scores=tuple(scores),
        overlaps=tuple(overlaps),
    )


def drawn_answers(pictures: int = 60, masks: int = 3, seed: int = 0) -> list[ScoredAnswer]:
    """Answers whose raw scores are wrong in a way of each kind and mask.

    The third guess is scored .2 too low; the others too high, the more so the later the kind
    stands. Around that, the truth is drawn.
    """
    rng = np.random.default_rng(seed)
    answers = []
    for picture in range(pictures):
        for mask in range(masks):
            for number, kind in enumerate(KINDS):
                true = rng.uniform(0.25, 0.95, 4)
                wrong = np.array([0.02, 0.1, 0.05, -0.2]) + 0.02 * number
                scores = true + wrong
                overlaps = np.clip(true + rng.normal(0, 0.05, 4), 0, 1)
                answers.append(
                    answer(
                        scores.tolist(),
                        overlaps.tolist(),
                        kind=kind,
                        picture=f"p{picture}",
                        set_name=f"set{picture % 6}",
                        mask=mask,
                    )
                )
    return answers

"""Clicks are given and counted as a person would."""

from collections.abc import Sequence
from unittest.mock import ANY

import numpy as np
import pytest

from anymask.errors import InputError
from anymask.evaluate.tasks import prompts
from anymask.image.frame import frame_for
from anymask.masks.mask import Mask, Masks
from anymask.predict.care import AS_USUAL, PLAIN, Care
from anymask.vocabulary import Prompt

FRAME = frame_for((64, 64), 64)


def square(side: int) -> np.ndarray:
    truth = np.zeros((64, 64), bool)
    truth[8 : 8 + side, 8 : 8 + side] = True
    return truth


def guess(truth: np.ndarray, score: float) -> Mask:
    logits = np.where(truth, 8.0, -8.0).astype(np.float32)
    return Mask(score=score, low_res_logits=logits, frame=FRAME)


@pytest.fixture
def cares() -> list[Care]:
    """The care that each question asked for."""
    return []


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, cares: list[Care]) -> list[tuple[list[Prompt], bool]]:
    """What a model was asked that answers a square of 8 pixels a click (32 at most)."""
    calls: list[tuple[list[Prompt], bool]] = []

    def answer(
        loaded, embedding, questions: Sequence[Prompt], *, multimask: bool, care: Care
    ) -> list[Masks]:
        calls.append((list(questions), multimask))
        cares.append(care)
        if multimask:
            three = (guess(square(8), 0.9), guess(square(32), 0.2), guess(square(16), 0.5))
            return [Masks(three) for _ in questions]
        return [Masks((guess(square(min(32, 8 * len(q.points))), 0.7),)) for q in questions]

    monkeypatch.setattr(prompts, "predict_with_care", answer)
    return calls


def test_each_chosen_count_is_compared_and_no_other(asked):
    (record,) = prompts.click_scores(ANY, ANY, [square(32)], counts=(1, 3, 8))
    assert record == {
        "click": pytest.approx(64 / 1024),
        "score": pytest.approx(0.9),
        "oracle": 1.0,
        "clicks_3": pytest.approx(24**2 / 1024),
        "clicks_8": 1.0,
    }
    assert [multimask for _, multimask in asked] == [True] + [False] * 7
    assert [len(questions[0].points) for questions, _ in asked] == list(range(1, 9))


def test_callers_that_name_no_count_get_what_they_always_got(asked):
    (record,) = prompts.click_scores(ANY, ANY, [square(32)])
    assert list(record) == ["click", "score", "oracle", "clicks_3"]
    assert len(asked) == 3


def test_one_click_alone_asks_once_for_all_masks(asked):
    records = prompts.click_scores(ANY, ANY, [square(32), square(8)], counts=(1,))
    assert [record["click"] for record in records] == [pytest.approx(1 / 16), 1.0]
    assert [len(questions) for questions, _ in asked] == [2]


def test_second_click_is_on_the_missed_part_and_brings_the_answer_along(asked):
    prompts.click_scores(ANY, ANY, [square(32)], counts=(2,))
    (first,), (second,) = asked[0][0], asked[1][0]
    assert first.points == ((23, 23),)
    (_, (x, y)) = second.points
    assert second.labels == (1, 1)
    assert square(32)[y, x]
    assert not square(8)[y, x]
    np.testing.assert_array_equal(second.mask, guess(square(8), 0.9).low_res_logits)


@pytest.mark.usefixtures("asked")
def test_care_is_taken_over_every_click_and_box_and_none_unless_asked_for(cares):
    prompts.click_scores(ANY, ANY, [square(32)], care=AS_USUAL)
    prompts.box_scores(ANY, ANY, [square(32)], care=AS_USUAL)
    assert cares == [AS_USUAL] * 4
    cares.clear()
    prompts.click_scores(ANY, ANY, [square(32)])
    prompts.box_scores(ANY, ANY, [square(32)])
    assert cares == [PLAIN] * 4


@pytest.mark.parametrize("count", [0, -2])
def test_counts_below_one_are_refused(asked, count):
    with pytest.raises(InputError, match=f"numbers of clicks from 1 on, got {count}; leave it out"):
        prompts.click_scores(ANY, ANY, [square(32)], counts=(3, count))
    assert asked == []

"""Every kind of prompt is asked, as users ask it, and answers are held against the right mask."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from anymask.data.clicks import centre_click, tight_box
from anymask.data.shards import read_shards
from anymask.evaluate.selection import choose_questions
from anymask.evaluate.tasks.scores import ScoredAnswer, ask_for_scores
from anymask.image.read import read_picture
from anymask.masks.overlap import iou
from anymask.model.score_calibration import KINDS
from anymask.predict.decode import predict
from anymask.predict.encode import embed_pictures
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel
from tests.scenes import write_shard
from tests.unit.predict.networks import loaded, small_lite

ASKED = {
    "click": "click",
    "click anywhere": "click",
    "2 clicks at once": "clicks",
    "3 clicks at once": "clicks",
    "click in and out": "clicks",
    "box": "box",
    "loose box": "box",
    "box and click": "box",
    "click again": "click, mask",
    "rough mask and click": "drawn mask",
    "2 clicks": "2 clicks, mask",
    "3 clicks": "3 clicks, mask",
    "4 clicks": "4-5 clicks, mask",
    "5 clicks": "4-5 clicks, mask",
    "6 clicks": "6+ clicks, mask",
    "7 clicks": "6+ clicks, mask",
    "8 clicks": "6+ clicks, mask",
    "box again": "box, mask",
    "1 click after a box": "box, 1-2 clicks, mask",
    "2 clicks after a box": "box, 1-2 clicks, mask",
    "3 clicks after a box": "box, 3+ clicks, mask",
    "4 clicks after a box": "box, 3+ clicks, mask",
}


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return loaded(small_lite())


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory):
    shard = write_shard(tmp_path_factory.mktemp("data") / "discs.tar", 2)
    return choose_questions(read_shards([shard]), 2, 2, 0)


@pytest.fixture(scope="module")
def answers(model, questions) -> list[ScoredAnswer]:
    return ask_for_scores(model, questions, seed=3)


def test_every_way_is_asked_of_every_mask_and_told_by_its_kind(answers, questions):
    assert {answer.asked: KINDS[answer.kind] for answer in answers} == ASKED
    assert {KINDS[answer.kind] for answer in answers} == set(KINDS)
    assert set(Counter(answer.asked for answer in answers).values()) == {4}
    masks = {(answer.picture, answer.mask) for answer in answers}
    assert masks == {(q.picture.name, i) for q in questions["discs"] for i in q.indices}
    assert {answer.set_name for answer in answers} == {"discs"}


def test_scores_and_overlaps_are_those_that_predict_gives(answers, questions, model):
    question = questions["discs"][0]
    truth = question.picture.mask(question.indices[1])
    (embedding,) = embed_pictures(model, [read_picture(question.picture.encoded)])
    for asked, prompt in (
        ("click", Prompt(points=(centre_click(truth),), labels=(1,))),
        ("box", Prompt(box=tight_box(truth))),
    ):
        (found,) = (
            one
            for one in answers
            if (one.asked, one.picture, one.mask)
            == (asked, question.picture.name, question.indices[1])
        )
        single, guesses = (
            predict(model, embedding, [prompt], multimask=three)[0] for three in (False, True)
        )
        right = [*single, *guesses]
        np.testing.assert_allclose(found.scores, [mask.score for mask in right], atol=1e-4)
        overlaps = [iou(mask.array, truth) for mask in right]
        np.testing.assert_allclose(found.overlaps, overlaps, atol=0.01)


def test_the_same_seed_asks_the_same(answers, model, questions):
    again = ask_for_scores(model, questions, seed=3)
    for one, other in zip(answers, again, strict=True):
        assert (one.asked, one.picture, one.mask) == (other.asked, other.picture, other.mask)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)


def test_progress_is_told_after_each_picture(model, tmp_path: Path):
    few = choose_questions(read_shards([write_shard(tmp_path / "discs.tar", 2)]), 2, 1, 0)
    told = []
    ask_for_scores(model, few, on_progress=lambda: told.append(1))
    assert len(told) == 2

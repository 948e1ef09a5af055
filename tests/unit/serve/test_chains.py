"""A refinement costs one decode, and is what the library gives step by step."""

import numpy as np
import pytest

from anymask.api import Model
from anymask.errors import DataError, PromptError
from anymask.masks import rle
from anymask.serve.bodies import RunLengths, Step
from anymask.serve.chains import Chain, KeptAnswers, answer_chain
from tests.unit.predict import networks

INSIDE = np.zeros((300, 451), bool)
INSIDE[100:200, 100:301] = True
FIRST = Step(points=[[200, 150]], labels=[1], number=2)
SECOND = Step(points=[[200, 150], [90, 40]], labels=[1, 0], multimask=False)
DRAWN = RunLengths(size=[300, 451], counts=rle.encode(INSIDE)["counts"])
THIRD = Step(points=[[200, 150], [90, 40], [300, 200]], labels=[1, 0, 1], multimask=False)


@pytest.fixture(scope="module")
def embedding(model, photos):
    return model.embed(photos / "chelsea.png")


@pytest.fixture
def num_asked(monkeypatch):
    """How often the model was asked."""
    asked = []
    predict = Model.predict

    def noted(*given, **named):
        asked.append(1)
        return predict(*given, **named)

    monkeypatch.setattr(Model, "predict", noted)
    return lambda: len(asked)


def by_hand(model, embedding):
    first = model.predict(embedding, points=[(200, 150)], labels=[1])
    second = model.predict(
        embedding,
        points=[(200, 150), (90, 40)],
        labels=[1, 0],
        mask=first[2],
        multimask=False,
    )
    third = model.predict(
        embedding,
        points=[(200, 150), (90, 40), (300, 200)],
        labels=[1, 0, 1],
        mask=second[0],
        multimask=False,
    )
    return first, second, third


def test_each_step_is_what_the_library_gives(model, embedding):
    answers = KeptAnswers()
    expected = by_hand(model, embedding)
    for number, masks in enumerate(expected, start=1):
        chain = Chain(steps=[FIRST, SECOND, THIRD][:number])
        found = answer_chain(model, embedding, answers, chain)
        assert np.array_equal(found.low_res_logits, masks.low_res_logits)
        assert found.scores.tolist() == masks.scores.tolist()
        assert [mask.rle for mask in found] == [mask.rle for mask in masks]
        assert found.code() == masks.code()


def test_a_further_step_asks_the_model_once(model, embedding, num_asked):
    answers = KeptAnswers()
    for number, steps in enumerate(([FIRST], [FIRST, SECOND], [FIRST, SECOND, THIRD]), start=1):
        answer_chain(model, embedding, answers, Chain(steps=steps))
        assert num_asked() == number


def test_the_same_question_again_asks_nothing(model, embedding, num_asked):
    answers = KeptAnswers()
    first, again = (
        answer_chain(model, embedding, answers, Chain(steps=[FIRST, SECOND])) for _ in range(2)
    )
    assert again is first
    assert num_asked() == 2


def test_what_was_forgotten_is_worked_out_again_alike(model, embedding, num_asked):
    chain = Chain(steps=[FIRST, SECOND, THIRD])
    one, other = (answer_chain(model, embedding, KeptAnswers(), chain) for _ in range(2))
    assert num_asked() == 6
    assert np.array_equal(one.low_res_logits, other.low_res_logits)


@pytest.mark.parametrize(
    "changed",
    [
        Chain(steps=[FIRST.model_copy(update={"number": 0}), SECOND], mask=DRAWN),
        Chain(steps=[FIRST.model_copy(update={"number": 1}), SECOND]),
        Chain(steps=[FIRST.model_copy(update={"points": [[201, 150]]}), SECOND]),
        Chain(steps=[FIRST, SECOND.model_copy(update={"labels": [1, 1]})]),
        Chain(steps=[FIRST, SECOND.model_copy(update={"box": [0, 0, 9, 9]})]),
        Chain(steps=[FIRST, SECOND.model_copy(update={"multimask": True})]),
    ],
)
def test_another_question_is_not_taken_for_the_same(model, embedding, changed, num_asked):
    answers = KeptAnswers()
    answer_chain(model, embedding, answers, Chain(steps=[FIRST, SECOND]))
    before = num_asked()
    answer_chain(model, embedding, answers, changed)
    assert num_asked() > before


def test_which_mask_goes_on_matters_only_once_something_follows(model, embedding, num_asked):
    answers = KeptAnswers()
    answer_chain(model, embedding, answers, Chain(steps=[FIRST]))
    answer_chain(model, embedding, answers, Chain(steps=[FIRST.model_copy(update={"number": 0})]))
    assert num_asked() == 1


def test_a_mask_to_begin_with_is_what_the_library_makes_of_it(model, embedding):
    chain = Chain(steps=[Step()], mask=DRAWN)
    found = answer_chain(model, embedding, KeptAnswers(), chain)
    expected = model.predict(embedding, mask=INSIDE)
    assert np.array_equal(found.low_res_logits, expected.low_res_logits)
    assert found.warnings == expected.warnings
    assert found.warnings[0].startswith("the mask came alone, so a click at (")


@pytest.mark.parametrize(
    ("chain", "error", "sentence"),
    [
        (
            Chain(steps=[SECOND, THIRD.model_copy(update={"number": 2}), FIRST]),
            PromptError,
            r"steps\[1\].number is 2, but that answer has 1 masks; count from 0",
        ),
        (Chain(steps=[]), PromptError, "there is no step"),
        (Chain(steps=[Step()]), PromptError, "nothing to look for"),
        (Chain(steps=[Step(points=[[1, 1]])]), PromptError, "1 points but 0 labels"),
        (Chain(steps=[Step(labels=[1])]), PromptError, "0 points but 1 labels"),
        (
            Chain(steps=[FIRST], mask=RunLengths(size=[451, 300], counts="1")),
            PromptError,
            "mask 300×451 for picture 451×300; make it of the picture's size",
        ),
        (
            Chain(steps=[FIRST], mask=RunLengths(size=[300, 451], counts="132")),
            DataError,
            "RLE counts sum to 6",
        ),
    ],
)
def test_a_chain_that_cannot_be_is_refused(model, embedding, chain, error, sentence):
    with pytest.raises(error, match=sentence):
        answer_chain(model, embedding, KeptAnswers(), chain)


def test_no_more_is_kept_than_may_be(model, embedding, monkeypatch):
    masks = model.predict(embedding, points=[(200, 150)])
    each = sum(mask.low_res_logits.nbytes + 300 * 451 for mask in masks)
    monkeypatch.setattr("anymask.serve.chains._MOST_BYTES", 3 * each)
    answers = KeptAnswers()
    for number in range(3):
        answers.keep(bytes([number]), masks)
    assert answers.find(b"\0") == masks
    answers.keep(b"\3", masks)
    found = [answers.find(bytes([number])) is masks for number in range(4)]
    assert found == [True, False, True, True]
    assert answers.num_bytes == 3 * each
    answers.keep(b"\3", masks)
    assert answers.num_bytes == 3 * each
    answers.clear()
    assert answers.num_bytes == 0


def test_two_answers_stay_however_large_so_that_a_refinement_is_one_decode(
    model, embedding, monkeypatch
):
    masks = model.predict(embedding, points=[(200, 150)])
    monkeypatch.setattr("anymask.serve.chains._MOST_BYTES", 1)
    answers = KeptAnswers()
    for number in range(3):
        answers.keep(bytes([number]), masks)
    assert [answers.find(bytes([number])) is masks for number in range(3)] == [False, True, True]


def test_a_preview_is_asked_once_and_a_click_with_care(model, embedding):
    answers = KeptAnswers()
    box = Step(box=[200.0, 150.0, 230.0, 170.0])
    preview = answer_chain(model, embedding, answers, Chain(steps=[box], is_preview=True))
    click = answer_chain(model, embedding, answers, Chain(steps=[box]))
    plain = model.predict(embedding, box=box.box, zoom=False, flip=False)
    usual = model.predict(embedding, box=box.box)
    np.testing.assert_array_equal(preview.best.logits, plain.best.logits)
    np.testing.assert_array_equal(click.best.logits, usual.best.logits)
    assert (preview.best.close_up, usual.best.close_up is None) == (None, False)


def test_where_care_is_asking_once_the_click_finds_the_previews_answer(photos, num_asked):
    published = networks.model(networks.small_vit())
    embedding = published.embed(photos / "chelsea.png")
    answers = KeptAnswers()
    preview = answer_chain(published, embedding, answers, Chain(steps=[FIRST], is_preview=True))
    assert answer_chain(published, embedding, answers, Chain(steps=[FIRST])) is preview
    assert num_asked() == 1


def test_steps_before_a_preview_are_those_that_were_clicked(model, embedding, num_asked):
    answers = KeptAnswers()
    clicked = answer_chain(model, embedding, answers, Chain(steps=[FIRST]))
    answer_chain(model, embedding, answers, Chain(steps=[FIRST, SECOND], is_preview=True))
    assert num_asked() == 2
    again = answer_chain(model, embedding, answers, Chain(steps=[FIRST]))
    assert again is clicked

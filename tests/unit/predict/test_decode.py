"""Embedding and prompts become masks: the same however they are asked for."""

import hashlib
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch

from anymask.api import Model
from anymask.errors import InputError, PromptError, StateError
from anymask.model.prompt_encoder import PromptBatch
from anymask.predict import decode
from anymask.predict.care import CareOptions
from anymask.predict.decode import model_points
from anymask.vocabulary import Prompt
from tests.unit.predict import networks

ATOL = 1e-4  # in logits
PLAIN: CareOptions = {"zoom": False, "refine": 0, "flip": False, "connected": False}


def logits(masks) -> np.ndarray:
    return masks.low_res_logits


def assert_same(some, others) -> None:
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert len(one) == len(other)
        np.testing.assert_allclose(logits(one), logits(other), rtol=0, atol=ATOL)
        np.testing.assert_allclose(one.scores, other.scores, rtol=0, atol=ATOL)


def varied_prompts() -> list[Prompt]:
    """Points, boxes, masks and mixtures of them; no two alike."""
    drawn = np.zeros((40, 56), bool)
    drawn[5:20, 10:40] = True
    one, three = (20.0, 10.0), ((5.0, 5.0), (30.0, 30.0), (50.0, 2.0))
    return [
        Prompt(points=(one,), labels=(1,)),
        Prompt(points=three, labels=(1, 0, 1)),
        Prompt(box=(3, 4, 40, 30)),
        Prompt(mask=drawn),
        Prompt(points=((7.5, 31.0),), labels=(1,)),
        Prompt(points=(one,), labels=(0,), box=(3, 4, 40, 30)),
        Prompt(points=three, labels=(1, 1, 1), mask=drawn),
        Prompt(box=(10, 10, 20, 20), mask=drawn),
        Prompt(box=(0, 0, 56, 40)),
        Prompt(points=three[:2], labels=(1, 0)),
    ]


# --- the same, however it is asked ---


def test_many_prompts_of_all_kinds_are_answered_as_one_by_one(model, embedding):
    prompts = varied_prompts()
    together = model.predict_many(embedding, prompts)
    apart = [model.predict_many(embedding, [prompt])[0] for prompt in prompts]
    assert_same(together, apart)
    for index, first in enumerate(apart):  # all differ, so the order is kept
        for second in apart[:index]:
            assert np.abs(logits(first)[-1] - logits(second)[-1]).max() > 10 * ATOL


def test_the_prompts_on_masks_are_those_asked(model, embedding):
    prompts = varied_prompts()
    answers = model.predict_many(embedding, prompts)
    for asked, answer in zip(prompts, answers, strict=True):
        for mask in answer:
            if asked.points or asked.box:  # a lone mask is given a click
                assert (mask.prompt.points, mask.prompt.labels) == (asked.points, asked.labels)
            assert mask.prompt.box == asked.box
            assert (mask.prompt.mask is None) == (asked.mask is None)


def test_two_thousand_prompts_come_back_in_order(vit, vit_embedding):
    model, embedding = vit, vit_embedding
    prompts = [
        Prompt(points=((0.5 + i % 56, 0.25 + i * 7 % 40),), labels=(1,)) for i in range(2000)
    ]
    done: list[tuple[int, int]] = []
    answers = model.predict_many(embedding, prompts, on_progress=lambda n, of: done.append((n, of)))
    assert [answer[0].prompt.points for answer in answers] == [p.points for p in prompts]
    some = range(0, 2000, 97)
    apart = [model.predict_many(embedding, [prompts[i]])[0] for i in some]
    assert_same([answers[i] for i in some], apart)
    assert done[-1] == (2000, 2000)
    assert done == sorted(done)
    assert len(done) == -(-2000 // decode.PROMPTS_AT_ONCE)


def test_a_thousand_points_in_one_prompt(model, embedding):
    points = [(0.5 + i % 56, 0.25 + i * 7 % 40) for i in range(1000)]
    labels = [1 if i % 3 else 0 for i in range(1000)]
    masks = model.predict(embedding, points=points, labels=labels)
    assert len(masks) == 1
    assert np.isfinite(logits(masks)).all()
    assert len(masks.best.prompt.points) == 1000


def test_few_prompts_of_many_points_share_a_batch(vit_embedding):
    prompts = [Prompt(points=((1.0, 1.0),) * 300, labels=(1,) * 300) for _ in range(7)]
    one = Prompt(box=(1, 1, 5, 5))
    batches = decode._batches([one, *prompts, one], vit_embedding.frame, multimask=None)
    assert [numbers for numbers, _ in batches] == [[0, 8], [1, 2, 3], [4, 5, 6], [7]]


def test_prompts_that_want_as_many_masks_share_a_batch(vit_embedding):
    click, box = Prompt(points=((1.0, 1.0),), labels=(1,)), Prompt(box=(1, 1, 5, 5))
    asked = [click, box, click]
    for multimask, expected in (
        (None, [([0, 2], True), ([1], False)]),
        (True, [([0, 1, 2], True)]),
        (False, [([0, 1, 2], False)]),
    ):
        batches = decode._batches(asked, vit_embedding.frame, multimask=multimask)
        assert list(batches) == expected


def test_no_prompt_has_no_answer(model, embedding):
    assert model.predict_many(embedding, []) == []


def test_the_order_of_points_does_not_matter(model, embedding):
    points = [(5, 5), (30, 30), (50, 2), (20, 20.5)]
    labels = [1, 0, 1, 1]
    first = model.predict(embedding, points=points, labels=labels)
    order = [2, 0, 3, 1]
    other = model.predict(
        embedding, points=[points[i] for i in order], labels=[labels[i] for i in order]
    )
    np.testing.assert_allclose(logits(first), logits(other), rtol=0, atol=ATOL)


def test_shares_and_pixels_ask_the_same(model, embedding):
    pixels = model.predict(embedding, points=[(14, 30), (28, 10)], box=(7, 5, 42, 35))
    shares = model.predict(
        embedding,
        points=[(14 / 56, 30 / 40), (28 / 56, 10 / 40)],
        box=(7 / 56, 5 / 40, 42 / 56, 35 / 40),
        normalized=True,
    )
    np.testing.assert_allclose(logits(pixels), logits(shares), rtol=0, atol=ATOL)
    np.testing.assert_allclose(shares.best.prompt.points, pixels.best.prompt.points)


def test_repeated_calls_give_the_same_bytes(model, embedding):
    first, second = (model.predict(embedding, points=[(20, 10)]) for _ in range(2))
    assert logits(first).tobytes() == logits(second).tobytes()
    assert first.scores.tobytes() == second.scores.tobytes()


# --- points in the model's frame ---


@pytest.mark.parametrize(
    ("prompt", "points", "labels"),
    [
        (Prompt(points=((28, 20),), labels=(1,)), [(32, 23), (0, 0)], [1, -1]),
        (Prompt(box=(0, 0, 56, 40)), [(0, 0), (64, 46)], [2, 3]),
        (Prompt(points=((56, 40),), labels=(0,), box=(0, 0, 28, 20)),
         [(64, 46), (0, 0), (32, 23)], [0, 2, 3]),
        (Prompt(mask=np.ones((40, 56), bool)), [], []),
    ],
)  # fmt: skip
def test_points_are_scaled_and_padded_as_published(vit_embedding, prompt, points, labels):
    """56 × 40 pixels become 64 × 46; the rounded sides count, and no half pixel is added here."""
    found, kinds = model_points(prompt, vit_embedding.frame)
    np.testing.assert_allclose(found, np.array(points, np.float32).reshape(-1, 2), rtol=1e-6)
    assert kinds == labels
    assert found.dtype == np.float32


# --- three masks or one ---


@pytest.mark.parametrize(
    ("given", "num_masks"),
    [
        ({"points": [(20, 10)]}, 3),
        ({"points": [(20, 10), (5, 5)]}, 1),
        ({"points": [(20, 10), (5, 5)], "labels": [1, 0]}, 1),
        ({"box": (3, 4, 40, 30)}, 1),
        ({"points": [(20, 10)], "box": (3, 4, 40, 30)}, 1),
        ({"mask": np.ones((40, 56), bool)}, 1),
        ({"points": [(20, 10)], "mask": np.ones((40, 56), bool)}, 1),
    ],
)
def test_a_lone_point_has_three_answers_and_the_rest_one(model, embedding, given, num_masks):
    assert len(model.predict(embedding, **given)) == num_masks
    assert len(model.predict(embedding, **given, multimask=True)) == 3
    assert len(model.predict(embedding, **given, multimask=False)) == 1


def test_the_three_guesses_and_the_single_mask_are_the_models_own(model, embedding):
    """Token 0 is the single mask, tokens 1 to 3 are the guesses, in the model's order."""
    three = model.predict(embedding, points=[(20, 10)], multimask=True, **PLAIN)
    one = model.predict(embedding, points=[(20, 10)], multimask=False, **PLAIN)
    at = torch.tensor([[[[20 * 64 / 56, 10 * 46 / 40], [0, 0]]]])
    batch = PromptBatch(at, torch.tensor([[[1, -1]]]))
    with torch.no_grad():
        everything = model.loaded.sam.decode(embedding.features, batch)
    found = np.concatenate([logits(one), logits(three)])
    np.testing.assert_allclose(found, everything.low_res_logits[0, 0].numpy(), atol=ATOL)
    scores = np.concatenate([one.scores, three.scores])
    np.testing.assert_allclose(scores, everything.iou[0, 0].numpy(), atol=ATOL)
    assert three.best.score == max(three.scores)


# --- refining ---


def test_refining_with_masks_a_mask_or_its_logits_is_the_same(model, embedding):
    first = model.predict(embedding, points=[(20, 10)])
    best = first.best
    more = {"points": [(20, 10), (40, 30)], "labels": [1, 0]}
    answers = [
        model.predict(embedding, **more, mask=mask)
        for mask in (first, best, best.low_res_logits, best.low_res_logits[None])
    ]
    for answer in answers[1:]:
        assert logits(answer).tobytes() == logits(answers[0]).tobytes()
    without = model.predict(embedding, **more)
    assert np.abs(logits(without) - logits(answers[0])).max() > 10 * ATOL


def test_a_drawn_mask_counts_however_it_is_written(model, embedding):
    drawn = np.zeros((40, 56), bool)
    drawn[5:20, 10:40] = True
    answers = [
        model.predict(embedding, mask=mask)
        for mask in (drawn, drawn.astype(np.uint8) * 255, drawn.astype(np.uint8))
    ]
    for answer in answers[1:]:
        assert logits(answer).tobytes() == logits(answers[0]).tobytes()
    other = model.predict(embedding, mask=~drawn)
    assert np.abs(logits(other) - logits(answers[0])).max() > 10 * ATOL


def test_a_mask_that_comes_alone_is_given_a_click_inside(model, embedding):
    """Trained beside clicks only, a model answers a lone mask with nothing."""
    drawn = np.zeros((40, 56), bool)
    drawn[5:20, 10:40] = True
    alone = model.predict(embedding, mask=drawn)
    ((x, y),) = alone.best.prompt.points
    assert (y, 16 <= x <= 33) == (12, True)
    assert alone.warnings == (f"the mask came alone, so a click at ({x}, {y}) inside it was added",)
    asked = model.predict(embedding, points=[(x, y)], mask=drawn)
    assert logits(alone).tobytes() == logits(asked).tobytes()
    assert asked.warnings == ()
    refined = model.predict(embedding, mask=alone)
    assert len(refined.best.prompt.points) == 1
    for given in ({"mask": drawn, "box": (5, 5, 30, 30)}, {"mask": alone.best.low_res_logits}):
        masks = model.predict(embedding, **given)
        assert (masks.best.prompt.points, masks.warnings) == ((), ())


def test_an_earlier_answer_without_a_pixel_is_taken_as_it_is(model, embedding):
    before = model.predict(embedding, box=(3, 4, 40, 30)).best
    empty = replace(before, low_res_logits=-np.abs(before.low_res_logits) - 1)
    masks = model.predict(embedding, mask=empty)
    assert masks.best.prompt.points == ()
    same = model.predict(embedding, mask=empty.low_res_logits)
    assert logits(masks).tobytes() == logits(same).tobytes()


def test_a_chain_of_answers_does_not_keep_the_earlier_ones(model, embedding):
    masks = model.predict(embedding, points=[(20, 10)])
    for _ in range(3):
        masks = model.predict(embedding, points=[(20, 10), (40, 30)], mask=masks)
    assert isinstance(masks.best.prompt.mask, np.ndarray)
    assert masks.best.prompt.mask.shape == embedding.low_res_hw


def test_the_prompt_of_an_answer_asks_the_same_again(model, embedding):
    drawn = np.zeros((40, 56), np.uint8)
    drawn[5:20, 10:40] = 255
    first = model.predict(embedding, points=[(0.5, 0.25)], mask=drawn, normalized=True)
    (again,) = model.predict_many(embedding, [first.best.prompt])
    assert logits(again).tobytes() == logits(first).tobytes()


# --- refusals, after each of which the next good question is answered ---


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "^nothing to look for; give a point with label 1, a box or a mask.$"),
        ({"points": [(90, 4)]}, r"^point 0 \(90, 4\) lies outside 56×40; points are \(x, y\).$"),
        ({"points": [(1, np.nan)]}, r"^points\[0\] is \(1, nan\), which is not finite; give pixel"),
        ({"box": (9, 9, 9, 12)}, r"^box \(9, 9, 9, 12\) has no area \(x1 ≤ x0\); boxes are x0"),
        ({"points": [(1, 1)], "labels": [7]}, r"^label 0 is 7; labels are 1 \(add\) or 0 \(remove"),
        ({"mask": np.ones((9, 9), bool)}, "^mask 9×9 for picture 56×40; pass a mask of the pict"),
        ({"mask": np.zeros((40, 56), bool)}, "^mask is empty: no pixel is set; draw where"),
    ],
)
def test_a_bad_prompt_is_one_sentence_and_the_next_works(model, embedding, given, sentence):
    with pytest.raises(PromptError, match=sentence):
        model.predict(embedding, **given)
    assert len(model.predict(embedding, points=[(20, 10)])) == 3


def test_among_many_the_bad_prompt_is_numbered(model, embedding):
    good = Prompt(box=(1, 1, 9, 9))
    with pytest.raises(PromptError) as error:
        model.predict_many(embedding, [good, good, Prompt(box=(5, 5, 5, 9))])
    assert str(error.value) == (
        "prompt 2: box (5, 5, 5, 9) has no area (x1 ≤ x0); boxes are x0, y0, x1, y1; "
        "if this is x, y, width, height, pass (5, 5, 10, 14)."
    )
    with pytest.raises(PromptError, match=r"^prompt 1: mask 9×9 for picture 56×40; pass a mask of"):
        model.predict_many(embedding, [good, Prompt(mask=np.ones((9, 9), bool))])
    assert len(model.predict_many(embedding, [good, good])) == 2


@pytest.mark.parametrize(
    ("prompts", "sentence"),
    [
        (Prompt(box=(1, 1, 9, 9)), r"^prompts must be a list, got one Prompt; pass \[prompt\].$"),
        ([(20, 10), (5, 5)], r"^prompt 0: a tuple is no Prompt; write Prompt\(points=..., labels="),
    ],
)
def test_what_is_no_list_of_prompts_is_refused(model, embedding, prompts, sentence):
    with pytest.raises(PromptError, match=sentence):
        model.predict_many(embedding, prompts)


def test_contradictions_travel_with_the_answer(model, embedding):
    masks = model.predict(embedding, points=[(5, 5), (5.5, 5)], labels=[1, 0], box=(-5, 10, 20, 20))
    assert masks.warnings == (
        "box (-5, 10, 20, 20) was clipped to the picture's 56×40",
        "pixel (5, 5) is both added and removed",
        "point 0 (5, 5) is added but lies outside the box",
    )
    assert model.predict(embedding, points=[(5, 5)]).warnings == ()


def test_the_embedding_of_another_model_is_refused(vit, vit_embedding):
    other = networks.model(networks.small_vit(), seed=1)
    with pytest.raises(StateError) as error:
        other.predict(vit_embedding, points=[(20, 10)])
    assert str(error.value) == (
        "the embedding is of model small (00000000), this is small (11111111); "
        "embed the picture with this model."
    )
    assert len(other.predict(other.embed(networks.picture()), points=[(20, 10)])) == 3


def test_the_embedding_for_another_frame_is_refused(vit, vit_embedding):
    larger = networks.model(networks.small_vit(96))
    with pytest.raises(
        StateError, match=r"^the embedding is of a 64-pixel frame, this model uses 96"
    ):
        larger.predict(vit_embedding, points=[(20, 10)])


@pytest.mark.parametrize("thing", ["photo.jpg", networks.picture(), None])
def test_what_is_no_embedding_is_refused(vit, thing):
    kind = type(thing).__name__
    sentence = f"^embedding must be an ImageEmbedding, got {kind}; make it with embed first.$"
    with pytest.raises(InputError, match=sentence):
        vit.predict(thing, points=[(20, 10)])


# --- pictures of odd sizes ---


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (2, 3), (1, 5000), (5000, 1)])
def test_masks_have_the_size_of_the_picture_however_odd(model, height, width):
    embedding = model.embed(networks.picture(height, width))
    at = (width / 2, height / 2)
    for masks in (
        model.predict(embedding, points=[at]),
        model.predict(embedding, box=(0, 0, width, height)),
        model.predict(embedding, mask=np.ones((height, width), bool)),
    ):
        for mask in masks:
            assert mask.array.shape == (height, width)
            assert mask.logits.shape == (height, width)
            assert 0 <= mask.area <= height * width
            np.testing.assert_array_equal(mask.array, mask.logits > 0)


# --- nothing changes ---


def digest(embedding) -> str:
    sha256 = hashlib.sha256(embedding.picture.pixels.tobytes())
    for tensor in (embedding.features.embedding, *embedding.features.high_res):
        sha256.update(tensor.numpy().tobytes())
    return sha256.hexdigest()


def test_predicting_changes_neither_embedding_nor_model_nor_modes(model, embedding):
    weights = {name: t.clone() for name, t in model.loaded.sam.state_dict().items()}
    before, random = digest(embedding), torch.get_rng_state()
    for is_on in (True, False):
        with torch.set_grad_enabled(is_on):
            model.predict_many(embedding, varied_prompts())
            assert torch.is_grad_enabled() is is_on
            assert not torch.is_inference_mode_enabled()
    assert digest(embedding) == before
    assert torch.equal(torch.get_rng_state(), random)
    for name, tensor in model.loaded.sam.state_dict().items():
        assert torch.equal(tensor, weights[name]), name


def test_answers_cannot_be_changed(model, embedding):
    masks = model.predict(embedding, points=[(20, 10)])
    with pytest.raises(FrozenInstanceError):
        masks.items = ()
    with pytest.raises(FrozenInstanceError):
        masks.best.score = 1.0
    with pytest.raises(ValueError, match="read-only"):
        masks.best.low_res_logits[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        masks.best.array[0, 0] = True
    with pytest.raises(FrozenInstanceError):
        model.loaded = None
    refined = model.predict(embedding, points=[(20, 10)], mask=masks)
    with pytest.raises(ValueError, match="read-only"):
        refined.best.prompt.mask[0, 0] = 1


def test_masks_do_not_keep_the_other_prompts_alive(model, embedding):
    """A mask's logits own their memory, or belong to the few masks of one prompt."""
    prompts = [Prompt(box=(1, 1, 9 + i, 9)) for i in range(20)]
    for masks in model.predict_many(embedding, prompts):
        owner = masks.best.low_res_logits
        while owner.base is not None:
            owner = owner.base
        assert isinstance(owner, np.ndarray)
        assert owner.nbytes <= 4 * masks.best.low_res_logits.nbytes


def test_every_setting_of_the_encoders_precision_gives_float32(vit):
    halved = Model(replace(vit.loaded, dtype=torch.bfloat16))
    embedding = halved.embed(networks.picture())
    full = vit.embed(networks.picture())
    assert embedding.features.embedding.dtype == torch.float32
    difference = embedding.features.embedding - full.features.embedding
    assert 0 < difference.abs().max() < 0.1
    masks = halved.predict(embedding, points=[(20, 10)])
    assert logits(masks).dtype == np.float32

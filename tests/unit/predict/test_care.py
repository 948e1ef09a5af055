"""Zoom, refine and flip: what each does, when it is done unasked, and that it can be repeated."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from anymask.api import Model
from anymask.errors import ConfigError, StateError
from anymask.image.frame import frame_for
from anymask.masks.resize import full_resolution_logits
from anymask.predict import care, close_up, kept_views, mirrored
from anymask.predict.care import Care, CareOptions, kind_of, resolve
from anymask.predict.close_up import window_around
from anymask.predict.decode import decode_all, predict
from anymask.predict.mirrored import mirrored_logits
from anymask.predict.snug import snug
from anymask.vocabulary import Prompt
from tests.unit.predict import networks

PLAIN: CareOptions = {"zoom": False, "refine": 0, "flip": False, "connected": False, "snug": False}
SMALL_BOX = (60, 40, 76, 52)
BOX = Prompt(box=SMALL_BOX)
CLICK = Prompt(points=((30.0, 20.0),), labels=(1,))
TWO_CLICKS = Prompt(points=((30.0, 20.0), (90.0, 70.0)), labels=(1, 0))


@pytest.fixture(scope="module")
def lite() -> Model:
    """A small model of the default's architecture."""
    return networks.model(networks.small_lite())


@pytest.fixture
def photo(lite):
    """A picture of 128 × 96 pixels, nothing kept with it yet."""
    return lite.embed(networks.picture(96, 128))


@pytest.fixture
def encodings(monkeypatch) -> list[str]:
    """Names of the views that were encoded."""
    names: list[str] = []
    for module in (close_up, mirrored):
        encode = module.embed_batch

        def counted(loaded, pictures, encode=encode):
            names.extend(picture.name for picture in pictures)
            return encode(loaded, pictures)

        monkeypatch.setattr(module, "embed_batch", counted)
    return names


# --- what is done unasked ---


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        (CLICK, "lone click"),
        (BOX, "box"),
        (TWO_CLICKS, "several"),
        (replace(BOX, points=((61.0, 41.0),), labels=(1,)), "several"),
        (replace(CLICK, mask=np.ones((96, 128), bool)), "several"),
        (replace(BOX, mask=np.ones((96, 128), bool)), "several"),
    ],
)
def test_kinds_of_prompts(prompt, kind):
    assert kind_of(prompt) == kind


@pytest.mark.parametrize("prompt", [CLICK, BOX, TWO_CLICKS])
def test_published_weights_are_asked_once(vit, prompt):
    assert resolve(vit.loaded, prompt, Care()).is_plain
    asked = resolve(vit.loaded, prompt, Care(zoom=True, flip=True, refine=2))
    assert (asked.zoom, asked.flip, asked.refine) == (True, True, 2)


def test_the_usual_care_of_the_default_model_is_the_table(lite):
    for prompt in (CLICK, BOX, TWO_CLICKS):
        usual = care._USUAL[kind_of(prompt)]
        assert resolve(lite.loaded, prompt, Care()) == usual
        assert resolve(lite.loaded, prompt, Care(**PLAIN)).is_plain
    assert resolve(lite.loaded, BOX, Care()).zoom


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"zoom": 1}, "zoom is 1; use True, False or None"),
        ({"flip": "yes"}, "flip is 'yes'; use True, False or None"),
        ({"refine": True}, "refine is True; give a number"),
        ({"refine": 1.5}, "refine is 1.5; give a number"),
        ({"refine": -1}, "refine is -1; use 0 to 8"),
        ({"refine": 9}, "refine is 9; use 0 to 8"),
    ],
)
def test_what_care_cannot_be(lite, photo, given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        lite.predict(photo, points=[(30, 20)], **given)


def test_without_care_it_is_the_plain_answer(lite, photo):
    for prompt in (CLICK, BOX, TWO_CLICKS):
        (plain,) = predict(lite.loaded, photo, [prompt])
        (asked,) = lite.predict_many(photo, [prompt], **PLAIN)
        np.testing.assert_array_equal(asked.low_res_logits, plain.low_res_logits)
        assert [mask.close_up for mask in asked] == [None] * len(asked)
    assert len(photo.views) == 0


# --- zoom ---


def test_a_window_holds_the_object_and_some_of_what_surrounds_it():
    rng = np.random.default_rng(0)
    for _ in range(500):
        height, width = rng.integers(40, 900, 2)
        side = max(height, width) * rng.uniform(0.02, 0.25)
        x, y = rng.uniform(0, width - 1), rng.uniform(0, height - 1)
        box = (x, y, min(x + side, width), min(y + side * rng.uniform(0.3, 1), height))
        window = window_around(box, (height, width), 2.0)
        if window is None:
            continue
        x0, y0, x1, y1 = window
        assert 0 <= x0 <= box[0] <= box[2] <= x1 <= width
        assert 0 <= y0 <= box[1] <= box[3] <= y1 <= height
        assert max(x1 - x0, y1 - y0) <= 0.5 * max(height, width) + 1


def test_large_objects_get_no_window():
    assert window_around((0, 0, 60, 40), (96, 128), 2.0) is None
    assert window_around((0, 0, 30, 30), (96, 128), 2.0) is not None


def test_clicks_side_by_side_share_a_window():
    windows = {window_around((x, 40, x + 40, 80), (480, 640), 2.0) for x in range(100, 106)}
    assert len(windows) <= 2


def test_zooming_is_asking_about_the_window_by_itself(lite, photo):
    masks = lite.predict(photo, box=SMALL_BOX, zoom=True, flip=False, snug=False)
    place = window_around(SMALL_BOX, (96, 128), close_up.BOX_CONTEXT)
    assert place is not None
    x0, y0, x1, y1 = place
    window = lite.embed(np.ascontiguousarray(photo.picture.pixels[y0:y1, x0:x1]))
    moved = (SMALL_BOX[0] - x0, SMALL_BOX[1] - y0, SMALL_BOX[2] - x0, SMALL_BOX[3] - y0)
    (alone,) = predict(lite.loaded, window, [Prompt(box=moved)])
    (plain,) = predict(lite.loaded, photo, [BOX])
    middle = slice(y0 + 8, y1 - 8), slice(x0 + 8, x1 - 8)
    expected = (plain.best.logits[middle] + alone.best.logits[8:-8, 8:-8]) / 2
    np.testing.assert_allclose(masks.best.logits[middle], expected, atol=1e-3)
    outside = np.ones((96, 128), bool)
    outside[y0:y1, x0:x1] = False
    np.testing.assert_array_equal(masks.best.logits[outside], plain.best.logits[outside])
    assert masks.best.score == plain.best.score
    np.testing.assert_array_equal(masks.best.array, masks.best.logits > 0)


def test_clicks_take_the_first_answer_along_into_the_window(lite, photo, monkeypatch):
    asked: list[tuple[tuple[int, int], Prompt]] = []

    def seen(loaded, view, prompts, *, multimask):
        asked.extend((view.frame.original_hw, prompt) for prompt in prompts)
        return decode_all(loaded, view, prompts, multimask=multimask)

    monkeypatch.setattr(close_up, "decode_all", seen)
    small = np.full((16, 16), -9, np.float32)
    small[4:6, 6:8] = 9  # pixels 48 to 64, 32 to 48
    (answer,) = predict(lite.loaded, photo, [Prompt(points=((55.0, 40.0),), labels=(1,))])
    given = replace(answer, items=(replace(answer[0], low_res_logits=small),))
    (found,) = close_up.zoomed(lite.loaded, photo, [given], lambda _: None)
    (_, prompt), one = asked[0], found[0].close_up
    assert one is not None
    (x0, y0), (height, width) = one.corner_xy, one.frame.original_hw
    assert prompt.points == ((55 - x0, 40 - y0),)
    drawn = full_resolution_logits(prompt.mask, one.frame) > 0
    before = given[0].array[y0 : y0 + height, x0 : x0 + width]
    assert before.any()
    assert (drawn == before).mean() > 0.95
    assert one.share == close_up.ANSWER_SHARE


def test_of_three_candidates_those_that_fit_into_the_best_ones_window_are_looked_at(
    lite, photo, encodings
):
    (answer,) = predict(lite.loaded, photo, [Prompt(points=((55.0, 40.0),), labels=(1,))])
    planes = [np.full((16, 16), -9, np.float32) for _ in range(3)]
    planes[0][4:6, 6:8] = 9  # pixels 48 to 64, 32 to 48
    planes[1][:, :12] = 9
    planes[2][4:5, 6:7] = 9
    items = [
        replace(mask, low_res_logits=plane, score=score)
        for mask, plane, score in zip(answer, planes, (0.9, 0.5, 0.4), strict=True)
    ]
    (found,) = close_up.zoomed(
        lite.loaded, photo, [replace(answer, items=tuple(items))], lambda _: None
    )
    assert [mask.close_up is not None for mask in found] == [True, False, True]
    first, third = found[0].close_up, found[2].close_up
    assert first is not None
    assert third is not None
    assert first.corner_xy == third.corner_xy
    assert len(encodings) == 1
    (large,) = close_up.zoomed(
        lite.loaded, photo, [replace(answer, items=(items[1],))], lambda _: None
    )
    assert large[0].close_up is None


def test_points_outside_the_window_stay_outside():
    prompt = Prompt(points=((55.0, 40.0), (5.0, 5.0)), labels=(1, 0))
    moved = close_up._moved(prompt, (40, 24, 72, 56))
    assert moved is not None
    assert (moved.points, moved.labels) == (((15.0, 16.0),), (1,))
    assert close_up._moved(replace(prompt, labels=(0, 1)), (40, 24, 72, 56)) is None


def test_the_finer_answer_can_be_refined_further(lite, photo):
    masks = lite.predict(photo, box=SMALL_BOX, zoom=True)
    again = lite.predict(photo, box=SMALL_BOX, mask=masks, **PLAIN)
    plain = lite.predict(photo, box=SMALL_BOX, **PLAIN)
    np.testing.assert_array_equal(again[0].prompt.mask, masks.best.low_res_logits)
    assert np.abs(masks.best.low_res_logits - plain.best.low_res_logits).max() > 1e-3


def test_a_second_question_nearby_encodes_nothing(lite, photo, encodings):
    lite.predict(photo, box=SMALL_BOX, zoom=True, flip=False)
    assert len(encodings) == 1
    lite.predict(photo, box=(61, 41, 76, 53), zoom=True, flip=False)
    assert len(encodings) == 1
    lite.predict(photo, box=(10, 10, 20, 20), zoom=True, flip=False)
    assert len(encodings) == 2


def test_an_answer_does_not_depend_on_what_was_asked_before(lite, photo):
    fresh = lite.embed(networks.picture(96, 128))
    for box in ((56, 36, 70, 50), (62, 44, 78, 56), (10, 10, 20, 20)):
        lite.predict(photo, box=box)
    lite.predict(photo, points=[(30, 20)], zoom=True, flip=True)
    late, first = (lite.predict(one, box=SMALL_BOX, zoom=True) for one in (photo, fresh))
    np.testing.assert_array_equal(late.best.logits, first.best.logits)


def test_many_prompts_are_answered_as_one_by_one(lite, photo):
    prompts = [BOX, CLICK, TWO_CLICKS, Prompt(box=(10, 10, 20, 20)), Prompt(box=(2, 2, 120, 90))]
    together = lite.predict_many(photo, prompts)
    for prompt, masks in zip(prompts, together, strict=True):
        (alone,) = lite.predict_many(photo, [prompt])
        for one, other in zip(masks, alone, strict=True):
            assert (one.close_up is None) == (other.close_up is None)
            np.testing.assert_allclose(one.logits, other.logits, rtol=0, atol=1e-3)


def test_progress_counts_every_prompt_once(lite, photo):
    seen = []
    prompts = [BOX, Prompt(box=(2, 2, 120, 90)), Prompt(box=(10, 10, 20, 20))]
    lite.predict_many(photo, prompts, zoom=True, on_progress=lambda *told: seen.append(told))
    assert seen == [(1, 3), (2, 3), (3, 3)]


# --- without the picture ---


@pytest.mark.parametrize("name", ["zoom", "flip"])
def test_asked_for_without_a_picture_it_is_refused(lite, photo, name):
    bare = replace(photo, picture=None, picture_name="cup.png")
    with pytest.raises(
        StateError, match=f"the embedding of cup.png was saved without its picture.*{name}"
    ):
        lite.predict(bare, box=SMALL_BOX, **{name: True})


def test_unasked_without_a_picture_it_is_left_out_and_noted(lite, photo):
    bare = replace(photo, picture=None)
    masks = lite.predict(bare, box=SMALL_BOX, snug=False)
    assert masks.warnings == ("the embedding does not carry its picture, so zoom was left out",)
    plain = lite.predict(bare, box=SMALL_BOX, **PLAIN)
    assert plain.warnings == ()
    np.testing.assert_array_equal(masks.low_res_logits, plain.low_res_logits)
    assert "zoom=False" in masks.code()


# --- refine and flip ---


def test_refining_is_asking_again_with_the_answer(lite, photo):
    refined = lite.predict(photo, box=SMALL_BOX, zoom=False, flip=False, refine=2, snug=False)
    (answer,) = predict(lite.loaded, photo, [BOX])
    score = answer.best.score
    for _ in range(2):
        prompt = Prompt(box=SMALL_BOX, mask=answer.best.low_res_logits)
        (answer,) = predict(lite.loaded, photo, [prompt], multimask=False)
    np.testing.assert_allclose(refined.low_res_logits, answer.low_res_logits, atol=1e-4)
    assert refined.best.score == score


def test_a_lone_box_is_fitted_unless_refused(lite, photo):
    loose = lite.predict(photo, box=SMALL_BOX, snug=False)
    fitted = snug(loose).best
    np.testing.assert_array_equal(
        lite.predict(photo, box=SMALL_BOX).low_res_logits[0], fitted.low_res_logits
    )
    corrected = lite.predict(photo, box=SMALL_BOX, points=[(66, 44)], mask=loose)
    unfitted = lite.predict(photo, box=SMALL_BOX, points=[(66, 44)], mask=loose, snug=False)
    np.testing.assert_array_equal(corrected.low_res_logits, unfitted.low_res_logits)


def test_refining_three_candidates_refines_each(lite, photo):
    plain = lite.predict(photo, points=[(30, 20)], **PLAIN)
    refined = lite.predict(
        photo, points=[(30, 20)], zoom=False, flip=False, connected=False, refine=1
    )
    np.testing.assert_array_equal(refined.scores, plain.scores)
    for one, before in zip(refined, plain, strict=True):
        prompt = Prompt(points=((30.0, 20.0),), labels=(1,), mask=before.low_res_logits)
        (alone,) = predict(lite.loaded, photo, [prompt], multimask=False)
        np.testing.assert_allclose(one.low_res_logits, alone.low_res_logits[0], atol=1e-4)


def test_flipping_is_the_mean_with_the_mirrored_picture(lite, photo):
    flipped = lite.predict(photo, points=[(30, 20)], zoom=False, flip=True, connected=False)
    mirror = lite.embed(np.ascontiguousarray(photo.picture.pixels[:, ::-1]))
    (other,) = predict(lite.loaded, mirror, [Prompt(points=((97.0, 20.0),), labels=(1,))])
    (plain,) = predict(lite.loaded, photo, [CLICK])
    for one, before, mirrored_one in zip(flipped, plain, other, strict=True):
        mean = (before.logits + mirrored_one.logits[:, ::-1]) / 2
        np.testing.assert_allclose(one.logits, mean, atol=1e-3)
        assert one.score == pytest.approx((before.score + mirrored_one.score) / 2)


def test_a_box_and_a_mask_are_mirrored_too(lite, photo):
    drawn = np.zeros((96, 128), bool)
    drawn[30:60, 20:70] = True
    flipped = lite.predict(photo, box=SMALL_BOX, mask=drawn, zoom=False, flip=True)
    mirror = lite.embed(np.ascontiguousarray(photo.picture.pixels[:, ::-1]))
    prompt = Prompt(box=(52, 40, 68, 52), mask=np.ascontiguousarray(drawn[:, ::-1]))
    (other,) = predict(lite.loaded, mirror, [prompt])
    (plain,) = predict(lite.loaded, photo, [replace(BOX, mask=drawn)])
    mean = (plain.best.logits + other.best.logits[:, ::-1]) / 2
    np.testing.assert_allclose(flipped.best.logits, mean, atol=1e-2)


@pytest.mark.parametrize("size_hw", [(96, 128), (128, 96), (101, 37)])
def test_mirrored_twice_is_the_same_inside_the_picture(size_hw):
    frame = frame_for(size_hw, 64)
    ramp = np.add.outer(np.arange(16), np.arange(16)).astype(np.float32)
    twice = mirrored_logits(mirrored_logits(ramp, frame), frame)
    inside = full_resolution_logits(twice, frame), full_resolution_logits(ramp, frame)
    rim = 8 * max(size_hw) // 64  # beyond the outermost centres nothing is known
    found, right = (part[:, rim:-rim] for part in inside)
    np.testing.assert_allclose(found, right, atol=1e-3)
    once = full_resolution_logits(mirrored_logits(ramp, frame), frame)
    np.testing.assert_allclose(once[:, rim:-rim], inside[1][:, ::-1][:, rim:-rim], atol=1e-3)


# --- what is said and kept ---


def test_what_was_asked_for_stands_in_the_program(lite, photo):
    masks = lite.predict(photo, box=SMALL_BOX, zoom=True, refine=1, flip=False)
    code = masks.code()
    assert "model.predict(embedding, box=(60, 40, 76, 52), zoom=True, refine=1, flip=False)" in code
    assert "--box=60,40,76,52 --zoom --refine 1 --no-flip" in code
    usual = lite.predict(photo, box=SMALL_BOX).code()
    assert not [name for name in PLAIN if name in usual]


def test_views_are_kept_within_bounds(photo):
    views = kept_views.KeptViews()
    for number in range(20):
        views.find_or_make(number, lambda: photo)
    assert len(views) == kept_views.MOST_VIEWS
    one = kept_views.KeptViews()
    one.find_or_make("a", lambda: photo)
    assert views.num_bytes == kept_views.MOST_VIEWS * one.num_bytes
    assert one.num_bytes > photo.features.embedding.nbytes + photo.picture.pixels.nbytes


def test_copies_of_an_embedding_begin_without_views(lite, photo):
    lite.predict(photo, box=SMALL_BOX, zoom=True)
    assert len(photo.views) > 0
    copy = pickle.loads(pickle.dumps(photo))  # noqa: S301
    assert len(copy.views) == 0
    np.testing.assert_array_equal(
        lite.predict(copy, box=SMALL_BOX, zoom=True).best.logits,
        lite.predict(photo, box=SMALL_BOX, zoom=True).best.logits,
    )

"""Scores that are wrong in a known way are put right, on pictures the maps never saw."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from anymask.errors import ConfigError, DataError
from anymask.evaluate.reliability import everyday_masks, reliability
from anymask.model.sam import Sam
from anymask.model.score_calibration import KINDS
from anymask.train.calibrate import calibrate, calibration_record, crossed, fit_calibration
from anymask.train.calibrated_model import with_calibration, with_raw_scores, write_model
from anymask.weights.load import load_model
from tests.unit.evaluate.answers import drawn_answers
from tests.unit.model.seeded import features_of, prompts_of
from tests.unit.predict.networks import loaded, small_lite, small_vit


@pytest.fixture(scope="module")
def answers():
    return drawn_answers()


@pytest.fixture(scope="module")
def found(answers):
    return calibrate(answers)


def test_cross_validated_scores_mean_what_they_say(answers, found):
    before, after = (reliability(everyday_masks(rows)) for rows in (answers, found.crossed))
    assert before.worst_gap is not None
    assert after.worst_gap is not None
    assert before.calibration_error > 0.1
    assert abs(before.worst_gap) > 0.12
    assert after.calibration_error < 0.02
    assert abs(after.worst_gap) < 0.03
    assert [one.overlaps for one in found.crossed] == [one.overlaps for one in answers]


def test_each_kind_and_mask_is_put_right_by_itself(found):
    scores = torch.full((1, len(KINDS), 4), 0.7)
    mapped = found.calibration(scores, torch.arange(len(KINDS))[None])[0]
    wrong = np.array([0.02, 0.1, 0.05, -0.2]) + 0.02 * np.arange(len(KINDS))[:, None]
    np.testing.assert_allclose(mapped, 0.7 - wrong, atol=0.04)


def test_maps_of_their_own_mend_the_choice_among_guesses(found):
    assert not found.is_shared
    assert found.choice.after > found.choice.before + 0.02
    assert 0 < found.choice.low < found.choice.after - found.choice.before < found.choice.high


def test_guesses_share_maps_where_own_ones_do_not_help():
    rng = np.random.default_rng(0)
    # All guesses are scored alike, so maps of their own follow nothing but noise.
    alike = [
        replace(
            one,
            scores=tuple(scores := rng.uniform(0.2, 0.9, 4)),
            overlaps=tuple(np.clip(scores - 0.1 + rng.normal(0, 0.02, 4), 0, 1)),
        )
        for one in drawn_answers(40, 1)
    ]
    separate = calibrate(alike)
    shared = fit_calibration(alike, is_shared=True)
    assert torch.equal(shared.raw[:, 1], shared.raw[:, 3])
    assert not torch.equal(shared.raw[:, 0], shared.raw[:, 1])
    assert separate.is_shared == (separate.choice.after <= separate.choice.before)
    for before, after in zip(alike, crossed(alike, is_shared=True), strict=True):
        assert np.argmax(before.scores[1:]) == np.argmax(after.scores[1:])


def test_no_picture_is_mapped_by_what_was_fitted_on_itself(answers):
    """One picture's truth is turned upside down: its own scores must not follow."""
    name = answers[0].picture
    changed = [
        replace(one, overlaps=tuple(1 - x for x in one.overlaps)) if one.picture == name else one
        for one in answers
    ]
    for one, other in zip(
        crossed(answers, is_shared=False), crossed(changed, is_shared=False), strict=True
    ):
        if one.picture == name:
            assert one.scores == other.scores


def test_whole_sets_can_be_kept_apart(answers):
    changed = [
        replace(one, overlaps=(0.0,) * 4) if one.set_name == "set1" else one for one in answers
    ]
    mapped = crossed(changed, is_shared=False, by_set=True)
    own = crossed(answers, is_shared=False, by_set=True)
    for one, other in zip(mapped, own, strict=True):
        if one.set_name == "set1":
            assert one.scores == other.scores
    with pytest.raises(DataError, match="scores cannot be calibrated on 1 sets; give 5 or more"):
        crossed([replace(one, set_name="x") for one in answers], is_shared=False, by_set=True)


def test_too_few_masks_are_refused():
    with pytest.raises(DataError, match="cannot be calibrated from 8 masks of a kind"):
        calibrate(drawn_answers(10, 1))


def test_the_record_tells_before_and_after(answers, found):
    record = calibration_record(answers, found)
    assert (record["masks"], record["pictures"]) == (180, 60)
    error = record["calibration_error"]
    assert error["before"] > 0.1 > 0.02 > error["cross_validated"]
    table = record["tables"]["score_calibration"]
    assert [line[0] for line in table["rows"]][-1] == "all"
    assert all(len(line) == len(table["columns"]) for line in table["rows"])
    all_of_them = reliability(everyday_masks(answers))
    overlap, error_before, error_after, gap_before, gap_after = map(float, table["rows"][-1][2:])
    assert overlap == pytest.approx(all_of_them.overlap, abs=1e-3)
    assert (error_before, error_after) == pytest.approx(tuple(error.values()), abs=1e-3)
    assert gap_before == pytest.approx(all_of_them.worst_gap, abs=1e-3)
    assert abs(gap_after) < 0.05
    assert json.loads(json.dumps(record)) == record


@torch.no_grad()
def test_the_file_holds_the_same_network_with_maps(found, tmp_path):
    base = replace(
        loaded(small_lite()), metadata={"recipe": '{"steps": 7}', "card": "knows nothing"}
    )
    path = tmp_path / "m.safetensors"
    write_model(base, found.calibration, path, {"masks": 180})
    again = load_model(path, device="cpu")
    assert json.loads(again.metadata["recipe"]) == {
        "steps": 7,
        "score_calibration": {"masks": 180},
    }
    assert again.metadata["card"] == "knows nothing"
    assert not base.sam.mask_decoder.is_calibrated
    prompts = prompts_of([[(20.0, 30.0)]], [[1]])
    raw = base.sam.decode(features_of(base.sam), prompts)
    answer = again.sam.decode(features_of(again.sam), prompts)
    assert torch.equal(answer.low_res_logits, raw.low_res_logits)
    right = found.calibration(raw.iou, torch.zeros(1, 1, dtype=torch.int64))
    torch.testing.assert_close(answer.iou, right, atol=1e-6, rtol=0)
    bare = with_raw_scores(again)
    assert torch.equal(bare.sam.decode(features_of(bare.sam), prompts).iou, raw.iou)
    assert again.sam.mask_decoder.is_calibrated


def test_published_models_keep_their_scores(found):
    with pytest.raises(ConfigError, match="architecture small scores masks as published"):
        with_calibration(loaded(small_vit()).sam, found.calibration)


def test_training_begins_without_maps(found, tmp_path):
    from anymask.model.configs import tiny
    from anymask.train.build import build_model
    from anymask.train.recipes import default_model

    base = loaded(tiny(64))
    write_model(base, found.calibration, tmp_path / "m.safetensors", {})
    recipe = replace(default_model(tmp_path / "m.safetensors"), architecture=tiny(64))
    model = build_model(recipe)
    assert isinstance(model, Sam)
    assert not model.mask_decoder.is_calibrated
    assert model.state_dict().keys() == base.sam.state_dict().keys()

"""What is measured around a fine-tuning, and how it is told."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from anymask.data.shards import read_shards
from anymask.errors import InputError, StateError
from anymask.evaluate.compare import as_loaded, compare
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.train.before_after import (
    Measured,
    Questions,
    before_after_sheet,
    judge,
    limited,
    measure,
    measured_before,
    report,
)
from anymask.train.sheet import GAP_PX, PANEL_PX
from tests.scenes import write_shard


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    shard = write_shard(tmp_path_factory.mktemp("scenes") / "discs.tar", 3)
    return tuple(read_shards([shard]))


@pytest.fixture(scope="module")
def loaded():
    torch.manual_seed(0)
    return as_loaded(Sam(tiny(64)).eval())


def rows(*values):
    """One mask a picture; every figure is the value."""
    figures = ("click", "oracle", "clicks_3", "box")
    return [
        {"set": "s", "picture": str(n), "mask": 0.0, **dict.fromkeys(figures, value)}
        for n, value in enumerate(values)
    ]


def test_every_mask_of_both_kinds_of_pictures_is_asked_about(loaded, pictures):
    seen = []
    questions = Questions(held_out=pictures[:2], general=pictures[2:])
    measured = measure(loaded, questions, lambda: seen.append(1))
    assert [(row["picture"], row["mask"]) for row in measured.held_out] == [
        (f"discs_00{picture}", float(mask)) for picture in (0, 1) for mask in (0, 1, 2)
    ]
    assert {row["picture"] for row in measured.general} == {"discs_002"}
    assert len(seen) == 3


def test_the_base_is_asked_once_a_run_and_again_for_other_questions(
    loaded, pictures, tmp_path, monkeypatch
):
    questions = Questions(held_out=pictures[:1], general=pictures[1:2])
    first = measured_before(loaded, questions, tmp_path)
    seen = []

    def counted(*_):
        seen.append(1)
        return first

    monkeypatch.setattr("anymask.train.before_after.measure", counted)
    assert (measured_before(loaded, questions, tmp_path), seen) == (first, [])
    measured_before(loaded, replace(questions, held_out=pictures[2:]), tmp_path)
    assert seen == [1]
    (tmp_path / "before.json").write_text("half of")
    measured_before(loaded, questions, tmp_path)
    assert seen == [1, 1]


def test_a_better_model_is_not_scolded():
    before = Measured(held_out=rows(0.5, 0.6), general=rows(0.7, 0.7))
    after = Measured(held_out=rows(0.7, 0.8), general=rows(0.69, 0.7))
    verdict = judge(before, after)
    assert (verdict.worse, verdict.forgotten) == (None, None)
    assert verdict.held_out["figures"]["box"]["difference"] == pytest.approx(0.2)
    kept = json.loads(json.dumps(report(verdict, before, after)))
    assert compare(**kept["rows"]["held_out"])["rows"] == kept["held_out"]["rows"]


def test_harm_is_said_plainly():
    verdict = judge(
        Measured(held_out=rows(0.7, 0.8), general=rows(0.7, 0.8)),
        Measured(held_out=rows(0.6, 0.7), general=rows(0.5, 0.6)),
    )
    assert verdict.worse == (
        "the trained model is worse on the held-out pictures than the base: mean IoU 0.750 became "
        "0.650; keep the base, or train with a lower rate or more pictures"
    )
    assert verdict.forgotten is not None
    assert "fell from 0.750 to 0.550" in verdict.forgotten


def test_answers_to_other_questions_are_not_compared():
    before, after = rows(0.5, 0.5), rows(0.5, 0.5)
    after[1]["picture"] = "other"
    with pytest.raises(InputError, match="not of the same masks"):
        judge(Measured(held_out=before, general=before), Measured(held_out=after, general=before))


def test_the_sheet_shows_different_masks_of_different_pictures(loaded, pictures):
    torch.manual_seed(1)
    other = as_loaded(Sam(tiny(64)).eval())
    sheet = before_after_sheet(loaded, other, pictures)
    assert sheet.shape[1] == 6 * (PANEL_PX + GAP_PX) + GAP_PX
    side = PANEL_PX + GAP_PX
    before, after = sheet[:, 2 * side : 4 * side], sheet[:, 4 * side : 6 * side]
    assert (before != after).any()
    same = before_after_sheet(loaded, loaded, pictures)
    heading = 40
    np.testing.assert_array_equal(
        same[heading:, 2 * side : 4 * side], same[heading:, 4 * side : 6 * side]
    )


def test_a_sheet_needs_a_mask(loaded, pictures):
    with pytest.raises(StateError, match="no picture has a mask to draw"):
        before_after_sheet(loaded, loaded, [replace(pictures[0], runs=())])


def test_questions_are_limited_by_their_masks(pictures):
    assert [p.name for p in limited(pictures, 6)] == ["discs_000", "discs_001"]
    assert [p.name for p in limited(pictures, 1)] == ["discs_000"]
    assert limited((), 1) == ()

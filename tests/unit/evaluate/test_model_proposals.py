"""What everything mode proposes, ranked and counted, and what is told about it."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import torch

from anymask.data.shards import read_shards
from anymask.evaluate.proposal_report import (
    proposal_record,
    proposal_table,
    recall_interval,
)
from anymask.evaluate.proposals import NUMBERS, SIZES, Recalled, average_recall
from anymask.evaluate.selection import choose_questions
from anymask.evaluate.tasks import proposals as task
from anymask.evaluate.tasks.proposals import (
    PROPOSAL_SETTINGS,
    ProposalRow,
    evaluate_proposals,
    model_proposals,
)
from anymask.everything.generate import find_all
from anymask.image.read import read_picture
from anymask.masks.rle import runs_of
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.predict.encode import embed_pictures
from anymask.weights.loaded import LoadedModel
from tests.scenes import write_shard

FEW_POINTS = replace(PROPOSAL_SETTINGS, points_per_side=4)


def recall_of(found, number):
    """Average recall where there are objects."""
    recall = average_recall(found, number)
    assert recall is not None
    return recall


@pytest.fixture(scope="module")
def loaded():
    torch.manual_seed(0)
    return LoadedModel(
        sam=Sam(tiny(64)).eval().requires_grad_(requires_grad=False),
        name="tiny",
        sha256="0" * 64,
        origin="test",
        device=torch.device("cpu"),
        dtype=torch.float32,
        metadata={},
        notes=(),
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    return list(read_shards([write_shard(folder / "b.tar", 2), write_shard(folder / "a.tar", 1)]))


@pytest.fixture(scope="module")
def rows(loaded, pictures):
    questions = choose_questions(pictures, 10, 1000, 0)
    return evaluate_proposals(loaded, questions, settings=FEW_POINTS)


def test_settings_are_those_of_the_experiment():
    assert PROPOSAL_SETTINGS.points_per_side == 64
    assert PROPOSAL_SETTINGS.pred_iou_thresh == PROPOSAL_SETTINGS.stability_score_thresh == 0
    assert PROPOSAL_SETTINGS.box_nms_thresh == 0.9
    assert PROPOSAL_SETTINGS.crop_n_layers == 0
    assert task.MOST_PROPOSALS == 1000


def test_masks_are_ranked_by_the_mean_of_both_scores(loaded, pictures, monkeypatch):
    (embedding,) = embed_pictures(loaded, [read_picture(pictures[0].encoded)])
    settings = replace(FEW_POINTS, box_nms_thresh=1.0)
    masks = find_all(loaded, embedding, settings).masks
    assert len(masks) > 5
    stable = [mask.finding.stability_score for mask in masks if mask.finding]
    ranks = masks.scores + np.nan_to_num(stable)
    expected = [runs_of(masks[i].rle) for i in np.argsort(-ranks, kind="stable")]
    ranked = model_proposals(loaded, embedding, settings)
    assert len(ranked) == len(expected)
    for one, other in zip(ranked, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(task, "MOST_PROPOSALS", 3)
    few = model_proposals(loaded, embedding, settings)
    assert len(few) == 3
    for one, other in zip(few, expected[:3], strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_row_a_picture_and_method(rows):
    assert [(row.set_name, row.method) for row in rows] == [
        (name, method) for name in ("a", "b", "b") for method in ("model", "felzenszwalb")
    ]
    for row in rows:
        assert row.recalled.objects["all"] == 3
        assert 0 < row.proposals <= 1000
        assert row.seconds > 0
        found = row.recalled.found["all"]
        assert found[1][0] <= found[1000][0] <= 3
    regions = [row.recalled for row in rows if row.method == "felzenszwalb"]
    assert recall_of(regions, 1000) > 0.7


def test_progress_counts_pictures_and_the_baseline_can_be_left_out(loaded, pictures):
    seen = []
    some = evaluate_proposals(
        loaded,
        choose_questions(pictures, 1, 1000, 0),
        with_classical=False,
        settings=FEW_POINTS,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 2), (2, 2)]
    assert {row.method for row in some} == {"model"}


def row_of(set_name, method, hits, objects):
    """A row whose hits are found at every threshold by every number of proposals."""
    sizes = {size: objects * (size in ("all", "large")) for size in SIZES}
    found = {size: dict.fromkeys(NUMBERS, (hits * (sizes[size] > 0),) * 10) for size in sizes}
    return ProposalRow(
        set_name=set_name,
        picture=f"{set_name}_{hits}",
        method=method,
        proposals=100 * hits,
        seconds=1.0,
        recalled=Recalled(objects=sizes, found=found),
    )


def test_table_marks_in_domain_sets_and_sizes_that_are_not_there():
    some = [
        row_of("wbc", "model", 1, 2),
        row_of("wbc", "model", 3, 4),
        row_of("coco128", "felzenszwalb", 1, 4),
    ]
    table = proposal_table(some, "tiny")
    assert table["columns"][-3:] == ["small", "medium", "large"]
    first, *_, last = table["rows"]
    assert first == [
        "coco128 (in-domain)", "Felzenszwalb", "100", "0.250", "0.250–0.250",
        None, None, "0.250",
    ]  # fmt: skip
    assert last[:4] == ["wbc", "tiny", "1000", "0.667"]
    assert all(len(line) == len(table["columns"]) for line in table["rows"])


def test_interval_holds_the_recall_and_is_a_point_for_pictures_alike():
    different = [row_of("a", "model", hits, 4).recalled for hits in (0, 1, 2, 4)]
    low, high = recall_interval(different, 100)
    assert low < recall_of(different, 100) < high
    assert recall_interval(different[2:3] * 5, 100) == (0.5, 0.5)


def test_interval_leaves_out_draws_without_any_object():
    few = [row_of("a", "model", 0, 0).recalled, row_of("a", "model", 1, 2).recalled]
    assert recall_interval(few, 100) == (0.5, 0.5)
    assert recall_interval(few[:1], 100) == (0.0, 0.0)


def test_record_says_how_it_came_to_be_and_is_json(loaded, rows):
    record = proposal_record(
        loaded, rows, "anymask evaluate", day=date(2026, 1, 2), settings=FEW_POINTS
    )
    told = json.loads(json.dumps(record))
    assert (told["name"], told["date"], told["commit"]) == ("proposals", "2026-01-02", "unknown")
    assert told["model"]["sha256"] == loaded.sha256
    assert told["settings"]["points_per_side"] == 4
    assert len(told["rows"]) == len(rows)
    figures = {(one["set"], one["method"]): one for one in told["recall"]}
    assert set(figures) == {(a, b) for a in ("a", "b") for b in ("model", "felzenszwalb")}
    found = [row.recalled for row in rows if (row.set_name, row.method) == ("b", "felzenszwalb")]
    one = figures["b", "felzenszwalb"]
    assert one["average_recall"]["100"]["all"] == round(recall_of(found, 100), 4)
    assert one["objects"]["all"] == 6
    assert one["average_recall"]["100"]["large"] is None

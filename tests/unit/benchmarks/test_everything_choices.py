"""How thresholds are tried, and that measured proposals are read back as they were."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import presets
import proposals
import pytest

from anymask.data.picture import AnnotatedPicture
from anymask.evaluate.proposals import NUMBERS, recalled
from anymask.evaluate.tasks.proposals import ProposalRow
from anymask.everything.candidates import ROW, Candidates, Floors
from anymask.everything.kept import PictureOf, save_candidates
from anymask.everything.presets import PRESETS, preset
from anymask.everything.settings import EverythingSettings
from anymask.masks.rle import compress, counts_of


def picture_of(set_name, *masks):
    """An annotated picture with these masks."""
    return AnnotatedPicture(
        set_name=set_name,
        name=f"{set_name}_1",
        encoded=b"",
        size_hw=masks[0].shape,
        runs=tuple(counts_of(mask) for mask in masks),
    )


def square(x, y, side):
    """A square's mask, bool (40, 50)."""
    mask = np.zeros((40, 50), np.bool_)
    mask[y : y + side, x : x + side] = True
    return mask


def candidates_of(*scored):
    """Candidates of the picture: mask, predicted IoU, stability."""
    rows = np.zeros(len(scored), ROW)
    for row, (mask, pred_iou, stability) in zip(rows, scored, strict=True):
        ys, xs = np.nonzero(mask)
        row["predicted_iou"], row["stability_score"] = pred_iou, stability
        row["box"] = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        row["area"] = mask.sum()
    return Candidates(
        size_hw=(40, 50),
        rows=rows,
        codes=[compress(counts_of(mask)) for mask, *_ in scored],
        crops=((0, 0, 50, 40),),
        settings=EverythingSettings(),
        floors=Floors(),
        num_prompts=len(scored),
        left_out={},
    )


def test_counts_of_masks_and_objects():
    shares = np.array([[0.9, 0.0, 0.1], [0.6, 0.55, 0.0], [0.2, 0.3, 0.0]])
    assert presets.counted(shares, is_judged=True).tolist() == [3, 3, 2, 1, 3, 2]
    assert presets.counted(shares, is_judged=False).tolist() == [3, 3, 2, 1, 0, 0]
    assert presets.counted(np.zeros((0, 3)), is_judged=True).tolist() == [0, 3, 0, 0, 0, 0]


def test_a_curve_follows_the_thresholds(tmp_path):
    one, other, wrong = square(2, 2, 12), square(30, 20, 14), square(20, 2, 9)
    found = candidates_of((one, 0.9, 0.9), (other, 0.6, 0.7), (wrong, 0.45, 0.9))
    told = PictureOf(name="x", sha256="", model="", model_sha256="")
    shown = picture_of("bsds500", one, other)
    save_candidates(found, told, presets.file_of(shown, tmp_path))
    curve = {
        (point["pred_iou_thresh"], point["stability_score_thresh"]): point
        for point in presets.curve("default", [shown], tmp_path)
    }
    assert len(curve) == len(presets.PRED_IOU) * len(presets.STABILITY)
    everything, strict, stable = curve[0.4, 0.0], curve[0.65, 0.0], curve[0.4, 0.8]
    assert (everything["masks_a_picture"], everything["recall_50"]) == (3, 1)
    assert everything["precision_50"] == pytest.approx(2 / 3, abs=1e-4)
    assert (strict["masks_a_picture"], strict["recall_70"], strict["precision_50"]) == (1, 0.5, 1)
    assert (stable["masks_a_picture"], stable["recall_50"]) == (2, 0.5)
    assert everything["f1_50"] == pytest.approx(0.8)
    assert presets.recommended("default", list(curve.values()))["f1_50"] == 1


def test_dense_finds_most_within_its_number_of_masks():
    def point(masks, recall, balance):
        return {"masks_a_picture": masks, "recall_50": recall, "precision_50": 0.1,
                "f1_50": balance}  # fmt: skip

    few, many, too_many = point(10, 0.3, 0.3), point(90, 0.4, 0.2), point(400, 0.6, 0.1)
    assert presets.recommended("dense", [few, many, too_many]) == many
    assert presets.recommended("default", [few, many, too_many]) == few


def test_wholes_are_no_part_of_another():
    whole, part, alone = square(2, 2, 20), square(4, 4, 8), square(30, 20, 12)
    wholes = presets.wholes_of(picture_of("a", part, whole, alone))
    assert [runs.tolist() for runs in wholes] == [
        counts_of(mask).tolist() for mask in (whole, alone)
    ]


@pytest.mark.parametrize("name", presets.MEASURED)
def test_what_a_preset_has_was_tried(name):
    settings = preset(name, is_embedded=True)
    assert settings.pred_iou_thresh in presets.PRED_IOU
    assert settings.stability_score_thresh in presets.STABILITY
    pairs = [pair for pair, _ in presets.tried(PRESETS[name])]
    points = [
        dict.fromkeys(("masks_a_picture", "recall_50", "recall_70", "precision_50"), 0.25)
        | {"pred_iou_thresh": pair[0], "stability_score_thresh": pair[1]}
        for pair in pairs
    ]
    published, own = presets.rows_of(name, points)
    assert published[1:3] == ["0.88", "0.95"]
    assert own[1:3] == [str(settings.pred_iou_thresh), str(settings.stability_score_thresh)]
    assert own[3:] == ["0.2", "0.250", "0.250", "0.250"]
    with pytest.raises(SystemExit, match=f"{name}: .* was not tried"):
        presets.rows_of(name, points[:1])
    assert len(set(pairs)) == len(pairs) == len(presets.PRED_IOU) * len(presets.STABILITY)


def test_pictures_come_in_turn_from_all_sets(monkeypatch):
    held = [replace(picture_of(name, square(0, 0, 5)), name=f"{name}{n}")
            for name in "ab" for n in range(3)]  # fmt: skip
    monkeypatch.setattr(presets, "find_shards", lambda _: ())
    monkeypatch.setattr(presets, "read_shards", lambda _: held)
    monkeypatch.setattr(presets, "is_validation", lambda name: name != "a0.jpg")
    assert [one.name for one in presets.held_back(Path(), 2)] == ["a1", "b0", "a2", "b1"]


def test_measured_rows_are_read_back_and_a_cut_line_is_left_out(tmp_path):
    row = ProposalRow(
        set_name="a",
        picture="p",
        method="model",
        proposals=7,
        seconds=1.5,
        recalled=recalled(np.array([[0.7, 0.1]]), [50, 5000]),
    )
    kept = tmp_path / "rows.jsonl"
    assert proposals.read_rows(kept) == []
    line = json.dumps(asdict(row))
    kept.write_text(f"{line}\n{line[:30]}")
    (read,) = proposals.read_rows(kept)
    assert read == row
    assert set(read.recalled.found["small"]) == set(NUMBERS)

"""A picture becomes all its masks."""

from dataclasses import replace

import numpy as np
import pytest
from pycocotools import mask as coco

from anymask.errors import ConfigError, StateError
from anymask.everything.candidates import Floors
from anymask.everything.fate import Filter
from anymask.everything.generate import choose, find_all
from anymask.everything.propose import propose
from anymask.everything.settings import EverythingSettings
from anymask.image.picture import Picture
from anymask.predict.encode import embed_batch
from tests.unit.everything.answering import HEIGHT, WIDTH, Disc, answering_model, embedded

SETTINGS = EverythingSettings(points_per_side=8)
DISCS = (Disc(32, 32, 18), Disc(90, 60, 24), Disc(90, 60, 10, score=0.92))


def is_on_disk(codes):
    return codes._spool._file._rolled


def share(mask, truth):
    return np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth)


@pytest.mark.parametrize("mode", ["exact", "fast", "adaptive"])
def test_every_thing_is_found_once(monkeypatch, mode):
    loaded = answering_model(monkeypatch, *DISCS)
    found = find_all(loaded, embedded(loaded), replace(SETTINGS, mode=mode))
    assert len(found.masks) == 3
    for disc, mask in zip(sorted(DISCS, key=lambda one: -one.score), found.masks, strict=True):
        assert mask.score == pytest.approx(disc.score)
    for disc in DISCS:
        assert max(share(mask.array, disc.mask()) for mask in found.masks) > 0.8


def test_a_mask_knows_how_it_was_found(monkeypatch):
    loaded = answering_model(monkeypatch, DISCS[0])
    (mask,) = find_all(loaded, embedded(loaded), SETTINGS).masks
    assert mask.finding is not None
    x, y = mask.finding.point
    assert DISCS[0].mask()[int(y), int(x)]
    assert mask.finding.crop_box == (0, 0, WIDTH, HEIGHT)
    assert 0.9 < mask.finding.stability_score <= 1
    assert mask.low_res_logits is None
    assert mask.area == np.count_nonzero(mask.array) == int(coco.area(mask.rle))
    x0, y0, x1, y1 = mask.box
    assert coco.toBbox(mask.rle).tolist() == [x0, y0, x1 - x0, y1 - y0]


def test_modes_differ_in_the_way_not_in_the_masks(monkeypatch):
    loaded = answering_model(monkeypatch, *DISCS)
    codes = [
        {mask.rle["counts"] for mask in find_all(loaded, embedded(loaded), chosen).masks}
        for chosen in (SETTINGS, replace(SETTINGS, mode="fast"))
    ]
    assert codes[0] == codes[1]


def test_adaptive_asks_less_and_finds_the_same(monkeypatch):
    loaded = answering_model(monkeypatch, Disc(50, 55, 35), Disc(110, 20, 14))
    settings = EverythingSettings(points_per_side=32)
    exact = find_all(loaded, embedded(loaded), settings)
    adaptive = find_all(loaded, embedded(loaded), replace(settings, mode="adaptive"))
    assert exact.candidates.num_prompts == 32 * 32
    # What lies on the ground is hopeless, what lies on the large disc is settled.
    assert adaptive.candidates.num_prompts < 0.6 * 32 * 32
    assert len(exact.masks) == len(adaptive.masks) == 2
    assert {one.rle["counts"] for one in adaptive.masks} == {
        one.rle["counts"] for one in exact.masks
    }


def test_crops_see_what_the_whole_picture_does_not(monkeypatch):
    loaded = answering_model(monkeypatch, *DISCS)
    settings = replace(SETTINGS, crop_n_layers=1)
    found = find_all(loaded, embedded(loaded), settings)
    # The network sees crops like pictures: discs lie there too, and some are cut off.
    assert found.selection.counts()[Filter.CROP_EDGE] > 0
    assert len(found.candidates.crops) == 5
    assert found.candidates.num_prompts == 5 * 64
    for mask in found.masks:
        assert mask.finding is not None
        x0, y0, x1, y1 = mask.finding.crop_box
        left, top, right, bottom = mask.box
        assert x0 <= left < right <= x1
        assert y0 <= top < bottom <= y1


def test_pixels_without_a_value_are_in_no_mask(monkeypatch):
    loaded = answering_model(monkeypatch, DISCS[0])
    no_data = np.zeros((HEIGHT, WIDTH), bool)
    no_data[:, :32] = True
    (whole,) = find_all(loaded, embedded(loaded), SETTINGS).masks
    (cut,) = find_all(loaded, embedded(loaded, no_data), SETTINGS).masks
    np.testing.assert_array_equal(cut.array, whole.array & ~no_data)
    assert cut.box[0] == 32


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_a_thing_without_any_value_is_no_mask(monkeypatch, mode):
    loaded = answering_model(monkeypatch, *DISCS)
    no_data = np.zeros((HEIGHT, WIDTH), bool)
    no_data[:, :64] = True
    found = find_all(loaded, embedded(loaded, no_data), replace(SETTINGS, mode=mode))
    assert len(found.masks) == 2
    assert all(mask.area > 0 for mask in found.masks)
    assert found.candidates.left_out["no_data"] > 0


def test_a_plain_picture_has_no_masks(monkeypatch):
    loaded = answering_model(monkeypatch)
    found = find_all(loaded, embedded(loaded), replace(SETTINGS, crop_n_layers=1))
    assert len(found.masks) == 0
    assert found.candidates.left_out["pred_iou_thresh"] == 3 * 5 * 64
    assert found.masks.arrays.shape == (0, 0, 0)
    assert found.masks.tree.roots == ()
    np.testing.assert_array_equal(found.masks.label_map().labels, np.zeros((HEIGHT, WIDTH)))


def test_filtering_afterwards_gives_what_a_run_with_those_thresholds_gives(monkeypatch):
    loaded = answering_model(monkeypatch, *DISCS, Disc(60, 20, 12, score=0.7, slope=0.4))
    embedding = embedded(loaded)
    kept = find_all(loaded, embedding, SETTINGS, floors=Floors()).candidates
    assert len(kept) == 3 * 64
    for pred_iou, stability, number in [(0.5, 0.3, 4), (0.8, 0.9, 3), (0.94, 0.95, 2)]:
        wanted = replace(SETTINGS, pred_iou_thresh=pred_iou, stability_score_thresh=stability)
        direct = find_all(loaded, embedding, wanted)
        later = choose(kept, wanted, frame=embedding.frame)
        assert len(later.masks) == number
        assert [mask.rle for mask in later.masks] == [mask.rle for mask in direct.masks]
        assert later.masks.scores.tolist() == direct.masks.scores.tolist()
    all_four = replace(SETTINGS, pred_iou_thresh=0.5, stability_score_thresh=0.1)
    assert len(choose(kept, all_four).masks) == 4


@pytest.mark.parametrize("size_hw", [(1, 1), (2, 3), (1, 300), (300, 1)])
@pytest.mark.parametrize("layers", [1, 3])
def test_crops_of_pictures_of_a_few_pixels_that_are_empty_are_left_out(
    monkeypatch, size_hw, layers
):
    loaded = answering_model(monkeypatch)
    picture = Picture(pixels=np.zeros((*size_hw, 3), np.uint8))
    (embedding,) = embed_batch(loaded, (picture,))
    found = find_all(loaded, embedding, replace(SETTINGS, crop_n_layers=layers))
    assert len(found.masks) == 0
    assert all(x0 < x1 and y0 < y1 for x0, y0, x1, y1 in found.candidates.crops)


def test_progress_counts_every_point(monkeypatch):
    loaded = answering_model(monkeypatch, *DISCS)
    told = []
    settings = replace(SETTINGS, crop_n_layers=1, points_per_batch=10)
    propose(loaded, embedded(loaded), settings, on_progress=lambda *step: told.append(step))
    assert told[-1] == (320, 320)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {in_all for _, in_all in told} == {320}


def test_crops_need_the_picture(monkeypatch):
    loaded = answering_model(monkeypatch, *DISCS)
    embedding = replace(embedded(loaded), picture=None)
    assert len(find_all(loaded, embedding, SETTINGS).masks) == 3
    with pytest.raises(StateError, match="does not carry its picture"):
        find_all(loaded, embedding, replace(SETTINGS, crop_n_layers=1))


def test_masks_move_to_the_disk_where_memory_is_short(monkeypatch):
    loaded = answering_model(monkeypatch, *DISCS)
    embedding = embedded(loaded)
    usual = find_all(loaded, embedding, SETTINGS)
    monkeypatch.setattr("anymask.everything.memory.USUAL_SPOOL_BYTES", 1)
    for mode in ("exact", "fast"):
        spooled = find_all(loaded, embedding, replace(SETTINGS, mode=mode))
        assert is_on_disk(spooled.candidates.codes)
        assert [one.rle for one in spooled.masks] == [one.rle for one in usual.masks]


def test_a_budget_that_cannot_be_held_is_refused_with_what_is_needed(monkeypatch):
    loaded = answering_model(monkeypatch, *DISCS)
    with pytest.raises(ConfigError, match=r"max_memory is 1 MB, .* need \d+ MB"):
        find_all(loaded, embedded(loaded), SETTINGS, budget_bytes=10**6)

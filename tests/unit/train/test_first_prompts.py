"""Conversations begin as people begin them, and every prompt looks as it does in use."""

import cv2
import numpy as np
import pytest
import torch
from scipy import stats

from anymask.data.clicks import centre_click, tight_box
from anymask.data.rough_masks import rough_mask
from anymask.image.frame import frame_for
from anymask.predict.decode import model_points
from anymask.predict.rough_mask import read_mask
from anymask.train.batch import TrainingBatch
from anymask.train.first_prompts import (
    Shares,
    box_and_click,
    click_or_box,
    open_conversation,
    published_places,
    rough_prompts,
)
from anymask.vocabulary import Prompt
from tests.unit.train.conversations import small_batch, small_model


@pytest.fixture(scope="module")
def batch() -> TrainingBatch:
    return small_batch(small_model(), masks=8)


def test_first_prompt_is_a_padded_click_or_a_box(batch: TrainingBatch) -> None:
    is_box = torch.zeros(2, 8, dtype=torch.bool)
    is_box[0, 0] = True
    prompts = click_or_box(batch.clicks, batch.boxes, is_box)
    assert prompts.labels[0, :2].tolist() == [[2, 3], [1, -1]]
    torch.testing.assert_close(prompts.points[0, 0].flatten(), batch.boxes[0, 0])
    torch.testing.assert_close(prompts.points[0, 1, 0], batch.clicks[0, 1])
    assert prompts.mask_logits is None


def test_box_and_click_are_ordered_as_the_predictor_orders_them(batch: TrainingBatch) -> None:
    prompts = box_and_click(batch.clicks, batch.boxes)
    x, y = batch.clicks[1, 2].tolist()
    asked = Prompt(points=((x, y),), labels=(1,), box=tuple(batch.boxes[1, 2].tolist()))
    points, labels = model_points(asked, frame_for((64, 64), 64))
    np.testing.assert_allclose(prompts.points[1, 2].numpy(), points, atol=1e-5)
    assert prompts.labels[1, 2].tolist() == labels


@pytest.mark.parametrize("with_click", [True, False])
def test_rough_masks_are_logits_as_the_predictor_makes_them(
    batch: TrainingBatch, *, with_click: bool
) -> None:
    prompts = rough_prompts(batch.targets, np.random.default_rng(0), with_click=with_click)
    logits = prompts.mask_logits
    assert logits is not None
    assert logits.shape == (2, 8, 1, 16, 16)
    assert logits.amin((2, 3, 4)).tolist() == [[-8.0] * 8] * 2
    assert logits.amax((2, 3, 4)).tolist() == [[8.0] * 8] * 2
    assert (logits.abs() < 8).any()  # soft borders
    inside = logits[:, :, 0] > 0
    assert inside.any((2, 3)).all()
    overlap = (inside & (batch.targets > 0.5)).any((2, 3))
    assert overlap.float().mean() > 0.9
    if not with_click:
        assert prompts.labels.tolist() == [[[-1]] * 8] * 2
        return
    assert prompts.labels.tolist() == [[[1, -1]] * 8] * 2
    rng = np.random.default_rng(0)
    for row, column in np.ndindex(2, 8):
        fine = np.kron(batch.targets[row, column].numpy() > 0.5, np.ones((2, 2), bool))
        x, y = ((prompts.points[row, column, 0] + 0.5) / 2 - 0.5).round().long().tolist()
        assert (x, y) == centre_click(rough_mask(fine, rng))
        # In use, the same drawing at the frame's size gives the same logits and click.
        drawn = cv2.resize(
            (logits[row, column, 0].numpy() > 0).astype(np.uint8), (64, 64), interpolation=0
        )
        used = read_mask(drawn.astype(bool), frame_for((64, 64), 64), (16, 16))
        agree = (used.logits > 0) == (logits[row, column, 0].numpy() > 0)
        assert agree.all()


def test_published_click_is_anywhere_inside_and_every_box_is_noisy(batch: TrainingBatch) -> None:
    rng, target = np.random.default_rng(0), batch.targets[:1, :1].expand(1, 4000, -1, -1)
    clicks, boxes = published_places(target, rng)
    cells = ((clicks[0] - 1.5) / 4).long()
    true = batch.targets[0, 0] > 0.5
    counts = torch.zeros(16, 16)
    counts.index_put_((cells[:, 1], cells[:, 0]), torch.ones(4000), accumulate=True)
    assert counts[~true].sum() == 0
    assert stats.chisquare(counts[true].numpy()).pvalue > 0.001
    tight = 4 * np.array(tight_box(true.numpy()))
    width = tight[2] - tight[0]
    noise = boxes[0, :, 2].numpy() - tight[2]
    assert np.std(noise) == pytest.approx(0.1 * width, rel=0.1)
    assert np.abs(boxes[0].numpy() - tight).max() <= 20


def test_without_new_kinds_all_columns_are_a_click_or_a_box(batch: TrainingBatch) -> None:
    rng = np.random.default_rng(0)
    (opening,) = open_conversation(batch, Shares(box=0.4), rng, is_published=False)
    assert opening.is_lone
    expected = np.random.default_rng(0).random((2, 8)) < 0.4
    np.testing.assert_array_equal(opening.is_box.numpy(), expected)
    torch.testing.assert_close(opening.targets, batch.targets)
    torch.testing.assert_close(opening.prompts.points[0, 0, 0], batch.clicks[0, 0])


def test_shares_of_columns_begin_in_new_ways(batch: TrainingBatch) -> None:
    counts: dict[tuple[int, ...], int] = {}
    rng, shares = np.random.default_rng(0), Shares(box=0.5, box_and_click=0.3, rough_mask=0.4)
    for _ in range(100):
        openings = open_conversation(batch, shares, rng, is_published=True)
        assert sum(opening.targets.shape[1] for opening in openings) == 8
        for opening in openings:
            labels = opening.prompts.labels
            assert opening.is_lone == (opening.prompts.mask_logits is None and labels.shape[2] == 2)
            key = () if opening.is_lone else tuple(labels[0, 0].tolist())
            counts[key] = counts.get(key, 0) + labels.shape[1]
    shown = {key: count / 800 for key, count in counts.items()}
    assert shown == pytest.approx({(): 0.3, (1, 2, 3): 0.3, (-1,): 0.2, (1, -1): 0.2}, abs=0.05)


def test_share_of_one_takes_every_column(batch: TrainingBatch) -> None:
    shares = Shares(box=0.5, box_and_click=0.9, rough_mask=0.1)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        openings = open_conversation(batch, shares, rng, is_published=False)
        assert not any(opening.is_lone for opening in openings)


def test_mask_without_pixels_is_asked_about_without_failing(batch: TrainingBatch) -> None:
    empty = torch.zeros_like(batch.targets)
    clicks, boxes = published_places(empty, np.random.default_rng(0))
    assert clicks.min() >= 0
    assert boxes.max() <= 64
    rough = rough_prompts(empty, np.random.default_rng(0), with_click=True)
    assert torch.isfinite(rough.mask_logits).all()  # type: ignore[arg-type]

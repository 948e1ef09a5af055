"""Prompts are drawn where they are."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from anymask.model.click_maps import draw_box, draw_clicks, draw_logits, sample, similarity
from anymask.model.prompt_encoder import PromptBatch
from tests.unit.model.seeded import features_of, numbers, prompts_of, small_lite

HEIGHT, WIDTH = 12, 16
NARROW, WIDE = 1.5, WIDTH / 12


def unit(*cells: tuple[float, float]) -> torch.Tensor:
    """One prompt's points, given in cells, as (1, 1, N, 2) in [0, 1]."""
    return torch.tensor([[cells]]) / torch.tensor([WIDTH, HEIGHT])


def labels(*values: int) -> torch.Tensor:
    return torch.tensor([[values]])


def hill(x: float, y: float, sigma: float) -> torch.Tensor:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    squared = (columns - x) ** 2 + (rows - y) ** 2
    return torch.from_numpy(np.exp(-squared / (2 * sigma**2))).float()


def test_clicks_are_hills_narrow_and_wide_by_label():
    maps = draw_clicks(unit((3.5, 2.5), (10.0, 8.0)), labels(1, 0), HEIGHT, WIDTH)
    assert maps.shape == (1, 1, 4, HEIGHT, WIDTH)
    for channel, (x, y, sigma) in enumerate(
        [(3.5, 2.5, NARROW), (10, 8, NARROW), (3.5, 2.5, WIDE), (10, 8, WIDE)]
    ):
        torch.testing.assert_close(maps[0, 0, channel], hill(x, y, sigma))
    assert maps[0, 0, 0, 2, 3] == 1


def test_the_nearest_click_counts():
    maps = draw_clicks(unit((3.5, 2.5), (6.0, 4.0)), labels(1, 1), HEIGHT, WIDTH)
    expected = torch.maximum(hill(3.5, 2.5, NARROW), hill(6, 4, NARROW))
    torch.testing.assert_close(maps[0, 0, 0], expected)
    assert not maps[0, 0, [1, 3]].any()


@pytest.mark.parametrize("label", [-1, 2, 3])
def test_only_clicks_are_drawn_as_clicks(label):
    assert not draw_clicks(unit((3.5, 2.5)), labels(label), HEIGHT, WIDTH).any()


@pytest.mark.parametrize(
    "box", [(2.0, 3.0, 7.0, 9.0), (2.25, 3.5, 7.75, 9.1), (0, 0, WIDTH, HEIGHT), (-3, 2, 4, 20)]
)
def test_a_box_is_drawn_by_the_area_it_covers(box):
    x0, y0, x1, y1 = box
    maps = draw_box(unit((5.0, 5.0), (x0, y0), (x1, y1)), labels(1, 2, 3), HEIGHT, WIDTH)

    def covered(low: float, high: float, cells: int) -> np.ndarray:
        start = np.arange(cells)
        return np.clip(np.minimum(start + 1, high) - np.maximum(start, low), 0, 1)

    expected = np.outer(covered(y0, y1, HEIGHT), covered(x0, x1, WIDTH))
    torch.testing.assert_close(maps[0, 0, 0], torch.from_numpy(expected).float())


def test_without_a_box_none_is_drawn():
    assert not draw_box(unit((3.0, 3.0), (0.0, 0.0)), labels(1, -1), HEIGHT, WIDTH).any()


def test_earlier_logits_are_squeezed():
    logits = torch.tensor([0.0, 4.0, -400.0]).reshape(1, 1, 1, 1, 3)
    batch = PromptBatch(torch.zeros(1, 1, 1, 2), labels(1), logits)
    drawn = draw_logits(batch, 1, 3).flatten()
    torch.testing.assert_close(drawn, torch.tensor([0.0, math.tanh(1), -1.0]))
    assert not draw_logits(batch._replace(mask_logits=None), 2, 2).any()


def test_sampling_gives_the_cell_at_its_centre_and_the_mean_between():
    maps = numbers((1, 5, HEIGHT, WIDTH), 1)
    at = sample(maps, unit((3.5, 2.5), (4.0, 2.5), (-9.0, 2.5)))[0, 0]
    torch.testing.assert_close(at[0], maps[0, :, 2, 3])
    torch.testing.assert_close(at[1], (maps[0, :, 2, 3] + maps[0, :, 2, 4]) / 2)
    torch.testing.assert_close(at[2], maps[0, :, 2, 0])


def test_similarity_is_the_cosine_to_the_most_similar_click():
    maps = numbers((1, 5, HEIGHT, WIDTH), 1)
    places = unit((3.5, 2.5), (8.5, 7.5), (1.5, 1.5))
    drawn = similarity(F.normalize(maps), places, labels(1, 1, 0), 1)
    clicked = torch.stack([maps[0, :, 2, 3], maps[0, :, 7, 8], maps[0, :, 1, 1]])
    cosine = F.cosine_similarity(maps, clicked[:, :, None, None], dim=1)
    torch.testing.assert_close(drawn[0, 0, 0], torch.maximum(cosine[0], cosine[1]))
    torch.testing.assert_close(drawn[0, 0, 1], cosine[2])
    assert drawn[0, 0, 0, 7, 8] == pytest.approx(1)


def test_without_such_a_click_nothing_is_similar():
    maps = numbers((1, 5, 3, 4), 1)
    drawn = similarity(F.normalize(maps), unit((3.5, 2.5)), labels(-1), 4)
    assert drawn.shape == (1, 1, 2, 12, 16)
    assert bool((drawn == -1).all())


@torch.no_grad()
def test_silenced_click_maps_leave_the_published_decoder():
    """With their last layers at zero the model answers like one without them."""
    drawn: Any = small_lite()
    plain = small_lite(has_click_maps=False)
    plain.load_state_dict(
        {k: v for k, v in drawn.state_dict().items() if not k.startswith("click_maps")}
    )
    features, prompts = features_of(drawn), prompts_of([[(20.0, 30.0), (0.0, 0.0)]], [[1, -1]])
    loud = drawn.decode(features, prompts).low_res_logits
    for layer in (drawn.click_maps.coarse[-1], drawn.click_maps.fine[-1], drawn.click_maps.clicked):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    silent, expected = drawn.decode(features, prompts), plain.decode(features, prompts)
    torch.testing.assert_close(silent.low_res_logits, expected.low_res_logits)
    torch.testing.assert_close(silent.iou, expected.iou)
    assert (loud - expected.low_res_logits).abs().mean() > 0.01


@torch.no_grad()
def test_clicked_features_go_to_clicks_alone():
    sam = small_lite()
    features = features_of(sam)
    prompts = prompts_of([[(20.0, 30.0), (5.0, 9.0), (50.0, 60.0), (0.0, 0.0)]], [[1, 0, 2, -1]])
    _, _, clicked = sam.click_maps(features, sam.click_maps.prepare(features), prompts, 64)
    assert clicked.shape == (1, 1, 4, 32)
    assert not clicked[0, 0, 2:].any()
    seen = sample(features.embedding, (prompts.points + 0.5) / 64)
    torch.testing.assert_close(clicked[:, :, :2], sam.click_maps.clicked(seen[:, :, :2]))

"""Prompts become tokens and maps by the rules of the paper, written out here."""

import math

import pytest
import torch

from anymask.model.prompt_encoder import FourierPositions, PromptBatch, PromptEncoder
from tests.unit.model.seeded import fill, numbers

SIDE = 64


@pytest.fixture
def encoder():
    made = PromptEncoder(16)
    fill(made)
    return made


def code(encoder: PromptEncoder, x: float, y: float) -> torch.Tensor:
    """Sines and cosines of a place in [0, 1]², one channel at a time."""
    matrix = encoder.pe_layer.positional_encoding_gaussian_matrix.tolist()
    angles = [
        2 * math.pi * ((2 * x - 1) * a + (2 * y - 1) * b) for a, b in zip(*matrix, strict=True)
    ]
    return torch.tensor([math.sin(a) for a in angles] + [math.cos(a) for a in angles])


@pytest.mark.parametrize("place", [(0.0, 0.0), (31.0, 12.5), (63.0, 63.0), (-4.0, 70.0)])
@pytest.mark.parametrize("label", [0, 1, 2, 3])
def test_a_point_is_its_code_at_the_pixel_centre_and_its_kind(encoder, place, label):
    prompts = PromptBatch(torch.tensor([[[place]]]), torch.tensor([[[label]]]))
    expected = code(encoder, (place[0] + 0.5) / SIDE, (place[1] + 0.5) / SIDE)
    expected = expected + encoder.point_embeddings[label].weight[0]
    found = encoder.sparse(prompts, SIDE)
    assert found.shape == (1, 1, 1, 16)
    torch.testing.assert_close(found[0, 0, 0], expected, rtol=1e-4, atol=1e-5)


def test_padding_has_no_place(encoder):
    points = torch.tensor([[[(0.0, 0.0), (50.0, 3.0)]]])
    tokens = encoder.sparse(PromptBatch(points, torch.tensor([[[-1, -1]]])), SIDE)
    assert torch.equal(tokens[0, 0], encoder.not_a_point_embed.weight.expand(2, 16))


def test_extra_tokens_stand_behind_the_points(encoder):
    points, labels = numbers((2, 3, 2, 2), 1), torch.ones(2, 3, 2, dtype=torch.long)
    extra = numbers((2, 3, 4, 16), 2)
    tokens = encoder.sparse(PromptBatch(points, labels, extra_tokens=extra), SIDE)
    assert tokens.shape == (2, 3, 6, 16)
    assert torch.equal(tokens[:, :, 2:], extra)
    assert torch.equal(tokens[:, :, :2], encoder.sparse(PromptBatch(points, labels), SIDE))


def test_the_grid_holds_the_codes_of_cell_centres_row_by_row(encoder):
    grid = encoder.pe_layer.grid(3, 4)
    assert grid.shape == (12, 16)
    for row in range(3):
        for column in range(4):
            expected = code(encoder, (column + 0.5) / 4, (row + 0.5) / 3)
            torch.testing.assert_close(grid[4 * row + column], expected, rtol=1e-4, atol=1e-5)


def test_the_matrix_travels_with_the_weights_and_is_not_trained():
    layer = FourierPositions(8)
    assert list(layer.state_dict()) == ["positional_encoding_gaussian_matrix"]
    assert list(layer.parameters()) == []
    assert layer.positional_encoding_gaussian_matrix.shape == (2, 4)


def test_without_a_mask_one_vector_stands_everywhere(encoder):
    dense = encoder.dense(None)
    assert dense.shape == (1, 1, 16, 1, 1)
    assert torch.equal(dense.flatten(), encoder.no_mask_embed.weight[0])


def test_a_mask_is_shrunk_fourfold_each_prompt_by_itself(encoder):
    masks = numbers((2, 3, 1, 8, 12), 1)
    dense = encoder.dense(masks)
    assert dense.shape == (2, 3, 16, 2, 3)
    alone = encoder.dense(masks[1:, 2:])
    torch.testing.assert_close(dense[1:, 2:], alone)
    # A cell of the map depends on its own 4 × 4 pixels and on nothing else.
    changed = masks.clone()
    changed[0, 0, 0, 4:8, 8:12] += 1
    differs = (encoder.dense(changed) != dense).any(2)
    assert differs.nonzero().tolist() == [[0, 0, 1, 2]]


def test_a_part_keeps_fields_together():
    points, labels = numbers((1, 5, 2, 2), 1), torch.arange(10).reshape(1, 5, 2)
    batch = PromptBatch(points, labels, attention_bias=numbers((1, 5, 9), 2))
    part = batch.part(slice(1, 3))
    assert torch.equal(part.points, points[:, 1:3])
    assert part.labels.tolist() == [[[2, 3], [4, 5]]]
    assert part.mask_logits is None
    assert part.extra_tokens is None
    assert part.attention_bias is not None
    assert torch.equal(part.attention_bias, numbers((1, 5, 9), 2)[:, 1:3])

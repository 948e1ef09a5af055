"""Projections moved to the tokens' side give what the plain formula gives."""

import pytest
import torch

from anymask.model.cross_attention import (
    Places,
    place_cells,
    project_cells,
    read_image,
    read_tokens,
)
from anymask.model.layers import Attention
from tests.unit.model.seeded import fill, numbers

DIM, CELLS, HEADS = 32, 11, 4
FEW, MANY = 3, 7  # tokens: 4 heads of them are at most, or more than, the 16 channels inside


@pytest.fixture
def looks() -> tuple[Attention, Attention]:
    """Both directions of one layer, in double precision so that nothing hides in rounding."""
    made = Attention(DIM, HEADS, downsample=2), Attention(DIM, HEADS, downsample=2)
    for seed, layer in enumerate(made):
        fill(layer, seed)
        layer.double()
    return made


def draw(*shape: int, seed: int) -> torch.Tensor:
    return numbers(shape, seed).double()


def plain(layer, q, k, v, bias=None):
    """Project everything, then softmax(q·k / √d + bias) v, head by head."""
    q, k, v = (
        x.unflatten(-1, (HEADS, -1)).transpose(-2, -3)
        for x in (layer.q_proj(q), layer.k_proj(k), layer.v_proj(v))
    )
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if bias is not None:
        scores = scores + bias[:, :, None, None]
    return layer.out_proj((scores.softmax(-1) @ v).transpose(-2, -3).flatten(-2))


def shared_or_own(looks, places: Places, *, is_shared: bool):
    """Cells of two pictures and three prompts, projected where they are shared."""
    image = draw(2, 1 if is_shared else 3, CELLS, DIM, seed=2)
    return image, project_cells(image, places, *looks) if is_shared else None


@pytest.mark.parametrize("num_tokens", [FEW, MANY])
@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("has_bias", [False, True])
def test_tokens_read_the_image_as_the_formula_says(looks, num_tokens, is_shared, has_bias):
    pe, tokens = draw(CELLS, DIM, seed=1), draw(2, 3, num_tokens, DIM, seed=3)
    places = place_cells(pe, *looks)
    image, projected = shared_or_own(looks, places, is_shared=is_shared)
    bias = 3 * draw(2, 3, CELLS, seed=4) if has_bias else None
    read = read_image(looks[0], tokens, image, places, bias, projected)
    whole = image.expand(2, 3, -1, -1)
    expected = plain(looks[0], tokens, whole + pe, whole, bias)
    torch.testing.assert_close(read, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("num_tokens", [FEW, MANY])
@pytest.mark.parametrize("is_shared", [False, True])
def test_the_image_reads_tokens_as_the_formula_says(looks, num_tokens, is_shared):
    pe = draw(CELLS, DIM, seed=1)
    keys, values = draw(2, 3, num_tokens, DIM, seed=5), draw(2, 3, num_tokens, DIM, seed=6)
    places = place_cells(pe, *looks)
    image, projected = shared_or_own(looks, places, is_shared=is_shared)
    read = read_tokens(looks[1], image, (keys, values), places, projected)
    whole = image.expand(2, 3, -1, -1)
    expected = whole + plain(looks[1], whole + pe, keys, values)
    assert read.shape == (2, 3, CELLS, DIM)
    torch.testing.assert_close(read, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("is_shared", [False, True])
def test_gradients_are_those_of_the_formula(looks, is_shared):
    pe, tokens = draw(CELLS, DIM, seed=1), draw(2, 3, FEW, DIM, seed=3)
    weights = draw(2, 3, CELLS, DIM, seed=7)
    parameters = [p for layer in looks for p in layer.parameters()]

    def gradients(*, moved: bool) -> list[torch.Tensor]:
        image = draw(2, 1 if is_shared else 3, CELLS, DIM, seed=2).requires_grad_()
        whole = image.expand(2, 3, -1, -1)
        if moved:
            places = place_cells(pe, *looks)
            projected = project_cells(image, places, *looks) if is_shared else None
            seen = tokens + read_image(looks[0], tokens, image, places, None, projected)
            out = read_tokens(looks[1], image, (seen, tokens), places, projected)
        else:
            seen = tokens + plain(looks[0], tokens, whole + pe, whole)
            out = whole + plain(looks[1], whole + pe, seen, tokens)
        return list(torch.autograd.grad((out * weights).sum(), [image, *parameters]))

    for found, expected in zip(gradients(moved=True), gradients(moved=False), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


def test_the_last_look_needs_no_queries(looks):
    places = place_cells(draw(CELLS, DIM, seed=1), looks[0], None)
    assert places.keys.shape == (CELLS, 16)
    assert places.queries.numel() == 0

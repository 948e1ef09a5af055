"""The two-way transformer, step by step, with attention as in its own test."""

import pytest
import torch
import torch.nn.functional as F

from anymask.model.two_way_transformer import TwoWayTransformer
from tests.unit.model.seeded import fill, numbers
from tests.unit.model.test_layers import plain_attention

DIM, PLACES = 16, 6


@pytest.fixture
def transformer():
    made = TwoWayTransformer(depth=2, dim=DIM, num_heads=2, mlp_width=24).eval()
    fill(made)
    return made


def plain(transformer, tokens, image, image_pe, bias=None):
    """The figure: self-attention, to the image, MLP, back to the tokens; twice; a last look."""
    first_tokens = tokens
    for index, layer in enumerate(transformer.layers):
        if index == 0:
            tokens = plain_attention(layer.self_attn, tokens, tokens, tokens)
        else:
            q = tokens + first_tokens
            tokens = tokens + plain_attention(layer.self_attn, q, q, tokens)
        tokens = layer.norm1(tokens)
        keys = image + image_pe
        look = layer.cross_attn_token_to_image
        tokens = layer.norm2(
            tokens + plain_attention(look, tokens + first_tokens, keys, image, bias)
        )
        tokens = layer.norm3(tokens + layer.mlp.lin2(F.relu(layer.mlp.lin1(tokens))))
        back = layer.cross_attn_image_to_token
        image = layer.norm4(image + plain_attention(back, keys, tokens + first_tokens, tokens))
    last = transformer.final_attn_token_to_image
    seen = plain_attention(last, tokens + first_tokens, image + image_pe, image, bias)
    return transformer.norm_final_attn(tokens + seen), image


@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("image_prompts", [1, 3])
def test_it_is_its_figure(transformer, image_prompts, has_bias):
    tokens, image = numbers((2, 3, 4, DIM), 1), numbers((2, image_prompts, PLACES, DIM), 2)
    image_pe = numbers((PLACES, DIM), 3)
    bias = numbers((2, 3, PLACES), 4) if has_bias else None
    ours = transformer(tokens, image, transformer.place(image_pe), bias)
    expected = plain(transformer, tokens, image.expand(2, 3, -1, -1), image_pe, bias)
    for one, other in zip(ours, expected, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_order_of_tokens_does_not_matter(transformer):
    tokens, image = numbers((1, 2, 5, DIM), 1), numbers((1, 1, PLACES, DIM), 2)
    image_pe, order = numbers((PLACES, DIM), 3), [3, 0, 4, 1, 2]
    places = transformer.place(image_pe)
    straight, seen = transformer(tokens, image, places)
    mixed, seen_mixed = transformer(tokens[:, :, order], image, places)
    torch.testing.assert_close(mixed, straight[:, :, order])
    torch.testing.assert_close(seen_mixed, seen)

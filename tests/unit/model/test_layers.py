"""Norm, MLP and attention, each against its formula written out."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from anymask.model.layers import Attention, ChannelNorm, Mlp
from tests.unit.model.seeded import fill, numbers


def plain_attention(layer, q, k, v, bias=None):
    """Softmax over the keys of q·k / √d + bias, one prompt and one head at a time."""
    q, k, v = layer.q_proj(q), layer.k_proj(k), layer.v_proj(v)
    (B, _, T, C), d = q.shape, q.shape[-1] // layer.num_heads
    P = max(q.shape[1], k.shape[1])
    out = torch.zeros(B, P, T, C)
    for b in range(B):
        for p in range(P):
            at_q, at_k = min(p, q.shape[1] - 1), min(p, k.shape[1] - 1)
            for head in range(layer.num_heads):
                part = slice(head * d, head * d + d)
                scores = q[b, at_q, :, part] @ k[b, at_k, :, part].T / math.sqrt(d)
                if bias is not None:
                    scores = scores + bias[b, min(p, bias.shape[1] - 1)]
                out[b, p, :, part] = scores.softmax(-1) @ v[b, at_k, :, part]
    return layer.out_proj(out)


@pytest.fixture
def attention():
    layer = Attention(32, num_heads=4, downsample=2)
    fill(layer)
    return layer


@pytest.mark.parametrize(("query_prompts", "key_prompts"), [(3, 3), (3, 1), (1, 3), (1, 1)])
@pytest.mark.parametrize("bias_prompts", [0, 1, 3])
def test_attention_is_its_formula_however_prompts_are_shared(
    attention, query_prompts, key_prompts, bias_prompts
):
    if bias_prompts > max(query_prompts, key_prompts):
        bias_prompts = 0
    q = numbers((2, query_prompts, 5, 32), 1)
    k, v = numbers((2, key_prompts, 7, 32), 2), numbers((2, key_prompts, 7, 32), 3)
    bias = numbers((2, bias_prompts, 7), 4) if bias_prompts else None
    expected = plain_attention(attention, q, k, v, bias)
    torch.testing.assert_close(attention(q, k, v, bias), expected, rtol=1e-4, atol=1e-5)


def test_a_bias_of_zero_is_no_bias(attention):
    q, k = numbers((1, 2, 3, 32), 1), numbers((1, 2, 6, 32), 2)
    without = attention(q, k, k)
    torch.testing.assert_close(attention(q, k, k, torch.zeros(1, 2, 6)), without)


def test_a_large_negative_bias_hides_keys(attention):
    q, k = numbers((1, 2, 3, 32), 1), numbers((1, 1, 6, 32), 2)
    bias = torch.zeros(1, 2, 6)
    bias[..., 4:] = -1e9
    seen = attention(q, k[:, :, :4], k[:, :, :4])
    torch.testing.assert_close(attention(q, k, k, bias), seen)


def test_channel_norm_is_over_channels_with_the_biased_variance():
    norm = ChannelNorm(6)
    fill(norm)
    x = 3 * numbers((2, 6, 4, 5), 1) + 2
    mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
    expected = (x - mean) / (variance + 1e-6).sqrt() * norm.weight[:, None, None]
    torch.testing.assert_close(norm(x), expected + norm.bias[:, None, None])


def test_mlp_has_relu_between_and_none_behind():
    mlp: Any = Mlp(3, 4, 2)
    fill(mlp)
    x = numbers((5, 3), 1)
    first, second = mlp.layers
    expected = F.linear(F.linear(x, first.weight, first.bias).clamp(min=0), second.weight)
    torch.testing.assert_close(mlp(x), expected + second.bias)
    assert bool((mlp(x) < 0).any())

"""TinyViT: each box against the plain formula in torch's own layers, at any size of picture."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.model import tinyvit
from anymask.model.configs import TinyVitConfig, mobile_sam
from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam
from anymask.model.tinyvit import (
    AttentionBlock,
    Bottleneck,
    ConvBlock,
    ConvNorm,
    TinyVitImageEncoder,
    WindowAttention,
)
from tests.unit.model.seeded import (
    fill,
    numbers,
    small_tinyvit,
    small_tinyvit_config,
    without_values,
)


def filled(network: nn.Module, seed: int = 0) -> Any:
    fill(network, seed)
    return network.eval()


def plain(layer: ConvNorm, x: Tensor) -> Tensor:
    """The same layer as torch's convolution and batch normalisation."""
    norm = nn.BatchNorm2d(layer.c.out_channels, eps=1e-5).eval()
    norm.load_state_dict(layer.bn.state_dict(), strict=False)
    return norm(layer.c(x))


# --- convolutions ---


@pytest.mark.parametrize(("kernel", "stride", "groups"), [(3, 1, 8), (3, 2, 1), (1, 1, 1)])
@torch.no_grad()
def test_a_layer_is_convolution_and_norm(kernel, stride, groups):
    layer = filled(ConvNorm(8, 16, kernel, stride=stride, groups=groups))
    x = numbers((2, 8, 9, 10), 1)
    torch.testing.assert_close(layer(x), plain(layer, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size_hw", [(8, 8), (9, 6), (1, 3), (7, 5)])
@pytest.mark.parametrize("rows", [1, 2, 3, 100])
@torch.no_grad()
def test_strips_are_the_whole_map(monkeypatch, stride, size_hw, rows):
    neck = filled(Bottleneck(4, 8, 6, stride))
    x = numbers((2, 4, *size_hw), 1)
    numbers_a_row = 2 * size_hw[1] * stride * 8
    monkeypatch.setattr(tinyvit, "numbers_at_once", lambda device: rows * numbers_a_row)
    hidden = F.gelu(plain(neck.conv2, F.gelu(plain(neck.conv1, x))))
    torch.testing.assert_close(neck(x), plain(neck.conv3, hidden), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_convolution_block_adds_its_input_before_the_activation():
    block = filled(ConvBlock(4))
    x = numbers((1, 4, 6, 6), 1)
    inner = Bottleneck.forward(block, x)
    assert torch.equal(block(x), F.gelu(x + inner))
    assert block.conv1.c.weight.shape == (16, 4, 1, 1)
    assert block.conv2.c.groups == 16


# --- attention ---


def attention_of(layer: WindowAttention, tokens: Tensor) -> Tensor:
    """The plain formula for the tokens (S, C) of one window, head by head, pair by pair."""
    side, num_tokens = layer.window, len(tokens)
    per_head = layer.qkv(layer.norm(tokens)).chunk(layer.num_heads, -1)
    heads = []
    for parts, table in zip(per_head, layer.attention_biases, strict=True):
        q, k, v = parts.chunk(3, -1)
        scores = q @ k.T / q.shape[1] ** 0.5
        for one in range(num_tokens):
            for other in range(num_tokens):
                down = abs(one // side - other // side)
                right = abs(one % side - other % side)
                scores[one, other] += table[down * side + right]
        heads.append(scores.softmax(-1) @ v)
    return layer.proj(torch.cat(heads, -1))


@pytest.mark.parametrize("size_hw", [(3, 3), (6, 9), (7, 4), (2, 1)])
@pytest.mark.parametrize("at_once", [1, 1 << 20])
@torch.no_grad()
def test_windows_attend_by_the_plain_formula(monkeypatch, size_hw, at_once):
    monkeypatch.setattr(tinyvit, "numbers_at_once", lambda device: at_once)
    layer = filled(WindowAttention(8, 2, 3))
    h, w = size_hw
    x = numbers((2, h, w, 8), 1)
    padded = F.pad(x, (0, 0, 0, -w % 3, 0, -h % 3))
    expected = torch.zeros_like(padded)
    for picture in range(2):
        for top in range(0, padded.shape[1], 3):
            for left in range(0, padded.shape[2], 3):
                place = (picture, slice(top, top + 3), slice(left, left + 3))
                window = attention_of(layer, padded[place].reshape(9, 8))
                expected[place] = window.view(3, 3, 8)
    torch.testing.assert_close(layer(x), expected[:, :h, :w], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_an_attention_block_is_attention_convolution_and_mlp(monkeypatch):
    block = filled(AttentionBlock(8, 2, 3))
    x = numbers((2, 8, 5, 7), 1)
    tokens = x.permute(0, 2, 3, 1)
    tokens = tokens + block.attn(tokens)
    tokens = plain(block.local_conv, tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    mlp = block.mlp
    tokens = tokens + mlp.fc2(F.gelu(mlp.fc1(mlp.norm(tokens))))
    monkeypatch.setattr(tinyvit, "numbers_at_once", lambda device: 3 * 32)
    torch.testing.assert_close(block(x), tokens.permute(0, 3, 1, 2), rtol=1e-5, atol=1e-5)


# --- the whole ---


@pytest.mark.parametrize("size_hw", [(64, 64), (96, 160)])
@torch.no_grad()
def test_one_cell_of_the_embedding_is_16_pixels(size_hw):
    sam = small_tinyvit()
    features = sam.encode(numbers((2, 3, *size_hw), 1))
    assert features.embedding.shape == (2, 32, size_hw[0] // 16, size_hw[1] // 16)
    assert features.high_res == ()
    assert features.embedding.std() > 0.1


@torch.no_grad()
def test_a_picture_among_others_is_encoded_as_alone():
    sam, pixels = small_tinyvit(), numbers((3, 3, 64, 64), 1)
    together = sam.encode(pixels).embedding
    alone = torch.cat([sam.encode(pixels[i : i + 1]).embedding for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_mobile_sam_merges_twice_by_two_and_once_by_one():
    encoder: Any = without_values(lambda: Sam(mobile_sam())).image_encoder
    merges = [stage.downsample for stage in encoder.layers]
    assert [merge.stride for merge in merges[:3]] == [2, 2, 1]
    assert isinstance(merges[3], nn.Identity)
    assert [len(stage.blocks) for stage in encoder.layers] == [2, 2, 6, 2]


def test_every_weight_learns_and_statistics_stay():
    sam = Sam(small_tinyvit_config()).train()
    fill(sam)
    before = {name: buffer.clone() for name, buffer in sam.image_encoder.named_buffers()}
    pixels = numbers((1, 3, 64, 64), 1)
    prompts = PromptBatch(torch.tensor([[[[20.0, 30.0]]]]), torch.tensor([[[1]]]))
    sam(pixels, prompts).low_res_logits.square().mean().backward()
    encoder = sam.image_encoder
    assert all(float(p.grad.abs().sum()) > 0 for p in encoder.parameters())  # type: ignore[union-attr]
    assert all(torch.equal(before[name], buffer) for name, buffer in encoder.named_buffers())


@torch.no_grad()
def test_half_precision_products_give_nearly_the_same():
    sam, pixels = small_tinyvit(), numbers((1, 3, 64, 64), 1)
    expected = sam.encode(pixels).embedding
    with torch.autocast("cpu", torch.bfloat16):
        found = sam.encode(pixels).embedding.float()
    assert (found - expected).square().mean().sqrt() < 0.05 * expected.square().mean().sqrt()


def test_other_shapes_can_be_built():
    config = TinyVitConfig(widths=(96, 192, 384, 576), num_heads=(6, 12, 18), windows=(12, 24, 12))
    encoder: Any = without_values(lambda: TinyVitImageEncoder(config, 256))
    assert encoder.layers[3].blocks[1].attn.attention_biases.shape == (18, 144)
    assert encoder.neck[0].weight.shape == (256, 576, 1, 1)

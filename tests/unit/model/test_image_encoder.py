"""The plain ViT: chunked attention, position tables and windows against plain formulas."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from anymask.model import image_encoder, spatial_attention
from anymask.model.configs import VitConfig
from anymask.model.image_encoder import VitImageEncoder, VitMlp, resize_positions
from anymask.model.layers import drop_path
from anymask.model.reduced_linears import linears_in
from anymask.model.spatial_attention import (
    SpatialAttention,
    biased_attention,
    cut_windows,
    join_windows,
    relative_rows,
)
from tests.unit.model.seeded import fill, numbers


def lerp_table(table: torch.Tensor, size: int) -> torch.Tensor:
    """Resize a table (n, d) linearly, corners not aligned: the sampling rule, row by row."""
    rows = []
    for row in range(size):
        at = min(max((row + 0.5) * len(table) / size - 0.5, 0), len(table) - 1)
        low = math.floor(at)
        high = min(low + 1, len(table) - 1)
        rows.append(table[low] + (at - low) * (table[high] - table[low]))
    return torch.stack(rows)


def plain_scores(q, k, rel_h, rel_w, h: int, w: int):
    """Scores (n, S, S) of one picture, all pairs of places and all tables in full."""
    rel_h = rel_h if len(rel_h) == 2 * h - 1 else lerp_table(rel_h, 2 * h - 1)
    rel_w = rel_w if len(rel_w) == 2 * w - 1 else lerp_table(rel_w, 2 * w - 1)
    place = torch.arange(h * w)
    down = (place // w)[:, None] - (place // w)[None] + h - 1
    right = (place % w)[:, None] - (place % w)[None] + w - 1
    return (
        q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
        + (q[:, :, None] * rel_h[down]).sum(-1)
        + (q[:, :, None] * rel_w[right]).sum(-1)
    )


def attend_plainly(layer: SpatialAttention, tokens: torch.Tensor) -> torch.Tensor:
    """Attention over one whole grid (h, w, C) of tokens."""
    h, w, C = tokens.shape
    parts = F.linear(tokens, layer.qkv.weight, layer.qkv.bias).reshape(
        h * w, 3, layer.num_heads, -1
    )
    q, k, v = parts.permute(1, 2, 0, 3)
    chances = plain_scores(q, k, layer.rel_pos_h, layer.rel_pos_w, h, w).softmax(-1)
    return layer.proj((chances @ v).transpose(0, 1).reshape(h, w, C))


@pytest.fixture
def layer():
    attention = SpatialAttention(16, num_heads=2, side=3)
    fill(attention)
    return attention


@pytest.mark.parametrize("size_hw", [(3, 3), (5, 5), (2, 4)])
def test_global_attention_is_its_formula_at_any_grid(layer, size_hw):
    tokens = numbers((2, *size_hw, 16), 1)
    expected = torch.stack([attend_plainly(layer, picture) for picture in tokens])
    torch.testing.assert_close(layer(tokens, None), expected, rtol=1e-4, atol=1e-5)


def test_padding_takes_part_in_windows(layer):
    """A 4 × 5 grid is padded to 6 × 6; each 3 × 3 window attends over its padding too."""
    tokens = numbers((1, 4, 5, 16), 1)
    padded = F.pad(tokens[0], (0, 0, 0, 1, 0, 2))
    expected = torch.zeros(6, 6, 16)
    for top in (0, 3):
        for left in (0, 3):
            window = (slice(top, top + 3), slice(left, left + 3))
            expected[window] = attend_plainly(layer, padded[window])
    torch.testing.assert_close(layer(tokens, 3)[0], expected[:4, :5], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("at_once", [1, 40, 100, 1000, 1 << 21])
def test_any_chunking_gives_the_same_values_and_gradients(monkeypatch, at_once):
    monkeypatch.setattr(spatial_attention, "NUMBERS_ON_CPU", at_once)
    B, n, h, w, d = 2, 3, 2, 3, 4
    shapes = ((B, n, h * w, d),) * 3 + ((B, n, h * w, h), (B, n, h * w, w))
    inputs = [numbers(shape, 5 + i).double().requires_grad_() for i, shape in enumerate(shapes)]
    q, k, v, bias_h, bias_w = inputs
    bias = (bias_h[..., :, None] + bias_w[..., None, :]).flatten(-2)
    expected = (q @ k.transpose(-1, -2) / math.sqrt(d) + bias).softmax(-1) @ v
    ours = biased_attention(*inputs).transpose(1, 2)
    torch.testing.assert_close(ours, expected)
    weights = numbers(tuple(expected.shape), 20).double()
    wanted = torch.autograd.grad((expected * weights).sum(), inputs)
    found = torch.autograd.grad((ours * weights).sum(), inputs)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_agree_with_finite_differences(monkeypatch):
    monkeypatch.setattr(spatial_attention, "NUMBERS_ON_CPU", 9)
    layer = SpatialAttention(4, num_heads=2, side=2).double()
    fill(layer)
    tokens = numbers((1, 2, 3, 4), 1).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer(x, None), (tokens,))
    assert torch.autograd.gradcheck(lambda x: layer(x, 2), (tokens,))


def test_relative_rows_count_from_key_to_query():
    table = torch.arange(5.0)[:, None]
    assert relative_rows(table, 3)[..., 0].tolist() == [[2, 1, 0], [3, 2, 1], [4, 3, 2]]


@pytest.mark.parametrize("side", [2, 4, 7])
def test_relative_rows_of_another_side_are_resized_linearly(side):
    table = numbers((9, 3), 1)
    resized = lerp_table(table, 2 * side - 1)
    rows = relative_rows(table, side)
    for query in range(side):
        for key in range(side):
            torch.testing.assert_close(rows[query, key], resized[query - key + side - 1])


@pytest.mark.parametrize("size_hw", [(2, 2), (6, 6), (3, 8)])
def test_positions_of_another_side_are_resized_bilinearly(size_hw):
    table = numbers((1, 4, 4, 3), 1)
    across = torch.stack([lerp_table(row, size_hw[1]) for row in table[0]])  # (4, w, 3)
    expected = torch.stack([lerp_table(across[:, x], size_hw[0]) for x in range(size_hw[1])], 1)
    torch.testing.assert_close(resize_positions(table, size_hw)[0], expected)


def test_positions_of_the_same_side_are_left_alone():
    table = numbers((1, 4, 4, 3), 1)
    assert resize_positions(table, (4, 4)) is table


def test_windows_are_cut_row_by_row_and_joined_back():
    """Two pictures of 2 × 6 tokens, windows of 2 × 2, two heads of one channel."""
    grid = torch.arange(2 * 2 * 6 * 6.0).reshape(2, 2, 6, 6)
    q, k, v = cut_windows(grid, (2, 2), 2)
    assert q.shape == (6, 2, 4, 1)
    assert q[1, 0, :, 0].tolist() == [12, 18, 48, 54]  # columns 2 and 3 of both rows
    assert q[1, 1, :, 0].tolist() == [13, 19, 49, 55]
    assert k[1, 0, :, 0].tolist() == [14, 20, 50, 56]
    assert v[1, 0, :, 0].tolist() == [16, 22, 52, 58]
    assert q[3, 0, 0].item() == 72  # the second picture's first window
    queries = q.transpose(1, 2).reshape(6, 2, 2, 2)
    assert torch.equal(join_windows(queries, (2, 6)), grid[..., :2])


@pytest.mark.parametrize("at_once", [1, 700, 1 << 22])
@pytest.mark.parametrize("size_hw", [(7, 7), (2, 2), (6, 4), (1, 8)])
def test_a_windowed_layer_is_pad_attend_cut_with_its_gradients(monkeypatch, size_hw, at_once):
    """Grids no multiple of the window and smaller than it; two pictures, any chunking."""
    monkeypatch.setattr(spatial_attention, "NUMBERS_ON_CPU", at_once)
    layer = SpatialAttention(8, num_heads=2, side=3).double()
    fill(layer)
    (h, w), weights = size_hw, numbers((2, *size_hw, 8), 2).double()
    tokens = numbers((2, h, w, 8), 1).double().requires_grad_()
    padded = F.pad(tokens, (0, 0, 0, -w % 3, 0, -h % 3))
    rows = []
    for top in range(0, h, 3):
        row = [
            torch.stack([attend_plainly(layer, p[top : top + 3, x : x + 3]) for p in padded])
            for x in range(0, w, 3)
        ]
        rows.append(torch.cat(row, 2))
    expected = torch.cat(rows, 1)[:, :h, :w]
    ours = layer(tokens, 3)
    torch.testing.assert_close(ours, expected)
    inputs = [tokens, *layer.parameters()]
    wanted = torch.autograd.grad((expected * weights).sum(), inputs)
    found = torch.autograd.grad((ours * weights).sum(), inputs)
    for one, other in zip(found, wanted, strict=True):
        assert other.abs().max() > 0
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("at_once", [1, 100, 1 << 22])
def test_an_mlp_is_its_formula_however_many_tokens_at_once(monkeypatch, at_once):
    monkeypatch.setattr(spatial_attention, "NUMBERS_ON_CPU", at_once)
    mlp = VitMlp(4, 16)
    fill(mlp)
    tokens = numbers((2, 3, 5, 4), 1)
    hidden = tokens @ mlp.lin1.weight.T + mlp.lin1.bias
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    expected = hidden @ mlp.lin2.weight.T + mlp.lin2.bias
    torch.testing.assert_close(mlp(tokens), expected)


class LargestTensor(TorchDispatchMode):
    """Remembers the most numbers any operation gave."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        parts = result if isinstance(result, tuple | list) else (result,)
        sizes = [part.numel() for part in parts if isinstance(part, torch.Tensor)]
        self.numel = max([self.numel, *sizes])
        return result


@pytest.mark.parametrize("window", [None, 14])
@torch.no_grad()
def test_no_intermediate_of_a_block_at_full_size_is_large(window):
    """64 × 64 tokens, 12 heads: all scores would be 201 million numbers, a hidden layer 12."""
    config = VitConfig(width=768, depth=1, num_heads=12, global_blocks=())
    block = image_encoder.Block(config, window, 64)
    tokens = torch.zeros(1, 64, 64, 768)
    with LargestTensor() as seen:
        block(tokens)
    # Tokens themselves; over the whole grid their queries, keys and values together.
    assert seen.numel == tokens.numel() * (3 if window is None else 1)


# --- shorter numbers ---


@torch.no_grad()
def test_reduced_linears_are_close_and_nothing_else_changes_type():
    config = VitConfig(width=96, depth=3, num_heads=3, global_blocks=(2,), window=5)
    encoder = VitImageEncoder(config, 192, 32).eval()
    fill(encoder)
    pixels = numbers((2, 3, 192, 192), 1)
    expected = encoder(pixels).embedding
    assert linears_in(encoder, torch.bfloat16) == 12
    found = encoder(pixels).embedding
    assert found.dtype == torch.float32
    scale = expected.square().mean().sqrt()
    assert 0 < (found - expected).square().mean().sqrt() <= 0.01 * scale
    layers = ("attn.qkv.", "attn.proj.", "mlp.lin1.", "mlp.lin2.")
    for name, tensor in encoder.state_dict().items():
        is_reduced = any(layer in name for layer in layers)
        assert tensor.dtype == (torch.bfloat16 if is_reduced else torch.float32), name
    assert {p.requires_grad for p in encoder.blocks.parameters()} == {True, False}


def test_an_encoder_without_blocks_is_left_alone():
    encoder = torch.nn.Sequential(torch.nn.Linear(2, 2))
    assert linears_in(encoder, torch.bfloat16) == 0
    assert encoder[0].weight.dtype == torch.float32


@pytest.mark.parametrize("size", [64, 96, 160])
def test_the_encoder_is_its_figure_at_any_side(size):
    """Patches, positions, two blocks and the neck written out; tables resized by hand."""
    config = VitConfig(width=16, depth=2, num_heads=2, global_blocks=(1,), window=3)
    encoder: Any = VitImageEncoder(config, 96, 8).eval()
    fill(encoder)
    pixels = numbers((1, 3, size, size), 1)
    grid = size // 16
    cells = pixels[0].unfold(1, 16, 16).unfold(2, 16, 16).permute(1, 2, 0, 3, 4).flatten(2)
    x = cells @ encoder.patch_embed.proj.weight.flatten(1).T + encoder.patch_embed.proj.bias
    x = x + resize_positions(encoder.pos_embed, (grid, grid))[0]
    for block, is_global in zip(encoder.blocks, (False, True), strict=True):
        normed = F.layer_norm(x, (16,), block.norm1.weight, block.norm1.bias, 1e-6)
        if is_global:
            attended = attend_plainly(block.attn, normed)
        else:
            attended = block.attn(normed[None], 3)[0]  # compared with its formula above
        x = x + attended
        hidden = F.gelu(block.mlp.lin1(block.norm2(x)))
        x = x + block.mlp.lin2(hidden)
    expected = encoder.neck(x.permute(2, 0, 1)[None])
    torch.testing.assert_close(encoder(pixels).embedding, expected, rtol=1e-4, atol=1e-5)
    assert encoder(pixels).high_res == ()


# --- training ---


def float64_encoder() -> Any:
    config = VitConfig(width=16, depth=3, num_heads=2, global_blocks=(1,), window=3)
    encoder = VitImageEncoder(config, 96, 8).double()
    fill(encoder)
    return encoder


def test_gradients_of_the_encoder_are_those_of_plain_softmax_attention(monkeypatch):
    """Every parameter, relative positions too, through windows, padding and a global block."""
    encoder, gradients = float64_encoder(), []
    pixels = numbers((2, 3, 64, 96), 1).double().requires_grad_()
    weights = numbers((2, 8, 4, 6), 2).double()

    def plainly(self, qkv, size_hw):
        q, k, v = cut_windows(qkv, size_hw, self.num_heads)
        attended = [
            plain_scores(q[i], k[i], self.rel_pos_h, self.rel_pos_w, *size_hw).softmax(-1) @ v[i]
            for i in range(len(q))
        ]
        out = torch.stack(attended).transpose(1, 2).reshape(len(q), *size_hw, -1)
        return join_windows(out, qkv.shape[1:3])

    for attend in (SpatialAttention._attend, plainly):
        monkeypatch.setattr(SpatialAttention, "_attend", attend)
        monkeypatch.setattr(spatial_attention, "NUMBERS_ON_CPU", 50)
        inputs = [pixels, *encoder.parameters()]
        gradients.append(torch.autograd.grad((encoder(pixels)[0] * weights).sum(), inputs))
    names = ["pixels", *(name for name, _ in encoder.named_parameters())]
    for name, found, expected in zip(names, *gradients, strict=True):
        assert expected.abs().max() > 0, name
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11, msg=name)


@pytest.mark.parametrize("drop_rate", [0.0, 0.5])
def test_recomputed_blocks_give_the_same_gradients_and_keep_less(drop_rate):
    encoder, gradients, kept = float64_encoder().train(), [], []
    for block in encoder.blocks:
        block.drop_rate = drop_rate
    pixels = numbers((4, 3, 64, 64), 1).double()
    for recompute in (False, True):
        encoder.recompute = recompute
        torch.manual_seed(5)
        sizes: list[int] = []

        def keep(x, sizes=sizes):
            sizes.append(x.numel())
            return x

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            loss = (encoder(pixels).embedding * numbers((4, 8, 4, 4), 2)).sum()
        kept.append(sum(sizes))
        gradients.append(torch.autograd.grad(loss, list(encoder.parameters())))
    blocks = [numel - pixels.numel() for numel in kept]  # the pixels themselves are kept anyway
    assert blocks[1] < blocks[0] / 4
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)


def test_recomputing_changes_nothing_outside_training(monkeypatch):
    encoder = float64_encoder().eval()
    encoder.recompute = True
    monkeypatch.setattr(image_encoder, "checkpoint", None)  # calling it would fail
    assert encoder(numbers((1, 3, 64, 64), 1).double()).embedding.shape == (1, 8, 4, 4)
    with torch.no_grad():
        encoder.train()(numbers((1, 3, 64, 64), 1).double())


def test_dropped_blocks_pass_pictures_on_and_others_count_more():
    config = VitConfig(width=16, depth=1, num_heads=2, global_blocks=(0,))
    block = image_encoder.Block(config, None, 4).double()
    fill(block)
    tokens = numbers((64, 4, 4, 16), 1).double()
    attended = block.attn(block.norm1(tokens), None)
    block.drop_rate = 0.75
    assert torch.equal(block.eval()(tokens), _block(block, tokens, attended, 1, 1))
    torch.manual_seed(0)
    out, kinds = block.train()(tokens), []
    cases = [(a, m) for a in (0, 4) for m in (0, 4)]  # a branch that stays counts 1 / (1 - 0.75)
    expected = [_block(block, tokens, attended, a, m) for a, m in cases]
    for picture in range(64):
        fits = [torch.allclose(out[picture], e[picture], rtol=1e-9) for e in expected]
        assert sum(fits) == 1
        kinds.append(fits.index(True))
    assert set(kinds) == {0, 1, 2, 3}  # attention and MLP are left out independently
    assert 25 <= kinds.count(0) <= 47  # of 64, 36 ± 4 by chance


def _block(block, tokens, attended, attention: int, mlp: int):
    x = tokens + attention * attended
    return x + mlp * block.mlp(block.norm2(x))


def test_dropped_branches_are_right_on_average():
    torch.manual_seed(1)
    branch = torch.ones(20_000, 2, 1)
    dropped = drop_path(branch, 0.4)
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)
    assert sorted(set(dropped.flatten().tolist())) == [0, pytest.approx(1 / 0.6)]
    assert torch.equal(dropped[:, 0], dropped[:, 1])
    assert drop_path(branch, 0.0) is branch


def test_tokens_without_relative_positions_do_not_know_their_place():
    config = VitConfig(width=16, depth=1, num_heads=2, global_blocks=(0,))
    block = image_encoder.Block(config, None, None).eval()
    fill(block)
    assert not [name for name in block.state_dict() if "rel_pos" in name]
    tokens = numbers((2, 3, 4, 16), 1)
    row = block(tokens.reshape(2, 1, 12, 16))
    torch.testing.assert_close(block(tokens).reshape(2, 1, 12, 16), row)
    torch.testing.assert_close(block(tokens.flip(1)), block(tokens).flip(1))

"""The masked autoencoder against its paper: what it sees, what it is asked for, what moves over."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from anymask.errors import ConfigError
from anymask.model.configs import MaskedAutoencoderConfig, VitConfig, vit_b
from anymask.model.image_encoder import VitImageEncoder
from anymask.model.masked_autoencoder import (
    MaskedAutoencoder,
    cut_patches,
    encoder_state,
    fixed_positions,
    join_patches,
    normalise_patches,
    reconstruction_loss,
)
from tests.unit.model.seeded import fill, numbers, without_values

VIT = VitConfig(width=16, depth=2, num_heads=2, global_blocks=(1,), window=3)
CONFIG = MaskedAutoencoderConfig(
    vit=VIT, input_size=64, decoder_width=8, decoder_depth=2, decoder_heads=2
)
VISIBLE = torch.tensor([[1, 4, 10, 15], [0, 2, 3, 12]])


@pytest.fixture
def model():
    autoencoder = MaskedAutoencoder(CONFIG).eval()
    fill(autoencoder)
    return autoencoder


def hidden_pixels_changed(pixels: torch.Tensor) -> torch.Tensor:
    """The same visible patches, all others new."""
    patches, other = cut_patches(pixels, 16), cut_patches(numbers((2, 3, 64, 64), 9), 16)
    rows = torch.arange(2)[:, None]
    other[rows, VISIBLE] = patches[rows, VISIBLE]
    return join_patches(other, 16, (64, 64))


def test_hidden_pixels_never_enter(model):
    pixels = numbers((2, 3, 64, 64), 1)
    changed = hidden_pixels_changed(pixels)
    assert (pixels != changed).float().mean() > 0.7
    latent = model.encode(pixels, VISIBLE)
    assert latent.shape == (2, 4, 16)
    assert torch.equal(model.encode(changed, VISIBLE), latent)
    assert torch.equal(model(changed, VISIBLE), model(pixels, VISIBLE))
    # One visible pixel is enough to change every token of its picture, and of no other.
    pixels[0, 0, 0, 16] += 1
    moved = (model.encode(pixels, VISIBLE) - latent).abs().amax(2)
    assert moved[0].min() > 0
    assert moved[1].max() == 0


def test_encoder_is_its_formula(model):
    """Patches and their positions first, then full attention among the visible, then a norm."""
    pixels = numbers((2, 3, 64, 64), 1)
    projection = model.patch_embed.proj
    cells = cut_patches(pixels, 16).unflatten(2, (16, 16, 3)).permute(0, 1, 4, 2, 3).flatten(2)
    tokens = cells @ projection.weight.flatten(1).T + projection.bias
    tokens = tokens + model.pos_embed.reshape(1, 16, 16)
    x = tokens[torch.arange(2)[:, None], VISIBLE]
    for block in model.blocks:
        normed = F.layer_norm(x, (16,), block.norm1.weight, block.norm1.bias, 1e-6)
        parts = F.linear(normed, block.attn.qkv.weight, block.attn.qkv.bias)
        q, k, v = parts.reshape(2, 4, 3, 2, 8).permute(2, 0, 3, 1, 4)
        chances = (q @ k.transpose(-1, -2) / math.sqrt(8)).softmax(-1)
        x = x + block.attn.proj((chances @ v).transpose(1, 2).reshape(2, 4, 16))
        x = x + block.mlp(block.norm2(x))
    expected = F.layer_norm(x, (16,), model.norm.weight, model.norm.bias, 1e-6)
    torch.testing.assert_close(model.encode(pixels, VISIBLE), expected, rtol=1e-4, atol=1e-5)


def test_decoder_gets_each_token_at_its_place_and_the_mask_token_elsewhere(model):
    for block in model.decoder_blocks:  # blocks that add nothing
        for layer in (block.attn.proj, block.mlp.lin2):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    latent = numbers((2, 4, 16), 2)
    x = model.mask_token.expand(2, 16, 8).clone()
    x[torch.arange(2)[:, None], VISIBLE] = model.decoder_embed(latent)
    x = x + model.decoder_pos_embed.reshape(1, 16, 8)
    expected = model.decoder_pixels(model.decoder_norm(x))
    torch.testing.assert_close(model.decode(latent, VISIBLE), expected)


def test_weights_move_over_name_by_name(model):
    encoder = VitImageEncoder(VIT, 64, 8)
    state = encoder_state(model)
    expected = encoder.state_dict()
    missing = {name for name in expected if name not in state}
    assert missing == {n for n in expected if n.startswith("neck.") or "rel_pos" in n}
    assert {n: t.shape for n, t in state.items()} == {n: expected[n].shape for n in state}
    encoder.load_state_dict(state, strict=False)
    # With relative positions at zero and all patches in sight, a global block is the same one.
    tokens = numbers((1, 4, 4, 16), 1)
    row = model.blocks[1](tokens.reshape(1, 1, 16, 16)).reshape(1, 4, 4, 16)
    torch.testing.assert_close(encoder.blocks[1](tokens), row)


def test_published_encoder_gets_every_block():
    vit: Any = vit_b().vit
    model: Any = without_values(lambda: MaskedAutoencoder(MaskedAutoencoderConfig(vit=vit)))
    encoder = without_values(lambda: VitImageEncoder(vit, 1024, 256))
    state, expected = encoder_state(model), encoder.state_dict()
    assert len(state) == len(expected) - 6 - 2 * 12
    assert state["pos_embed"].shape == (1, 14, 14, 768)
    del state["pos_embed"]
    assert all(tensor.shape == expected[name].shape for name, tensor in state.items())
    assert len(model.decoder_blocks) == 8
    assert model.decoder_pixels.weight.shape == (768, 512)


def test_loss_counts_hidden_patches_alone():
    pixels = numbers((2, 3, 64, 64), 1)
    wanted, _, _ = normalise_patches(cut_patches(pixels, 16))
    drawn = wanted.clone()
    drawn[torch.arange(2)[:, None], VISIBLE] += 100
    assert reconstruction_loss(drawn, pixels, VISIBLE, 16) == 0
    drawn[0, 0] += 3  # one of 24 hidden patches is wrong by 3 everywhere
    assert reconstruction_loss(drawn, pixels, VISIBLE, 16).item() == pytest.approx(9 / 24)


def test_drawing_nothing_costs_the_variance_which_is_one():
    pixels = 40 + 7 * numbers((2, 3, 64, 64), 1)
    nothing = torch.zeros(2, 16, 768)
    loss = reconstruction_loss(nothing, pixels, VISIBLE, 16)
    assert loss.item() == pytest.approx(1, abs=0.01)


def test_a_patch_of_one_colour_is_no_reason_for_infinity():
    loss = reconstruction_loss(torch.zeros(2, 16, 768), torch.ones(2, 3, 64, 64), VISIBLE, 16)
    assert loss == 0


def test_normalised_patches_are_undone():
    patches = 3 + 5 * numbers((2, 16, 768), 1)
    normal, mean, deviation = normalise_patches(patches)
    assert normal.mean(-1).abs().max() < 1e-5
    torch.testing.assert_close(normal.var(-1), torch.ones(2, 16))
    torch.testing.assert_close(normal * deviation + mean, patches)


def test_patches_go_row_by_row_and_back():
    pixels = torch.arange(2 * 3 * 32 * 64.0).reshape(2, 3, 32, 64)
    patches = cut_patches(pixels, 16)
    assert patches.shape == (2, 8, 768)
    expected = (
        pixels[1, :, 16:, 32:48].permute(1, 2, 0).flatten()
    )  # the seventh of two rows of four
    assert torch.equal(patches[1, 6], expected)
    assert torch.equal(join_patches(patches, 16, (32, 64)), pixels)


def test_positions_are_sines_of_column_and_row():
    table = fixed_positions(5, 8)
    assert not table.requires_grad
    y, x = 3, 2
    slow = 10_000.0**-0.5
    expected = [math.sin(x), math.sin(x * slow), math.cos(x), math.cos(x * slow)]
    expected += [math.sin(y), math.sin(y * slow), math.cos(y), math.cos(y * slow)]
    assert table[0, y, x].tolist() == pytest.approx(expected)


def test_recomputed_blocks_give_the_same_gradients(model):
    pixels, gradients = numbers((2, 3, 64, 64), 1), []
    for recompute in (False, True):
        model.train().zero_grad()
        model.recompute = recompute
        reconstruction_loss(model(pixels, VISIBLE), pixels, VISIBLE, 16).backward()
        gradients.append(
            {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad}
        )
    assert len(gradients[0]) == len([*model.parameters()]) - 2  # all but the two position tables
    for name, gradient in gradients[0].items():
        assert torch.equal(gradient, gradients[1][name]), name
        assert gradient.abs().max() > 0, name


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"input_size": 100}, "input_size must be a positive multiple of the patch, 16, got 100"),
        ({"input_size": 0}, "input_size must be a positive multiple of the patch"),
        ({"decoder_width": 30}, "decoder_width must be a multiple of 4 for sine positions, got 30"),
        ({"decoder_width": 32, "decoder_heads": 5}, "width 32 does not divide into 5 heads"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        MaskedAutoencoder(MaskedAutoencoderConfig(vit=VIT, **changes))

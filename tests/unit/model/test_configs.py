"""Architectures are records whose numbers are the published ones."""

from dataclasses import replace
from typing import Any

import pytest

from anymask.configuration import from_mapping, to_mapping
from anymask.errors import ConfigError
from anymask.model.configs import (
    LiteConfig,
    SamConfig,
    TinyVitConfig,
    VitConfig,
    mobile_sam,
    tiny,
    vit_b,
    vit_h,
    vit_l,
)
from anymask.model.sam import Sam
from tests.unit.model.seeded import without_values


@pytest.mark.parametrize(
    ("config", "width", "depth", "heads", "global_blocks"),
    [
        (vit_b(), 768, 12, 12, (2, 5, 8, 11)),
        (vit_l(), 1024, 24, 16, (5, 11, 17, 23)),
        (vit_h(), 1280, 32, 16, (7, 15, 23, 31)),
    ],
)
def test_published_transformers(config, width, depth, heads, global_blocks):
    assert config.vit == VitConfig(
        width=width, depth=depth, num_heads=heads, global_blocks=global_blocks
    )
    assert (config.vit.window, config.vit.patch) == (14, 16)
    assert config.input_size == 1024
    assert config.pixel_mean == (123.675, 116.28, 103.53)
    assert config.pixel_std == (58.395, 57.12, 57.375)


@pytest.mark.parametrize(
    ("config", "encoder", "rest"),
    [
        # The rest of every published model: prompt encoder 6,476 and mask decoder 4,058,340
        # numbers, 256 of them the buffer of the position code.
        (vit_b(), 89_670_912, 4_064_816 - 256),
        (vit_l(), 308_278_272, 4_064_816 - 256),
        (vit_h(), 637_026_048, 4_064_816 - 256),
        # 10,140,231 numbers of the file, less its classifier (norm 640, head 321,000), 27 counts of
        # batches, running statistics of 27 norms (9,856) and everything behind the encoder.
        (mobile_sam(), 5_743_892, 4_064_816 - 256),
    ],
)
def test_published_numbers_of_parameters(config, encoder, rest):
    sam = without_values(lambda: Sam(config))
    parameters = {name: tensor.numel() for name, tensor in sam.named_parameters()}
    in_encoder = sum(n for name, n in parameters.items() if name.startswith("image_encoder."))
    assert in_encoder == encoder
    assert sum(parameters.values()) - in_encoder == rest


def test_the_default_architecture_is_small():
    sam: Any = without_values(lambda: Sam(tiny()))
    assert 6.0e6 < sum(tensor.numel() for tensor in sam.parameters()) < 7.0e6
    assert sam.config.lite == LiteConfig(variant="lite0", num_skip_blocks=2)
    assert sam.config.logit_scale == pytest.approx(0.1767767)


@pytest.mark.parametrize(
    "config", [vit_b(512), vit_h(), tiny(), tiny(256, "lite2"), mobile_sam(512)]
)
def test_architectures_survive_being_written(config):
    assert from_mapping(SamConfig, to_mapping(config)) == config


@pytest.mark.parametrize(
    ("size", "near"), [(0, 32), (-32, 32), (1, 32), (1000, 992), (1023, 1024), (48, 64)]
)
def test_a_frame_must_be_a_multiple_of_32(size, near):
    with pytest.raises(
        ConfigError, match=f"input_size must be a positive multiple of 32, got {size}; use {near}"
    ):
        vit_b(size)


def test_exactly_one_image_encoder_is_named():
    with pytest.raises(ConfigError, match=r"architecture x needs exactly one image encoder; set"):
        SamConfig(name="x")
    with pytest.raises(ConfigError, match="architecture vit_b needs exactly one image encoder"):
        replace(vit_b(), lite=LiteConfig())
    with pytest.raises(ConfigError, match="exactly one image encoder; set one of vit, lite and t"):
        replace(mobile_sam(), lite=LiteConfig())


def test_heads_must_divide_the_width():
    with pytest.raises(ConfigError, match="width 100 does not divide into 3 heads; choose"):
        VitConfig(width=100, depth=1, num_heads=3, global_blocks=())


def test_a_plain_transformer_has_no_fine_features():
    with pytest.raises(ConfigError, match="vit_b asks for high-resolution features of a ViT or"):
        replace(vit_b(), has_high_res=True)
    with pytest.raises(ConfigError, match="mobile_sam asks for high-resolution features"):
        replace(mobile_sam(), has_high_res=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"widths": (64, 128, 160)}, "needs widths and depths of four stages"),
        ({"depths": (2, 2, 0, 2)}, "needs widths and depths of four stages, each at least 1"),
        ({"windows": (7, -1, 7)}, "each at least 1; leave them out"),
        ({"num_heads": (4, 3, 10)}, "width 160 does not divide into 3 heads; choose widths"),
    ],
)
def test_a_tinyvit_that_cannot_be_is_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        replace(TinyVitConfig(), **changes)

"""Tensors become a network only when all of them fit."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from anymask.errors import KeysMismatch
from anymask.model.configs import LiteConfig, vit_b
from anymask.model.sam import Sam
from anymask.weights.fit import fit
from tests.unit.model.seeded import (
    features_of,
    numbers,
    prompts_of,
    small_lite,
    small_tinyvit,
    small_vit,
)


@pytest.mark.parametrize("make", [small_vit, small_lite, small_tinyvit])
@torch.no_grad()
def test_the_network_holds_the_tensors_and_answers_as_before(make):
    sam = make()
    fitted = fit(sam.config, sam.state_dict(), "x")
    prompts = prompts_of([[(20.0, 30.0)]], [[1]])
    before = sam.decode(features_of(sam), prompts)
    after = fitted.decode(features_of(fitted), prompts)
    assert torch.equal(before.low_res_logits, after.low_res_logits)
    assert torch.equal(before.iou, after.iou)
    assert fitted.config == sam.config


def test_the_network_is_for_answering_only():
    sam = fit(small_lite().config, small_lite().state_dict(), "x")
    assert not any(module.training for module in sam.modules())
    assert not any(parameter.requires_grad for parameter in sam.parameters())
    assert all(tensor.device.type == "cpu" for tensor in sam.state_dict().values())


@torch.no_grad()
def test_a_frame_unlike_the_position_table_is_interpolated():
    sam = small_vit()
    larger = replace(sam.config, input_size=96)
    fitted = fit(larger, sam.state_dict(), "x")
    assert fitted.config.input_size == 96
    assert fitted.image_encoder.pos_embed.shape == (1, 4, 4, 32)
    pixels = numbers((1, 3, 96, 96), 3)
    assert torch.equal(fitted.encode(pixels).embedding, sam.encode(pixels).embedding)
    assert fitted.encode(pixels).embedding.shape == (1, 32, 6, 6)


@torch.no_grad()
def test_a_tinyvit_has_no_table_to_interpolate():
    sam = small_tinyvit()
    larger = fit(replace(sam.config, input_size=96), sam.state_dict(), "x")
    pixels = numbers((1, 3, 96, 96), 3)
    assert torch.equal(larger.encode(pixels).embedding, sam.encode(pixels).embedding)


def test_missing_tensors_are_counted_and_the_first_three_named():
    sam = small_vit()
    kept = {k: v for k, v in sam.state_dict().items() if ".cross_attn_token_to_image." not in k}
    start = r"x.pth: does not fit the nearest architecture, ViT of width 32 and depth 2: 16 missing"
    names = r"\(mask_decoder.transformer.layers.0.cross_attn_token_to_image.q_proj.weight, .*, …\);"
    with pytest.raises(KeysMismatch, match=f"{start} {names}") as caught:
        fit(sam.config, kept, "x.pth")
    assert caught.value.message.count("cross_attn_token_to_image") == 3


def test_unexpected_tensors_and_other_shapes_are_named():
    sam = small_vit()
    tensors = sam.state_dict() | {
        "lora\x1b.weight": torch.zeros(1),
        "mask_decoder.iou_token.weight": torch.zeros(2, 32),
        "image_encoder.patch_embed.proj.bias": torch.zeros(32, dtype=torch.int8),
    }
    with pytest.raises(KeysMismatch) as caught:
        fit(sam.config, tensors, "x.pth")
    assert r"1 unexpected (lora\x1b.weight)" in caught.value.message
    assert "2 of another shape (image_encoder.patch_embed.proj.bias 32 int8 instead of 32, " in (
        caught.value.message
    )
    assert "mask_decoder.iou_token.weight 2×32 instead of 1×32)" in caught.value.message
    assert "missing" not in caught.value.message


def test_tensors_of_one_published_size_do_not_fit_another():
    with torch.device("meta"):
        tensors = Sam(small_vit().config).state_dict()
    with pytest.raises(KeysMismatch, match="nearest architecture, ViT-B: 140 missing"):
        fit(vit_b(), tensors, "x.pth")


@pytest.mark.parametrize(
    "changes",
    [
        {"embedding_dim": -8},
        {"decoder_mlp_width": -3},
        {"vit": None, "lite": LiteConfig(variant="lite9")},
    ],
)
def test_settings_of_no_network_are_refused(changes):
    sam = small_vit()
    with pytest.raises(KeysMismatch, match=r"x.pth: its settings describe no network: "):
        fit(replace(sam.config, **changes), sam.state_dict(), "x.pth")


def test_loading_does_not_wake_the_compiler():
    program = (
        "import sys\n"  # a program of its own: other tests may have loaded the compiler
        "from tests.unit.model.seeded import small_lite\n"
        "from anymask.weights.fit import fit\n"
        "sam = small_lite()\n"
        "fit(sam.config, sam.state_dict(), 'x')\n"
        "print(sorted({'sympy', 'torch._dynamo'} & set(sys.modules)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[]\n"

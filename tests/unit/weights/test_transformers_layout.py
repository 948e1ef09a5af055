"""Names of transformers and of the release: one for one, both ways, and nothing is lost."""

import pytest
import torch

from anymask.weights.transformers_layout import (
    from_transformers,
    is_transformers,
    to_transformers,
)
from tests.unit.model.seeded import small_vit

CODE = "prompt_encoder.shared_embedding.positional_embedding"
AGAIN = "shared_image_embedding.positional_embedding"
NAMES = {
    "image_encoder.pos_embed": "vision_encoder.pos_embed",
    "image_encoder.patch_embed.proj.bias": "vision_encoder.patch_embed.projection.bias",
    "image_encoder.blocks.11.norm2.weight": "vision_encoder.layers.11.layer_norm2.weight",
    "image_encoder.blocks.1.attn.proj.bias": "vision_encoder.layers.1.attn.proj.bias",
    "image_encoder.blocks.1.mlp.lin1.bias": "vision_encoder.layers.1.mlp.lin1.bias",
    "image_encoder.neck.0.weight": "vision_encoder.neck.conv1.weight",
    "image_encoder.neck.1.bias": "vision_encoder.neck.layer_norm1.bias",
    "image_encoder.neck.2.weight": "vision_encoder.neck.conv2.weight",
    "image_encoder.neck.3.bias": "vision_encoder.neck.layer_norm2.bias",
    "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": CODE,
    "prompt_encoder.point_embeddings.3.weight": "prompt_encoder.point_embed.3.weight",
    "prompt_encoder.not_a_point_embed.weight": "prompt_encoder.not_a_point_embed.weight",
    "prompt_encoder.mask_downscaling.0.weight": "prompt_encoder.mask_embed.conv1.weight",
    "prompt_encoder.mask_downscaling.1.bias": "prompt_encoder.mask_embed.layer_norm1.bias",
    "prompt_encoder.mask_downscaling.3.weight": "prompt_encoder.mask_embed.conv2.weight",
    "prompt_encoder.mask_downscaling.4.bias": "prompt_encoder.mask_embed.layer_norm2.bias",
    "prompt_encoder.mask_downscaling.6.weight": "prompt_encoder.mask_embed.conv3.weight",
    "mask_decoder.transformer.layers.1.norm4.bias": (
        "mask_decoder.transformer.layers.1.layer_norm4.bias"
    ),
    "mask_decoder.transformer.norm_final_attn.bias": (
        "mask_decoder.transformer.layer_norm_final_attn.bias"
    ),
    "mask_decoder.output_upscaling.0.weight": "mask_decoder.upscale_conv1.weight",
    "mask_decoder.output_upscaling.1.bias": "mask_decoder.upscale_layer_norm.bias",
    "mask_decoder.output_upscaling.3.weight": "mask_decoder.upscale_conv2.weight",
    "mask_decoder.iou_prediction_head.layers.0.bias": (
        "mask_decoder.iou_prediction_head.proj_in.bias"
    ),
    "mask_decoder.iou_prediction_head.layers.1.bias": (
        "mask_decoder.iou_prediction_head.layers.0.bias"
    ),
    "mask_decoder.iou_prediction_head.layers.2.bias": (
        "mask_decoder.iou_prediction_head.proj_out.bias"
    ),
    "mask_decoder.output_hypernetworks_mlps.2.layers.0.bias": (
        "mask_decoder.output_hypernetworks_mlps.2.proj_in.bias"
    ),
    "mask_decoder.output_hypernetworks_mlps.2.layers.1.bias": (
        "mask_decoder.output_hypernetworks_mlps.2.layers.0.bias"
    ),
    "mask_decoder.output_hypernetworks_mlps.2.layers.2.bias": (
        "mask_decoder.output_hypernetworks_mlps.2.proj_out.bias"
    ),
}


@pytest.mark.parametrize(("ours", "theirs"), NAMES.items())
def test_names_are_turned_both_ways(ours, theirs):
    tensor = torch.zeros(1)
    assert next(iter(to_transformers({ours: tensor}))) == theirs
    assert from_transformers({theirs: tensor}) == {ours: tensor}


def test_a_network_there_and_back_is_the_same_in_the_same_order():
    state = small_vit().state_dict()
    there = to_transformers(state)
    assert len(there) == len(state) + 1
    assert list(there)[-1] == AGAIN
    assert there[AGAIN] is there[CODE]
    assert is_transformers(there)
    assert not is_transformers(state)
    back = from_transformers(there)
    assert list(back) == list(state)
    assert all(torch.equal(back[name], tensor) for name, tensor in state.items())


def test_the_matrix_may_stand_in_either_place_alone():
    state = small_vit().state_dict()
    for left_out in (CODE, AGAIN):
        there = to_transformers(state)
        del there[left_out]
        assert from_transformers(there).keys() == state.keys()


def test_two_matrices_that_differ_are_both_kept():
    there = to_transformers(small_vit().state_dict())
    there[AGAIN] = there[AGAIN] + 1
    back = from_transformers(there)
    assert back[AGAIN] is there[AGAIN]
    assert back["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"] is there[CODE]


def test_a_tensor_under_both_names_hides_none():
    one, other = torch.zeros(1), torch.ones(1)
    both = {"vision_encoder.pos_embed": one, "image_encoder.pos_embed": other}
    assert from_transformers(both) == both
    assert from_transformers({"lora_A.weight": one}) == {"lora_A.weight": one}

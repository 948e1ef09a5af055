"""SAM in the layout of transformers: the same names, weights and masks, both ways.

The oracle is SamModel of transformers 5. Weights are drawn; tables that are zero in a fresh
network are drawn too. Tolerances are those of the plain networks.

Their decoder's norms add 1e-6 to the variance where the release adds 1e-5. Networks are compared
with the release's number on both sides; masks of a photo as each has it.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import (
    SamConfig,
    SamImageProcessor,
    SamMaskDecoderConfig,
    SamModel,
    SamPromptEncoderConfig,
    SamVisionConfig,
)

import anymask
from anymask.model.configs import SamConfig as OurConfig
from anymask.model.configs import VitConfig, vit_b, vit_h, vit_l
from anymask.model.image_encoder import ImageFeatures
from anymask.model.sam import Sam, choose_masks
from anymask.weights.transformers_layout import from_transformers, to_transformers
from tests.reference.test_network_parity import (
    as_batch,
    assert_close,
    clicks,
    logits_of_masks,
    rectangles,
    shapes_of,
)
from tests.unit.model.seeded import fill, numbers, quick_numbers, without_values

SIDE = 256
GRID = SIDE // 16


def theirs_of(config: OurConfig, norm_eps: float = 1e-5) -> SamConfig:
    """The same architecture in their terms; everything else is their default."""
    vit, size = config.vit, config.input_size
    assert vit is not None
    return SamConfig(
        vision_config=SamVisionConfig(
            hidden_size=vit.width,
            num_hidden_layers=vit.depth,
            num_attention_heads=vit.num_heads,
            global_attn_indexes=list(vit.global_blocks),
            image_size=size,
        ),
        prompt_encoder_config=SamPromptEncoderConfig(image_size=size),
        mask_decoder_config=SamMaskDecoderConfig(layer_norm_eps=norm_eps),
    )


def shallow(width: int = 768, heads: int = 12) -> OurConfig:
    """Three blocks of a published width, one global, at a quarter of the side."""
    vit = VitConfig(width=width, depth=3, num_heads=heads, global_blocks=(1,))
    return replace(vit_b(SIDE), vit=vit)


def drawn(config: OurConfig, seed: int) -> Sam:
    sam = Sam(config).eval().requires_grad_(requires_grad=False)
    fill(sam, seed, quick_numbers)
    return sam


@pytest.fixture(scope="module")
def ours() -> Sam:
    return drawn(shallow(), 5)


@pytest.fixture(scope="module")
def theirs(ours) -> SamModel:
    """Their network with our weights."""
    model = SamModel(theirs_of(ours.config)).eval()
    model.load_state_dict(to_transformers(ours.state_dict()), strict=True)
    return model


# --- names ---


@pytest.mark.parametrize("config", [vit_b(), vit_l(), vit_h()])
def test_names_and_shapes_are_theirs_both_ways(config):
    sam = without_values(lambda: Sam(config))
    model = without_values(lambda: SamModel(theirs_of(config)))
    expected = shapes_of(model)
    there = to_transformers(sam.state_dict())
    assert {name: tuple(tensor.shape) for name, tensor in there.items()} == expected
    saved = dict(model.state_dict())
    del saved["prompt_encoder.shared_embedding.positional_embedding"]  # as their files leave it out
    back = from_transformers(saved)
    assert {name: tuple(tensor.shape) for name, tensor in back.items()} == shapes_of(sam)


# --- ours to theirs ---


@torch.no_grad()
def test_the_image_encoder_agrees(ours, theirs):
    pixels = numbers((2, 3, SIDE, SIDE), 11)
    assert_close(ours.encode(pixels).embedding, theirs.get_image_embeddings(pixels))


@pytest.mark.parametrize(("width", "heads"), [(1024, 16), (1280, 16)])
@torch.no_grad()
def test_the_image_encoders_of_other_widths_agree(width, heads):
    sam = drawn(shallow(width, heads), 6)
    model = SamModel(theirs_of(sam.config)).eval()
    model.load_state_dict(to_transformers(sam.state_dict()), strict=True)
    pixels = numbers((1, 3, SIDE, SIDE), 12)
    assert_close(sam.encode(pixels).embedding, model.get_image_embeddings(pixels))


PROMPTS: dict[str, dict[str, Any]] = {
    "one point": {"points": clicks(1, 1, SIDE)},
    "five prompts of two points": {"points": clicks(5, 2, SIDE)},
    "two boxes": {"boxes": rectangles(2, SIDE)},
    "box and points": {"points": clicks(2, 2, SIDE), "boxes": rectangles(2, SIDE)},
    "point and mask": {"points": clicks(1, 2, SIDE), "masks": logits_of_masks(1, GRID)},
}


@pytest.mark.parametrize("kind", PROMPTS)
@pytest.mark.parametrize("multimask", [True, False])
@torch.no_grad()
def test_masks_and_scores_agree(ours, theirs, kind, multimask):
    prompts, embedding = PROMPTS[kind], numbers((1, 256, GRID, GRID), 21)
    answers = ours.decode(ImageFeatures(embedding), as_batch(**prompts))
    found = choose_masks(answers, multimask=multimask)
    points, boxes, masks = (prompts.get(key) for key in ("points", "boxes", "masks"))
    expected = theirs(
        image_embeddings=embedding,
        input_points=None if points is None else points[0][None],
        input_labels=None if points is None else points[1][None],
        input_boxes=None if boxes is None else boxes[None],
        input_masks=masks,
        multimask_output=multimask,
    )
    assert_close(found.low_res_logits, expected.pred_masks)
    torch.testing.assert_close(found.iou, expected.iou_scores, rtol=0, atol=1e-5)


# --- theirs to ours ---


@pytest.fixture(scope="module")
def photo(photos) -> Image.Image:
    with Image.open(photos / "astronaut.png") as picture:
        return picture.convert("RGB").resize((251, 313), Image.Resampling.LANCZOS)


@torch.no_grad()
def test_a_folder_that_transformers_saved_answers_alike(photo, ours, tmp_path):
    theirs = SamModel(theirs_of(ours.config, SamMaskDecoderConfig().layer_norm_eps)).eval()
    fill(theirs, 9, quick_numbers)
    theirs.save_pretrained(tmp_path)
    model = anymask.load(tmp_path / "model.safetensors", device="cpu")
    assert model.loaded.sam.config == replace(shallow(), name="vit_768x3")
    points = [[(120.5, 90.25)], [(30.0, 250.0)], [(200.0, 20.0)]]
    masks, scores = answer_of_transformers(theirs, photo, points)
    embedding = model.embed(photo)
    for index, place in enumerate(points):
        found = model.predict(embedding, points=place)
        np.testing.assert_allclose(found.scores, scores[index], rtol=0, atol=1e-4)
        for mask, expected in zip(found, masks[index].numpy(), strict=True):
            assert (mask.array == expected).mean() >= 0.9999
            assert 0 < expected.mean() < 1


def answer_of_transformers(
    model: SamModel, photo: Image.Image, points: list[list[tuple[float, float]]]
) -> tuple[Tensor, Tensor]:
    """What their processor and model make of a photo: masks (P, 3, H, W) and scores (P, 3)."""
    processor = SamImageProcessor(
        size={"longest_edge": SIDE},
        pad_size={"height": SIDE, "width": SIDE},
        mask_size={"longest_edge": GRID * 4},
    )
    inputs = processor(photo, return_tensors="pt")
    scale = inputs["reshaped_input_sizes"][0] / inputs["original_sizes"][0]
    answers = model(
        pixel_values=inputs["pixel_values"],
        input_points=(torch.tensor(points) * scale.flip(0))[None].float(),
        input_labels=torch.ones(1, len(points), 1, dtype=torch.long),
    )
    (masks,) = processor.post_process_masks(
        answers.pred_masks,
        inputs["original_sizes"],
        inputs["reshaped_input_sizes"],
        pad_size={"height": SIDE, "width": SIDE},
    )
    return masks, answers.iou_scores[0]

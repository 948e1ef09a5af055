"""The published package with random weights, and our model with the same ones."""

import sys
from pathlib import Path
from typing import Any

import torch

from anymask.model.configs import SamConfig, VitConfig, vit_b
from anymask.model.sam import Sam

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.reference.torchvision_standin import import_reference


def pair(depth: int, seed: int = 0) -> tuple[Any, Sam]:
    """Give the published ViT-B model with `depth` blocks, and ours holding its weights.

    The tables of positions are zero in a fresh model; here they are drawn, or half of the work
    would do nothing.
    """
    blocks = tuple(i for i in (2, 5, 8, 11) if i < depth)
    torch.manual_seed(seed)
    builder = import_reference("segment_anything.build_sam")
    published = builder._build_sam(768, depth, 12, list(blocks))
    with torch.no_grad():
        for name, parameter in published.named_parameters():
            if "rel_pos" in name or "pos_embed" in name:
                parameter.normal_(0, 0.1)
    ours = Sam(config_of_depth(depth, blocks))
    ours.load_state_dict(published.state_dict())
    return published.eval().requires_grad_(False), ours.eval().requires_grad_(False)


def published_predictor(published: Any) -> Any:  # noqa: ANN401 - an untyped package
    """Give the published predictor of a published model."""
    return import_reference().SamPredictor(published)


def config_of_depth(depth: int, blocks: tuple[int, ...]) -> SamConfig:
    """Give ViT-B's configuration with fewer blocks."""
    if depth == 12:
        return vit_b()
    vit = VitConfig(width=768, depth=depth, num_heads=12, global_blocks=blocks)
    return SamConfig(name=f"vit_b_depth_{depth}", vit=vit)

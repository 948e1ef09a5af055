"""The published package with random weights, and our model with the same ones."""

import sys
from pathlib import Path
from typing import Any, Literal

import torch

from anymask.model.configs import SamConfig, VitConfig, vit_b, vit_h
from anymask.model.sam import Sam
from anymask.weights.loaded import LoadedModel

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.reference.torchvision_standin import import_reference

Shape = Literal["vit_b", "vit_h"]

CPU = torch.device("cpu")


def pair(shape: Shape, depth: int | None = None, seed: int = 0) -> tuple[Any, Sam]:
    """Give a published model with random weights, and ours holding the same.

    Tables of positions and biases are zero in a fresh model; here they are drawn, or part of the
    work would do nothing.

    Args:
        shape: The image encoder.
        depth: Its blocks; None for all.
        seed: Of the weights.
    """
    torch.manual_seed(seed)
    config = config_of(shape, depth)
    vit = vit_of(config)
    builder = import_reference("segment_anything.build_sam")
    published = builder._build_sam(vit.width, vit.depth, vit.num_heads, list(vit.global_blocks))
    with torch.no_grad():
        for name, parameter in published.named_parameters():
            if "rel_pos" in name or "pos_embed" in name:
                parameter.normal_(0, 0.1)
            elif name.endswith("bias"):
                parameter.normal_(0, 0.05)
    ours = Sam(config)
    ours.load_state_dict(published.state_dict())
    return published.eval().requires_grad_(False), ours.eval().requires_grad_(False)


def config_of(shape: Shape, depth: int | None = None) -> SamConfig:
    """Give a published configuration, or one with fewer blocks: the last global, if any is."""
    whole = vit_b() if shape == "vit_b" else vit_h()
    if depth is None:
        return whole
    full = vit_of(whole)
    vit = VitConfig(
        width=full.width,
        depth=depth,
        num_heads=full.num_heads,
        global_blocks=(depth - 1,) if depth > 1 else (),
    )
    return SamConfig(name=f"{shape}_depth_{depth}", vit=vit)


def vit_of(config: SamConfig) -> VitConfig:
    """Give the encoder part of a ViT's configuration."""
    if config.vit is None:
        raise ValueError(f"{config.name} has no ViT")
    return config.vit


def published_predictor(published: Any) -> Any:  # noqa: ANN401 - an untyped package
    """Give the published predictor of a published model."""
    return import_reference().SamPredictor(published)


def loaded(sam: Sam, device: torch.device = CPU) -> LoadedModel:
    """Give a network in memory as loading a file gives it."""
    return LoadedModel(
        sam=sam.to(device),
        name=sam.config.name,
        sha256="0" * 64,
        origin="random weights",
        device=device,
        dtype=torch.float32,
        metadata={},
    )

"""Small seeded models for tests, built in milliseconds."""

from dataclasses import replace

import numpy as np
import torch

from anymask.api import Model
from anymask.model.configs import SamConfig, VitConfig, tiny
from anymask.model.sam import Sam
from anymask.weights.loaded import LoadedModel

SIDE = 64
# Raw random networks give logits near 0, where a tolerance would prove nothing.
LOGIT_SCALE = 30.0


def small_vit(input_size: int = SIDE) -> SamConfig:
    """The published architecture with two blocks of 32 channels."""
    vit = VitConfig(width=32, depth=2, num_heads=2, global_blocks=(1,), window=3)
    return SamConfig(
        name="small",
        vit=vit,
        input_size=input_size,
        decoder_mlp_width=32,
        logit_scale=LOGIT_SCALE,
    )


def small_lite(input_size: int = SIDE) -> SamConfig:
    """The default model's architecture on a small frame."""
    return replace(tiny(input_size), decoder_mlp_width=32, logit_scale=LOGIT_SCALE)


def seeded_sam(config: SamConfig, seed: int = 0) -> Sam:
    """A network whose masks have an inside and an outside; the global generator stays as it is."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        sam = Sam(config).eval()
        for name, parameter in sam.named_parameters():
            # What starts at zero would hide whether it is used.
            if name.endswith(("pos_embed", "rel_pos_h", "rel_pos_w")):
                torch.nn.init.normal_(parameter, std=0.02)
    return sam.requires_grad_(False)


def loaded(config: SamConfig, seed: int = 0) -> LoadedModel:
    """A seeded network as loading gives it."""
    return LoadedModel(
        sam=seeded_sam(config, seed),
        name=config.name,
        sha256=f"{seed}" * 64,
        origin="seeded",
        device=torch.device("cpu"),
        dtype=torch.float32,
        metadata={},
    )


def model(config: SamConfig, seed: int = 0) -> Model:
    """A seeded network as people hold it."""
    return Model(loaded(config, seed))


def picture(height: int = 40, width: int = 56, seed: int = 0) -> np.ndarray:
    """Smooth coloured patches with some noise, uint8 (H, W, 3)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    phases = random.uniform(0, 6, 3)
    waves = [np.sin(x / 5 + p) + np.cos(y / 7 - p) for p in phases]
    noisy = 120 + 50 * np.stack(waves, -1) + random.normal(0, 8, (height, width, 3))
    return noisy.clip(0, 255).astype(np.uint8)

"""Small networks with values that are the same on every machine and in every version of torch."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from anymask.model.configs import LiteConfig, SamConfig, TinyVitConfig, VitConfig
from anymask.model.image_encoder import ImageFeatures
from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam
from anymask.weights.fit import _NothingDrawn

# Tables of vectors, which nothing is summed over.
_TABLES = ("pos_embed", "_embed.weight", "token.weight", "tokens.weight")


def numbers(shape: tuple[int, ...], seed: int) -> Tensor:
    """Evenly spread values of unit variance from a counter and whole numbers alone."""
    mixed = np.arange(math.prod(shape), dtype=np.uint64) + np.uint64(seed) * np.uint64(1 << 32)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    unit = (mixed >> np.uint64(40)).astype(np.float64) / 2**24
    return torch.from_numpy((2 * unit - 1) * math.sqrt(3)).float().reshape(shape)


def quick_numbers(shape: tuple[int, ...], seed: int) -> Tensor:
    """The same from torch's generator, for large networks whose values need not be known."""
    generator = torch.Generator().manual_seed(seed)
    return torch.empty(shape).uniform_(-math.sqrt(3), math.sqrt(3), generator=generator)


def fill(
    network: nn.Module, seed: int = 0, draw: Callable[[tuple[int, ...], int], Tensor] = numbers
) -> None:
    """Give every parameter and buffer a value of a sensible size; position tables too."""
    with torch.no_grad():
        for index, (name, tensor) in enumerate(network.state_dict().items()):
            drawn = draw(tuple(tensor.shape), 1000 * seed + index)
            if "var" in name.rpartition(".")[2]:
                tensor.copy_(1 + 0.3 * drawn)
            elif "gaussian" in name:
                tensor.copy_(drawn)
            elif tensor.dim() == 1:
                is_scale = name.endswith(("weight", "scale"))
                tensor.copy_(float(is_scale) + 0.1 * drawn)
            elif name.endswith(_TABLES) or "point_embeddings" in name:
                tensor.copy_(0.5 * drawn)
            elif "rel_pos" in name or "attention_biases" in name:
                tensor.copy_(0.2 * drawn)
            else:
                tensor.copy_(drawn / math.sqrt(tensor[0].numel()))


def small_vit_config(**changes: object) -> SamConfig:
    """A plain ViT of two blocks, one with windows that need padding."""
    settings: dict = {
        "name": "small_vit",
        "vit": VitConfig(width=32, depth=2, num_heads=2, global_blocks=(1,), window=3),
        "input_size": 64,
        "embedding_dim": 32,
        "decoder_mlp_width": 64,
    }
    return SamConfig(**(settings | changes))


def small_lite_config(**changes: object) -> SamConfig:
    """The default architecture with narrow tokens."""
    settings: dict = {
        "name": "small_lite",
        "lite": LiteConfig(),
        "input_size": 64,
        "embedding_dim": 32,
        "decoder_mlp_width": 64,
        "has_high_res": True,
        "has_click_maps": True,
        "has_mask_scorer": True,
        "logit_scale": 0.5,
    }
    return SamConfig(**(settings | changes))


def small_tinyvit_config(**changes: object) -> SamConfig:
    """A TinyViT of one block a stage, with windows that need padding."""
    settings: dict = {
        "name": "tinyvit_24x5",
        "tinyvit": TinyVitConfig(
            widths=(8, 12, 16, 24), depths=(1, 1, 2, 1), num_heads=(1, 2, 3), windows=(3, 4, 3)
        ),
        "input_size": 64,
        "embedding_dim": 32,
        "decoder_mlp_width": 64,
    }
    return SamConfig(**(settings | changes))


def small_vit(seed: int = 0, **changes: object) -> Sam:
    sam = Sam(small_vit_config(**changes)).eval()
    fill(sam, seed)
    return sam


def small_lite(seed: int = 0, **changes: object) -> Sam:
    sam = Sam(small_lite_config(**changes)).eval()
    fill(sam, seed)
    return sam


def small_tinyvit(seed: int = 0, **changes: object) -> Sam:
    sam = Sam(small_tinyvit_config(**changes)).eval()
    fill(sam, seed)
    return sam


def without_values(make: Callable[[], nn.Module]) -> nn.Module:
    """Build a network of any size for its names and shapes alone."""
    with _NothingDrawn(), torch.device("meta"):
        return make()


def features_of(sam: Sam, num_pictures: int = 1, seed: int = 7) -> ImageFeatures:
    size = sam.config.input_size
    with torch.no_grad():
        return sam.encode(numbers((num_pictures, 3, size, size), seed))


def prompts_of(points: list, labels: list, **more: Tensor) -> PromptBatch:
    """One picture's prompts: points[prompt][point] = (x, y)."""
    return PromptBatch(torch.tensor([points], dtype=torch.float32), torch.tensor([labels]), **more)

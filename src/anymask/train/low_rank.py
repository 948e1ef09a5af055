"""Low-rank changes: a frozen encoder learns by a thin product added to some of its matrices.

A weight W of shape (out, in) is used as W + (alpha / rank) · U D with D of shape (rank, in) and U
of shape (out, rank). U begins at zero, so the first answers are those of the model as it was. At
the end the product is folded into W and the checkpoint is an ordinary one.

Source: LoRA: Low-Rank Adaptation of Large Language Models (Hu et al., 2021), section 4.1.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from anymask.errors import ConfigError

# Attention of a ViT and of the default encoder's global block; of its backbone the convolutions
# that mix channels, and those that hand its features on.
ATTENTION_AND_MIXING = (
    r"attn\.(qkv|proj|q_proj|k_proj|v_proj|out_proj)$|\.(expand|project)$|(skip|lateral)\d+$"
)
_MARK = ".parametrizations.weight.0."
_QUERY, _KEY, _VALUE = range(3)  # the order in a fused projection


@dataclass(frozen=True, slots=True, kw_only=True)
class LowRankSettings:
    """What a low-rank change is like.

    Attributes:
        rank: Rank of the product; a narrower matrix gets as much as it can have.
        alpha: Strength: the product counts alpha / rank times.
        pattern: Regular expression; it is looked for in the names of modules.
        fused: Which thirds of a fused query-key-value projection change: "qkv", or "qv" as in the
            paper.
    """

    rank: int = 8
    alpha: float = 8.0
    pattern: str = ATTENTION_AND_MIXING
    fused: Literal["qkv", "qv"] = "qkv"

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ConfigError(f"rank must be at least 1, got {self.rank}", hint="use 8")
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise ConfigError(
                f"alpha must be a finite number above 0, got {self.alpha}", hint="use the rank"
            )
        if self.fused not in ("qkv", "qv"):
            raise ConfigError(f"fused must be qkv or qv, got {self.fused!r}", hint="use qkv")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ConfigError(
                f"pattern {self.pattern!r} is no regular expression: {error}",
                hint="leave it out for attention and mixing layers",
            ) from error


class LowRank(nn.Module):
    """A weight plus a low-rank product.

    Args:
        weight: The weight to be changed, (out, in) or (out, in, 1, 1).
        rank: Rank of the product.
        strength: Factor of the product.
        thirds: For a fused projection which thirds of the output change; None for any other.
    """

    def __init__(
        self, weight: Tensor, rank: int, strength: float, thirds: tuple[int, ...] | None
    ) -> None:
        super().__init__()
        parts, num_changed = (1, 1) if thirds is None else (3, len(thirds))
        out, into = weight.shape[0] // parts, weight.shape[1]
        rank = min(rank, out, into)
        self.strength, self.thirds = strength, thirds
        self.down = nn.Parameter(weight.new_empty(num_changed, rank, into))
        self.up = nn.Parameter(weight.new_zeros(num_changed, out, rank))

    def forward(self, weight: Tensor) -> Tensor:
        """Give the changed weight, (out, in) or (out, in, 1, 1)."""
        # What is learned in full precision is folded in later: no rounding may come between.
        with torch.autocast(weight.device.type, enabled=False):
            change = self.strength * (self.up @ self.down)  # (parts changed, out, in)
        if self.thirds is not None:
            zero = torch.zeros_like(change[0])
            row_of = {third: change[row] for row, third in enumerate(self.thirds)}
            change = torch.cat([row_of.get(third, zero) for third in (_QUERY, _KEY, _VALUE)])
        return weight + change.reshape(weight.shape)


def add_low_rank(module: nn.Module, settings: LowRankSettings, seed: int) -> list[str]:
    """Freeze a module and let low-rank changes of some of its weights learn instead, in place.

    The names of its tensors change until `merge_low_rank`; a state dict taken meanwhile fits a
    module to which the same changes were added.

    Args:
        module: Say, the image encoder.
        settings: What the changes are like, and of which weights.
        seed: Seed of the first values.

    Returns:
        Names of the layers changed, inside `module`.

    Raises:
        ConfigError: If there are changes already, or the pattern meets no linear layer and no
            1 × 1 convolution.
    """
    if low_rank_layers(module):
        raise ConfigError(
            "the module has low-rank changes already", hint="merge them before adding others"
        )
    chosen = {
        name: layer
        for name, layer in module.named_modules()
        if re.search(settings.pattern, f".{name}") and _is_matrix(layer)
    }
    if not chosen:
        raise ConfigError(
            f"pattern {settings.pattern!r} meets no linear layer and no 1 × 1 convolution",
            hint="leave it out for attention and mixing layers",
        )
    module.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, layer in chosen.items():
        is_fused = name.endswith("qkv")
        thirds = None
        if is_fused:
            thirds = (_QUERY, _VALUE) if settings.fused == "qv" else (_QUERY, _KEY, _VALUE)
        weight = torch.as_tensor(layer.weight)
        change = LowRank(weight, settings.rank, settings.alpha / settings.rank, thirds)
        _draw(change.down, generator)
        parametrize.register_parametrization(layer, "weight", change)
    return list(chosen)


def merge_low_rank(module: nn.Module) -> list[str]:
    """Fold the low-rank changes into the weights, in place; names are the ordinary ones again.

    Args:
        module: The module they were added to, or one that holds it, such as a whole model.

    Returns:
        Names of the layers that had changes.
    """
    names = low_rank_layers(module)
    for name in names:
        _merge(module.get_submodule(name))
    return names


@torch.no_grad()
def _merge(layer: nn.Module) -> None:
    # torch's own removal changes the class, which a deep copy shares: merging the running average
    # would break the model still in training.
    weight = layer.get_parameter("parametrizations.weight.original")
    weight.copy_(torch.as_tensor(layer.weight))
    layer.__class__ = type(layer).__bases__[0]
    del layer._modules["parametrizations"]
    # In front of the bias, where a model of the same kind has it.
    layer._parameters = {"weight": weight, **layer._parameters}


def low_rank_layers(module: nn.Module) -> list[str]:
    """Give the names of the layers that have low-rank changes."""
    return [
        name
        for name, layer in module.named_modules()
        if parametrize.is_parametrized(layer, "weight")
        and isinstance(layer.parametrizations["weight"][0], LowRank)
    ]


def is_low_rank(name: str) -> bool:
    """Say whether a parameter of this name is part of a low-rank change."""
    return _MARK in f".{name}"


def _is_matrix(layer: nn.Module) -> bool:
    weight = layer._parameters.get("weight")
    if weight is None or isinstance(layer, nn.Embedding) or getattr(layer, "groups", 1) > 1:
        return False
    return weight.dim() == 2 or (weight.dim() == 4 and weight.shape[2:].numel() == 1)


def _draw(down: Tensor, generator: torch.Generator) -> None:
    """Fill with uniform values of variance 1 / (3 in), as a linear layer's weight begins."""
    bound = 1 / math.sqrt(down.shape[-1])
    drawn = torch.empty(down.shape).uniform_(-bound, bound, generator=generator)
    with torch.no_grad():
        down.copy_(drawn)

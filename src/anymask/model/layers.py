"""The small layers every box of the figure is made of."""

from itertools import pairwise
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of a map (B, C, H, W)."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Give the normalised map, (B, C, H, W)."""
        x = x.permute(0, 2, 3, 1)  # (B, H, W, C)
        x = F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)  # (B, C, H, W)


class Mlp(nn.Module):
    """Linear layers with ReLU between them.

    Args:
        channels: Channels of the input, of each hidden layer and of the output.
    """

    def __init__(self, *channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Give the output for x of shape (..., C)."""
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class Attention(nn.Module):
    """Multi-head attention between the prompts' token lists, or between tokens and image.

    Token lists have shape (B, P, T, C). Either side may come with P = 1 when all prompts of a
    picture share it: it is then used for every prompt without being copied.

    Args:
        dim: Channels of queries, keys and values.
        num_heads: Heads.
        downsample: Divisor of the channels inside the attention.
    """

    def __init__(self, dim: int, num_heads: int, downsample: int = 1) -> None:
        super().__init__()
        inner = dim // downsample
        self.num_heads = num_heads
        self.q_proj = nn.Linear(dim, inner)
        self.k_proj = nn.Linear(dim, inner)
        self.v_proj = nn.Linear(dim, inner)
        self.out_proj = nn.Linear(inner, dim)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            q: Queries, (B, P or 1, T, C).
            k: Keys, (B, P or 1, S, C).
            v: Values, (B, P or 1, S, C).
            bias: Added to every query's scores, (B, P or 1, S), or None.

        Returns:
            (B, P, T, C).
        """
        return self.out_proj(self.attend(self.q_proj(q), self.k_proj(k), self.v_proj(v), bias))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
        """Attend with what is projected already, (B, P or 1, T or S, C / downsample).

        Args:
            q: Queries.
            k: Keys.
            v: Values.
            bias: Added to every query's scores, (B, P or 1, S), or None.

        Returns:
            (B, P, T, C / downsample), before the output projection.
        """
        (B, P, T, C), shared = q.shape, k.shape[1]
        if bias is not None:
            bias = bias[:, :, None].expand(B, max(P, shared), T, k.shape[2])  # (B, P, T, S)
        if shared == 1 and P > 1:  # one set of keys: all prompts' queries are one long list
            q = q.reshape(B, 1, P * T, C)
            bias = None if bias is None else bias.reshape(B, 1, P * T, -1)
        elif P == 1 and shared > 1:
            q = q.expand(B, shared, T, C)
        mask = None if bias is None else bias.flatten(0, 1)[:, None]  # (BP, 1, T, S)
        out = F.scaled_dot_product_attention(self._heads(q), self._heads(k), self._heads(v), mask)
        return out.transpose(1, 2).reshape(B, max(P, shared), T, C)

    def _heads(self, x: Tensor) -> Tensor:
        x = x.flatten(0, 1)  # (BP, T, C)
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (BP, heads, T, C / heads)


class LocalBlock(nn.Module):
    """Depthwise 5 × 5 convolution and an MLP, with a residual around them.

    Source: ConvNeXt (Liu et al., 2022), with a smaller kernel and MLP.

    Args:
        dim: Channels.
        is_silent: Whether a new block changes nothing.
    """

    def __init__(self, dim: int, *, is_silent: bool = False) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        last = nn.Linear(2 * dim, dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.GELU(), silent(last) if is_silent else last
        )

    def forward(self, x: Tensor) -> Tensor:
        """Give the block's output for x of shape (B, C, h, w)."""
        mixed = self.norm(self.depthwise(x).permute(0, 2, 3, 1))  # (B, h, w, C)
        return x + self.mlp(mixed).permute(0, 3, 1, 2)


def silent(layer: Layer) -> Layer:
    """Let a layer give zeros until it has learnt."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def drop_path(branch: Tensor, rate: float) -> Tensor:
    """Leave a residual branch out for some pictures; where it stays it counts for those left out.

    Args:
        branch: What would be added to the tokens, (B, ...).
        rate: Chance that a picture goes without it, in [0, 1).

    Returns:
        (B, ...), on average what was given; the very same tensor when nothing is left out.

    Source:
        Deep Networks with Stochastic Depth (Huang et al., 2016), equations 2 and 5.
    """
    if rate == 0:
        return branch
    shape = (branch.shape[0], *[1] * (branch.dim() - 1))
    stays = torch.rand(shape, device=branch.device) >= rate
    return branch * (stays.to(branch.dtype) / (1 - rate))

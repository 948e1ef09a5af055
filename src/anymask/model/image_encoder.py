"""The image encoder: a plain vision transformer with local windows and a few global blocks.

Shape letters: B pictures, h w token grid, C channels, n heads, d channels a head.
Source: Segment Anything (Kirillov et al., 2023), appendix A; ViTDet (Li et al., 2022); decomposed
relative positions of MViTv2 (Li et al., 2022).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from anymask.model.configs import VitConfig
from anymask.model.layers import ChannelNorm, drop_path

# One block of attention scores, in numbers: small enough to stay in a core's cache.
SCORES_AT_ONCE = 1 << 21


class ImageFeatures(NamedTuple):
    """What an image encoder gives.

    Attributes:
        embedding: The image embedding, (B, C, h, w), one cell per 16 pixels.
        high_res: Features at strides 8 and 4, (B, C/4, 2h, 2w) and (B, C/8, 4h, 4w); or empty.
    """

    embedding: Tensor
    high_res: tuple[Tensor, ...] = ()


class VitImageEncoder(nn.Module):
    """Picture → tokens → blocks → neck.

    Args:
        config: Shapes of the transformer.
        input_size: Side of the frame the position table is made for, pixels.
        embedding_dim: Channels of the image embedding.

    Attributes:
        recompute: Whether training keeps only what passes between blocks and computes the inside
            of a block again for its gradient: far less memory for a third more work.
    """

    recompute = False

    def __init__(self, config: VitConfig, input_size: int, embedding_dim: int) -> None:
        super().__init__()
        grid = input_size // config.patch
        self.patch_embed = PatchEmbed(config.patch, config.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, grid, grid, config.width))
        self.blocks = nn.ModuleList(
            Block(config, window=None if i in config.global_blocks else config.window, grid=grid)
            for i in range(config.depth)
        )
        self.neck = nn.Sequential(
            nn.Conv2d(config.width, embedding_dim, 1, bias=False),
            ChannelNorm(embedding_dim),
            nn.Conv2d(embedding_dim, embedding_dim, 3, padding=1, bias=False),
            ChannelNorm(embedding_dim),
        )

    def forward(self, pixels: Tensor) -> ImageFeatures:
        """Encode normalised pictures (B, 3, H, W); position tables are resized where they must."""
        x = self.patch_embed(pixels)  # (B, h, w, C)
        x = x + resize_positions(self.pos_embed, (x.shape[1], x.shape[2]))
        recompute = self.recompute and self.training and torch.is_grad_enabled()
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False) if recompute else block(x)
        return ImageFeatures(self.neck(x.permute(0, 3, 1, 2)))  # (B, 256, h, w)


class PatchEmbed(nn.Module):
    """Cut the picture into patches and project each to a token."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, pixels: Tensor) -> Tensor:
        """Give tokens (B, h, w, C) of pictures (B, 3, H, W)."""
        return self.proj(pixels).permute(0, 2, 3, 1)


class Block(nn.Module):
    """Attention, then an MLP, each with a norm before and a residual around it.

    Args:
        config: Shapes of the transformer.
        window: Side of a window, tokens; None to attend over the whole grid.
        grid: Side of the whole grid that relative positions are learned for, tokens; None for
            attention without relative positions.

    Attributes:
        drop_rate: Chance in training that a picture passes either residual unchanged.
    """

    drop_rate = 0.0

    def __init__(self, config: VitConfig, window: int | None, grid: int | None) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(config.width, eps=1e-6)
        self.attn = SpatialAttention(config.width, config.num_heads, window or grid)
        self.norm2 = nn.LayerNorm(config.width, eps=1e-6)
        self.mlp = VitMlp(config.width, 4 * config.width)

    def forward(self, x: Tensor) -> Tensor:
        """Give the block's output for tokens (B, h, w, C)."""
        rate = self.drop_rate if self.training else 0.0
        x = x + drop_path(self.attn(self.norm1(x), self.window), rate)
        return x + drop_path(self.mlp(self.norm2(x)), rate)


class VitMlp(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Give the output for x of shape (..., C)."""
        return self.lin2(F.gelu(self.lin1(x)))


class SpatialAttention(nn.Module):
    """Self-attention over a token grid with decomposed relative positions.

    Args:
        width: Channels of a token.
        num_heads: Heads.
        side: Side of the square area the relative position tables are made for, tokens; None for
            none, when only the tokens themselves say where they are.
    """

    rel_pos_h: nn.Parameter | None
    rel_pos_w: nn.Parameter | None

    def __init__(self, width: int, num_heads: int, side: int | None) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = self.rel_pos_w = None
        if side is not None:
            self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, width // num_heads))
            self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, width // num_heads))

    def forward(self, x: Tensor, window: int | None) -> Tensor:
        """Attend inside windows of the given side, or over the whole grid (None).

        Args:
            x: Tokens, (B, h, w, C).
            window: Side of a window, tokens.

        Returns:
            (B, h, w, C).
        """
        h, w = x.shape[1:3]
        if window is None:
            return self.proj(self._attend(self.qkv(x)))
        # Padding tokens are zero, so their query, key and value are exactly the bias.
        padding = (0, 0, 0, -w % window, 0, -h % window)
        qkv = F.pad(F.linear(x, self.qkv.weight), padding) + self.qkv.bias  # (B, h', w', 3C)
        windows = self._attend(cut_windows(qkv, window))  # (B windows, window, window, C)
        out = join_windows(windows, (qkv.shape[1], qkv.shape[2]))[:, :h, :w]  # (B, h, w, C)
        return self.proj(out)

    def _attend(self, qkv: Tensor) -> Tensor:
        B, h, w, _ = qkv.shape
        parts = qkv.reshape(B, h * w, 3, self.num_heads, -1)
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # each (B, n, hw, d)
        if self.rel_pos_h is None or self.rel_pos_w is None:
            out = F.scaled_dot_product_attention(q, k, v)
        else:
            grid = q.unflatten(2, (h, w))  # (B, n, h, w, d)
            bias_h = torch.einsum("bnhwd,hkd->bnhwk", grid, relative_rows(self.rel_pos_h, h))
            bias_w = torch.einsum("bnhwd,wkd->bnhwk", grid, relative_rows(self.rel_pos_w, w))
            out = biased_attention(q, k, v, bias_h.flatten(2, 3), bias_w.flatten(2, 3))
        return out.transpose(1, 2).reshape(B, h, w, -1)  # (B, h, w, C)


def biased_attention(q: Tensor, k: Tensor, v: Tensor, bias_h: Tensor, bias_w: Tensor) -> Tensor:
    """Attend with a bias that is a sum of one term a key row and one a key column.

    The scores of all heads and queries at once would fill gigabytes at 64 × 64 tokens, so they
    are made for a few heads and queries at a time.

    Args:
        q: Queries, (B, n, S, d), S = h w.
        k: Keys, (B, n, S, d).
        v: Values, (B, n, S, d).
        bias_h: Term of each query for each key row, (B, n, S, h).
        bias_w: Term of each query for each key column, (B, n, S, w).

    Returns:
        (B, n, S, d).
    """
    B, n, S, _ = q.shape
    heads = max(1, SCORES_AT_ONCE // (B * S * S))
    rows = min(S, max(1, SCORES_AT_ONCE // (B * S)))
    out = []
    for head in range(0, n, heads):
        some = slice(head, head + heads)
        chunks = []
        for row in range(0, S, rows):
            part = (slice(None), some, slice(row, row + rows))
            bias = (bias_h[part][..., :, None] + bias_w[part][..., None, :]).flatten(-2)
            chunks.append(F.scaled_dot_product_attention(q[part], k[:, some], v[:, some], bias))
        out.append(torch.cat(chunks, 2))
    return torch.cat(out, 1)


def relative_rows(table: Tensor, side: int) -> Tensor:
    """Look up the relative position of every query and key on one axis.

    Args:
        table: Learned positions, (2 side' - 1, d); resized when side' differs from `side`.
        side: Tokens on this axis.

    Returns:
        (side, side, d), query first.
    """
    if table.shape[0] != 2 * side - 1:
        table = F.interpolate(table.T[None], size=2 * side - 1, mode="linear")[0].T
    position = torch.arange(side, device=table.device)
    return table[position[:, None] - position[None, :] + side - 1]


def resize_positions(table: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Give the absolute position table (1, h', w', C) at another grid size, (1, h, w, C)."""
    if table.shape[1:3] == size_hw:
        return table
    resized = F.interpolate(table.permute(0, 3, 1, 2), size=size_hw, mode="bilinear")
    return resized.permute(0, 2, 3, 1)


def cut_windows(x: Tensor, window: int) -> Tensor:
    """Cut a grid (B, h, w, C) into windows, (B h/window w/window, window, window, C)."""
    B, h, w, C = x.shape
    x = x.view(B, h // window, window, w // window, window, C)
    return x.transpose(2, 3).reshape(-1, window, window, C)


def join_windows(windows: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Undo `cut_windows`: (B h/window w/window, window, window, C) → (B, h, w, C)."""
    window, (h, w) = windows.shape[1], size_hw
    x = windows.view(-1, h // window, w // window, window, window, windows.shape[-1])
    return x.transpose(2, 3).reshape(-1, h, w, windows.shape[-1])

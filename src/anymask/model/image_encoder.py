"""The image encoder: a plain vision transformer with local windows and a few global blocks.

Shape letters: B pictures, h w token grid, C channels.
Source: Segment Anything (Kirillov et al., 2023), appendix A; ViTDet (Li et al., 2022).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from anymask.model.configs import VitConfig
from anymask.model.layers import ChannelNorm, drop_path
from anymask.model.spatial_attention import SpatialAttention, numbers_at_once


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
        # Every later sum and norm would go through memory in steps of a whole map.
        return self.proj(pixels).permute(0, 2, 3, 1).contiguous()


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
        """Give the output for tokens (..., C), in the type of the linear layers.

        The hidden layer is four times as wide as a token: it is made for some tokens at a time.
        """
        tokens = x.to(self.lin1.bias.dtype).flatten(0, -2)
        at_once = max(1, numbers_at_once(x.device) // self.lin1.out_features)
        out = [self.lin2(F.gelu(self.lin1(some))) for some in tokens.split(at_once)]
        return torch.cat(out).view(x.shape)


def resize_positions(table: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Give the absolute position table (1, h', w', C) at another grid size, (1, h, w, C)."""
    if table.shape[1:3] == size_hw:
        return table
    resized = F.interpolate(table.permute(0, 3, 1, 2), size=size_hw, mode="bilinear")
    return resized.permute(0, 2, 3, 1)

"""The default model's image encoder: a convolutional backbone under a small feature pyramid.

The backbone's features are normalised before anything else: its last layers are linear, so their
raw size would drown the prompts that the decoder adds to them.

Shape letters: B pictures, C channels, H W model frame.
Source: feature pyramids (Lin et al., 2017); the 16-pixel embedding and the two high-resolution maps
follow SAM 2 (Ravi et al., 2024), appendix C; the last block follows ConvNeXt (Liu et al., 2022).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.model.configs import LiteConfig
from anymask.model.efficientnet_lite import EfficientNetLite
from anymask.model.image_encoder import ImageFeatures
from anymask.model.layers import Attention, ChannelNorm, LocalBlock, silent

NUM_HEADS = 8


class LiteImageEncoder(nn.Module):
    """Backbone → global context at stride 32 → image embedding at stride 16, and two skips.

    Args:
        config: Which backbone, and how many global blocks.
        embedding_dim: Channels C of the image embedding.
    """

    def __init__(self, config: LiteConfig, embedding_dim: int) -> None:
        super().__init__()
        dim = embedding_dim
        self.backbone = EfficientNetLite(config.variant)
        c4, c8, c16, c32 = self.backbone.channels
        self.norms = nn.ModuleList(ChannelNorm(c) for c in (c4, c8, c16, c32))
        self.skip4 = nn.Conv2d(c4, dim // 8, 1)
        self.skip8 = nn.Conv2d(c8, dim // 4, 1)
        self.lateral16 = nn.Conv2d(c16, dim, 1)
        self.lateral32 = nn.Conv2d(c32, dim, 1)
        self.global_blocks = nn.Sequential(
            *(GlobalBlock(dim) for _ in range(config.num_global_blocks))
        )
        self.mix = LocalBlock(dim)
        self.norm = ChannelNorm(dim)
        self.has_fusions = config.num_skip_blocks > 0
        if self.has_fusions:
            self.fuse8 = SkipFusion(dim // 4, dim, config.num_skip_blocks)
            self.fuse4 = SkipFusion(dim // 8, dim // 4, config.num_skip_blocks)

    def forward(self, pixels: Tensor) -> ImageFeatures:
        """Encode normalised pictures (B, 3, H, W), H and W multiples of 32."""
        # Convolutions are quicker when a pixel's channels lie together.
        maps = self.backbone(pixels.to(memory_format=torch.channels_last))
        f4, f8, f16, f32 = (norm(x) for norm, x in zip(self.norms, maps, strict=True))
        context = self.global_blocks(self.lateral32(f32))  # (B, C, H/32, W/32)
        context = F.interpolate(context, scale_factor=2.0, mode="bilinear")
        embedding = self.norm(self.mix(self.lateral16(f16) + context))  # (B, C, H/16, W/16)
        skip8, skip4 = self.skip8(f8), self.skip4(f4)
        if self.has_fusions:
            skip8 = self.fuse8(skip8, embedding)  # (B, C/4, H/8, W/8)
            skip4 = self.fuse4(skip4, skip8)  # (B, C/8, H/4, W/4)
        return ImageFeatures(embedding, (skip8, skip4))


class SkipFusion(nn.Module):
    """What the coarser map knows, brought to a skip and mixed with it; a new one changes nothing.

    The backbone's early features see few pixels, and borders are drawn with them.

    Args:
        dim: Channels of the skip.
        coarser_dim: Channels of the map at twice its stride.
        num_blocks: Local blocks.
    """

    def __init__(self, dim: int, coarser_dim: int, num_blocks: int) -> None:
        super().__init__()
        self.bring = silent(nn.Conv2d(coarser_dim, dim, 1))
        blocks = (LocalBlock(dim, is_silent=True) for _ in range(num_blocks))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, skip: Tensor, coarser: Tensor) -> Tensor:
        """Give the skip (B, C, 2h, 2w) with what (B, C', h, w) knows."""
        brought = F.interpolate(self.bring(coarser), scale_factor=2.0, mode="bilinear")
        return self.blocks(skip + brought)


class GlobalBlock(nn.Module):
    """Depthwise convolution (a soft position code), self-attention over the whole grid, MLP."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.position = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, NUM_HEADS)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        """Give the block's output for x of shape (B, C, h, w)."""
        x = x + self.position(x)
        tokens = x.flatten(2).transpose(1, 2)[:, None]  # (B, 1, hw, C)
        normed = self.norm1(tokens)
        tokens = tokens + self.attn(normed, normed, normed)
        tokens = tokens + self.mlp(self.norm2(tokens))
        return tokens[:, 0].transpose(1, 2).reshape(x.shape)  # (B, C, h, w)

"""The prompt encoder: points, boxes and masks → sparse tokens and a dense map.

Labels of points: -1 not a point (padding), 0 background, 1 foreground, 2 and 3 a box's top left
and bottom right corner. Coordinates are (x, y) in pixels of the model frame; half a pixel is added
here, once, so that integer coordinates mean pixel centres.

Shape letters: B pictures, P prompts, N points a prompt, C channels, h w embedding grid.
Source: Segment Anything (Kirillov et al., 2023), section 3 and appendix A; Fourier features of
Tancik et al., 2020.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from anymask.model.layers import ChannelNorm

PADDING, BACKGROUND, FOREGROUND, TOP_LEFT, BOTTOM_RIGHT = -1, 0, 1, 2, 3


class PromptBatch(NamedTuple):
    """The prompts of a batch of pictures, all with the same number of points.

    A box is two points with labels 2 and 3. A prompt without a box carries one padding point
    with label -1 behind its points, as the published model was trained.

    Attributes:
        points: (B, P, N, 2), (x, y) in pixels of the model frame.
        labels: (B, P, N), int64.
        mask_logits: Low-resolution logits of an earlier answer, (B, P, 1, 4h, 4w), or None.
        extra_tokens: Further prompt tokens, say of a text, (B, P, T, C), or None.
        attention_bias: Added to the tokens' attention over the image, (B, P, h w), or None.
    """

    points: Tensor
    labels: Tensor
    mask_logits: Tensor | None = None
    extra_tokens: Tensor | None = None
    attention_bias: Tensor | None = None

    def part(self, prompts: slice) -> "PromptBatch":
        """Give some of each picture's prompts, in order."""
        optional = (self.mask_logits, self.extra_tokens, self.attention_bias)
        return PromptBatch(
            self.points[:, prompts],
            self.labels[:, prompts],
            *(None if field is None else field[:, prompts] for field in optional),
        )


class PromptEncoder(nn.Module):
    """Tokens for points and corners, a dense map for masks.

    Args:
        dim: Channels C.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.pe_layer = FourierPositions(dim)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, dim) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, dim)
        self.no_mask_embed = nn.Embedding(1, dim)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2),
            ChannelNorm(4),
            nn.GELU(),
            nn.Conv2d(4, 16, 2, 2),
            ChannelNorm(16),
            nn.GELU(),
            nn.Conv2d(16, dim, 1),
        )

    def sparse(self, prompts: PromptBatch, input_size: int) -> Tensor:
        """Give the prompt tokens, (B, P, N + T, C)."""
        positions = self.pe_layer((prompts.points + 0.5) / input_size)  # (B, P, N, C)
        embeddings = (self.not_a_point_embed, *self.point_embeddings)
        kinds = torch.cat([torch.as_tensor(e.weight) for e in embeddings])  # (5, C), label + 1
        is_point = (prompts.labels != PADDING)[..., None]
        tokens = torch.where(is_point, positions, 0.0) + kinds[prompts.labels + 1]
        if prompts.extra_tokens is not None:
            tokens = torch.cat([tokens, prompts.extra_tokens], 2)
        return tokens

    def dense(self, mask_logits: Tensor | None) -> Tensor:
        """Give what is added to the image embedding, (B, P or 1, C, h or 1, w or 1)."""
        if mask_logits is None:
            return self.no_mask_embed.weight.view(1, 1, -1, 1, 1)
        maps = self.mask_downscaling(mask_logits.flatten(0, 1))  # (BP, C, h, w)
        return maps.unflatten(0, mask_logits.shape[:2])


class FourierPositions(nn.Module):
    """Random Fourier features of a place; the matrix is part of the checkpoint."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, dim // 2))

    def forward(self, unit_xy: Tensor) -> Tensor:
        """Give the code (..., C) of places (..., 2) in [0, 1]."""
        angle = 2 * math.pi * ((2 * unit_xy - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat([angle.sin(), angle.cos()], -1)

    def grid(self, h: int, w: int) -> Tensor:
        """Give the code of every cell centre of an h × w grid, (h w, C)."""
        at = self.positional_encoding_gaussian_matrix
        y = (torch.arange(h, device=at.device, dtype=at.dtype) + 0.5) / h
        x = (torch.arange(w, device=at.device, dtype=at.dtype) + 0.5) / w
        xy = torch.stack([x.expand(h, w), y[:, None].expand(h, w)], -1)  # (h, w, 2)
        return self(xy).flatten(0, 1)

"""The mask decoder: image embedding and prompt tokens → masks and their predicted IoU.

Shape letters: B pictures, P prompts, T tokens, M masks a prompt, C channels, h w embedding grid.

Upscaling works on *nested* maps: (..., h w, 4, 4, C) holds, for each embedding cell, its 2 × 2
stride-8 cells and for each of these its 2 × 2 stride-4 cells. A transposed convolution with kernel
and stride 2 is then one matrix product, and pixels move only once, when the masks are done.
Source: Segment Anything (Kirillov et al., 2023), section 3 and figure 14 (appendix A);
high-resolution features as in SAM 2 (Ravi et al., 2024), appendix C.
"""

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.model.configs import SamConfig
from anymask.model.image_encoder import ImageFeatures
from anymask.model.layers import ChannelNorm, Mlp
from anymask.model.mask_scorer import MaskScorer
from anymask.model.two_way_transformer import TwoWayTransformer

NUM_MASK_TOKENS = 4  # one for unambiguous prompts, three for whole, part and subpart
NUM_HEADS = 8

UpscalingLayers = tuple[nn.ConvTranspose2d, ChannelNorm, nn.GELU, nn.ConvTranspose2d, nn.GELU]


class MaskPredictions(NamedTuple):
    """All four answers to each prompt: the single mask first, then the three guesses.

    Attributes:
        low_res_logits: (B, P, 4, 4h, 4w); positive inside.
        iou: Predicted IoU, (B, P, 4); not clamped.
    """

    low_res_logits: Tensor
    iou: Tensor


class DecoderPrompts(NamedTuple):
    """What the prompt encoder hands to the decoder.

    Attributes:
        tokens: Sparse prompt tokens, (B, P, T, C).
        dense: Added to the image embedding, (B or 1, P or 1, C, h or 1, w or 1).
        fine: Added to the stride-4 upscaling features, nested (B, P, h w, 4, 4, C/8), or None.
        places: A place inside each object, (B, P, 2) in [0, 1]; read by the mask scorer only.
        attention_bias: Added to the tokens' attention over the image, (B, P, h w), or None.
    """

    tokens: Tensor
    dense: Tensor
    fine: Tensor | None = None
    places: Tensor | None = None
    attention_bias: Tensor | None = None


class MaskDecoder(nn.Module):
    """Tokens joined → two-way transformer → upscaling → one small MLP a mask → scores.

    A model has either the published IoU head, which reads the IoU token, or a mask scorer.
    """

    iou_prediction_head: Mlp
    mask_scorer: MaskScorer

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        dim = config.embedding_dim
        self.logit_scale = config.logit_scale
        self.transformer = TwoWayTransformer(
            config.decoder_depth, dim, NUM_HEADS, config.decoder_mlp_width
        )
        self.iou_token = nn.Embedding(1, dim)
        self.mask_tokens = nn.Embedding(NUM_MASK_TOKENS, dim)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(dim, dim // 4, 2, 2),
            ChannelNorm(dim // 4),
            nn.GELU(),
            nn.ConvTranspose2d(dim // 4, dim // 8, 2, 2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            Mlp(dim, dim, dim, dim // 8) for _ in range(NUM_MASK_TOKENS)
        )
        self.has_mask_scorer = config.has_mask_scorer
        if config.has_mask_scorer:
            self.mask_scorer = MaskScorer(dim, NUM_MASK_TOKENS)
        else:
            self.iou_prediction_head = Mlp(dim, dim, dim, NUM_MASK_TOKENS)

    def forward(
        self, features: ImageFeatures, image_pe: Tensor, prompts: DecoderPrompts
    ) -> MaskPredictions:
        """Decode every prompt of every picture.

        Args:
            features: Output of the image encoder for B pictures.
            image_pe: Position code of the embedding grid, (h w, C).
            prompts: Output of the prompt encoder.

        Returns:
            Four masks and scores a prompt.
        """
        B, P = prompts.tokens.shape[:2]
        outputs = torch.cat([self.iou_token.weight, self.mask_tokens.weight])  # (5, C)
        tokens = torch.cat([outputs.expand(B, P, -1, -1), prompts.tokens], 2)  # (B, P, 5 + T, C)
        image = (features.embedding[:, None] + prompts.dense).flatten(3).transpose(2, 3)

        tokens, image = self.transformer(tokens, image, image_pe, prompts.attention_bias)

        upscaled = self._upscale(image, features, prompts.fine)  # (B, P, hw, 4, 4, C/8)
        weights = torch.stack(
            [mlp(tokens[:, :, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], 2
        )  # (B, P, M, C/8)
        weights = (weights * self.logit_scale).transpose(2, 3)[:, :, None, None]
        h, w = features.embedding.shape[-2:]
        masks = unnest(upscaled @ weights, (h, w))  # (B, P, M, 4h, 4w)

        if self.has_mask_scorer:
            return MaskPredictions(masks, self.mask_scorer(masks, upscaled, image, prompts.places))
        return MaskPredictions(masks, self.iou_prediction_head(tokens[:, :, 0]))

    def _upscale(self, image: Tensor, features: ImageFeatures, fine: Tensor | None) -> Tensor:
        first, norm, _, second, _ = cast("UpscalingLayers", tuple(self.output_upscaling))
        x = transposed_conv(first, image)  # (B, P, hw, 4, C/4)
        if features.high_res:
            x = x + nest(features.high_res[0], 1)[:, None]
        x = F.gelu(F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps))
        x = transposed_conv(second, x)  # (B, P, hw, 4, 4, C/8)
        if features.high_res:
            x = x + nest(features.high_res[1], 2)[:, None]
        if fine is not None:
            x = x + fine
        return F.gelu(x)


def transposed_conv(layer: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """Apply a 2 × 2 transposed convolution of stride 2 as a matrix product.

    Args:
        layer: The convolution, with weight (C, C', 2, 2) and a bias (C').
        x: Cells, (..., C).

    Returns:
        The four new cells of each cell, rows first, (..., 4, C').
    """
    matrix = layer.weight.permute(2, 3, 1, 0).reshape(-1, layer.in_channels)  # (4 C', C)
    bias = None if layer.bias is None else layer.bias.repeat(4)
    return F.linear(x, matrix, bias).unflatten(-1, (4, -1))


def nest(maps: Tensor, levels: int) -> Tensor:
    """Turn maps into nested cells.

    Args:
        maps: (B, C, 2^levels h, 2^levels w).
        levels: 1 for stride 8, 2 for stride 4.

    Returns:
        (B, h w, 4, C) or (B, h w, 4, 4, C).
    """
    B, C, H, W = maps.shape
    h, w = H >> levels, W >> levels
    if levels == 1:
        cells = maps.view(B, C, h, 2, w, 2).permute(0, 2, 4, 3, 5, 1)  # (B, h, w, 2, 2, C)
        return cells.reshape(B, h * w, 4, C)
    cells = maps.view(B, C, h, 2, 2, w, 2, 2).permute(0, 2, 5, 3, 6, 4, 7, 1)
    return cells.reshape(B, h * w, 4, 4, C)


def unnest(cells: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Undo `nest` at stride 4: (B, P, h w, 4, 4, M) → (B, P, M, 4h, 4w)."""
    B, P, _, _, _, M = cells.shape
    h, w = size_hw
    maps = cells.view(B, P, h, w, 2, 2, 2, 2, M)  # cell, stride-8 cell, stride-4 cell
    return maps.permute(0, 1, 8, 2, 4, 6, 3, 5, 7).reshape(B, P, M, 4 * h, 4 * w)

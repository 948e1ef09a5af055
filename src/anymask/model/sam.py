"""The whole figure: picture → image embedding → (with prompts) → masks and their predicted IoU.

Shape letters: B pictures, P prompts, N points a prompt, M masks a prompt, C channels,
h w embedding grid, S side of the model frame.
Source: Segment Anything (Kirillov et al., 2023), figure 4.
"""

import torch
from torch import Tensor, nn

from anymask.errors import ConfigError
from anymask.model.click_maps import ClickMaps
from anymask.model.configs import SamConfig
from anymask.model.feature_pyramid import LiteImageEncoder
from anymask.model.image_encoder import ImageFeatures, VitImageEncoder
from anymask.model.mask_decoder import DecoderPrompts, MaskDecoder, MaskPredictions
from anymask.model.prompt_encoder import (
    BOTTOM_RIGHT,
    FOREGROUND,
    PADDING,
    TOP_LEFT,
    PromptBatch,
    PromptEncoder,
)

# Image tokens decoded at once: four prompts of a 64 × 64 embedding stay in a core's cache.
IMAGE_TOKENS_AT_ONCE = 4 * 64 * 64


class Sam(nn.Module):
    """Segment Anything.

    Args:
        config: The architecture.
    """

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        self.config = config
        self.image_encoder = build_image_encoder(config)
        self.prompt_encoder = PromptEncoder(config.embedding_dim)
        if config.has_click_maps:
            self.click_maps = ClickMaps(config.embedding_dim)
        self.mask_decoder = MaskDecoder(config)

    def encode(self, pixels: Tensor) -> ImageFeatures:
        """Encode pictures: the slow part, once a picture.

        Args:
            pixels: Normalised RGB, padded right and below, (B, 3, S, S) float.

        Returns:
            The image embedding and, where the architecture has them, high-resolution features.
        """
        return self.image_encoder(pixels)

    def decode(self, features: ImageFeatures, prompts: PromptBatch) -> MaskPredictions:
        """Answer prompts: the fast part, as often as asked.

        Args:
            features: Output of `encode` for B pictures.
            prompts: P prompts for each picture.

        Returns:
            Low-resolution logits (B, P, 4, 4h, 4w) and predicted IoU (B, P, 4).
        """
        B, _, h, w = features.embedding.shape
        image_pe = self.prompt_encoder.pe_layer.grid(h, w)  # (hw, C)
        at_once = max(1, IMAGE_TOKENS_AT_ONCE // (B * h * w))
        parts = [
            self._decode_some(features, image_pe, prompts.part(slice(start, start + at_once)))
            for start in range(0, prompts.labels.shape[1], at_once)
        ]
        if len(parts) == 1:
            return parts[0]
        logits, iou = zip(*parts, strict=True)
        return MaskPredictions(torch.cat(logits, 1), torch.cat(iou, 1))

    def forward(self, pixels: Tensor, prompts: PromptBatch) -> MaskPredictions:
        """Encode pictures (B, 3, S, S) and answer their prompts; see `encode` and `decode`."""
        return self.decode(self.encode(pixels), prompts)

    def _decode_some(
        self, features: ImageFeatures, image_pe: Tensor, prompts: PromptBatch
    ) -> MaskPredictions:
        # The frame follows from the embedding: one cell is 16 pixels.
        input_size = 16 * features.embedding.shape[-1]
        tokens = self.prompt_encoder.sparse(prompts, input_size)
        dense, fine = self.prompt_encoder.dense(prompts.mask_logits), None
        drawn = with_a_point(prompts)
        if self.config.has_click_maps:
            coarse, fine, clicked = self.click_maps(features, drawn, input_size)
            dense = dense + coarse
            num_points = prompts.labels.shape[2]
            points, others = tokens[:, :, :num_points], tokens[:, :, num_points:]
            tokens = torch.cat([points + clicked[:, :, :num_points], others], 2)
        prompted = DecoderPrompts(
            tokens, dense, fine, places_inside(drawn, input_size), prompts.attention_bias
        )
        return self.mask_decoder(features, image_pe, prompted)


def build_image_encoder(config: SamConfig) -> nn.Module:
    """Give the image encoder an architecture names.

    Raises:
        ConfigError: If it names none.
    """
    if config.vit is not None:
        return VitImageEncoder(config.vit, config.input_size, config.embedding_dim)
    if config.lite is not None:
        return LiteImageEncoder(config.lite, config.embedding_dim)
    raise ConfigError(f"architecture {config.name} has no image encoder", hint="set vit or lite")


def with_a_point(prompts: PromptBatch) -> PromptBatch:
    """Give prompts that have at least one point: a padding point where there is only a mask."""
    B, P, N = prompts.labels.shape
    if N > 0:
        return prompts
    return prompts._replace(
        points=prompts.points.new_zeros(B, P, 1, 2),
        labels=prompts.labels.new_full((B, P, 1), PADDING),
    )


def places_inside(prompts: PromptBatch, input_size: int) -> Tensor:
    """Give one place inside each object: its first positive click, else the middle of its box.

    Args:
        prompts: Points (B, P, N, 2) and labels.
        input_size: Side of the model frame, pixels.

    Returns:
        (B, P, 2) in [0, 1].
    """
    is_click = prompts.labels == FOREGROUND
    first = is_click.to(torch.uint8).argmax(2, keepdim=True)[..., None]  # (B, P, 1, 1)
    click = prompts.points.gather(2, first.expand(-1, -1, 1, 2))[:, :, 0]  # (B, P, 2)
    is_corner = (prompts.labels == TOP_LEFT) | (prompts.labels == BOTTOM_RIGHT)
    middle = (prompts.points * is_corner[..., None]).sum(2) / 2
    place = torch.where(is_click.any(2)[..., None], click, middle)
    return (place + 0.5) / input_size


def choose_masks(predictions: MaskPredictions, *, multimask: bool) -> MaskPredictions:
    """Keep the three guesses for an ambiguous prompt, or the single mask for a clear one.

    Args:
        predictions: All four answers, (B, P, 4, …).
        multimask: Whether the three guesses are wanted.

    Returns:
        (B, P, 3, …) or (B, P, 1, …), in the model's order.

    Source:
        Segment Anything (Kirillov et al., 2023), section 3, "Resolving ambiguity".
    """
    kept = slice(1, None) if multimask else slice(0, 1)
    return MaskPredictions(predictions.low_res_logits[:, :, kept], predictions.iou[:, :, kept])

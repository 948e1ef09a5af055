"""The mask decoder: image embedding and prompt tokens → masks and their predicted IoU.

Shape letters: B pictures, P prompts, T tokens, M masks a prompt, C channels, h w embedding grid.

Two steps, so that a caller can leave out masks that score too low: `look` gives tokens and, in the
published models, their predicted IoU; `draw` gives the masks. Drawing costs half of the whole.
Source: Segment Anything (Kirillov et al., 2023), section 3 and figure 14 (appendix A);
high-resolution features as in SAM 2 (Ravi et al., 2024), appendix C.
"""

from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.model.configs import SamConfig
from anymask.model.image_encoder import ImageFeatures
from anymask.model.layers import ChannelNorm, LocalBlock, Mlp
from anymask.model.mask_scorer import MaskScorer
from anymask.model.nested_cells import as_product, unnest
from anymask.model.prepared_image import PreparedImage
from anymask.model.two_way_transformer import TwoWayTransformer

NUM_MASK_TOKENS = 4  # one for unambiguous prompts, three for whole, part and subpart
ALL_MASKS = slice(None)
NUM_HEADS = 8
# Cells upscaled at once, over all prompts: what becomes of them stays in a core's cache.
CELLS_AT_ONCE = 1024

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
        dense: Added to the image embedding, (B or 1, P or 1, C, h or 1, w or 1); None to take the
            prepared cells, which stand for prompts without a mask.
        fine: Added to the stride-4 upscaling features, nested (B, P, h w, 4, 4, C/8), or None.
        places: A place inside each object, (B, P, 2) in [0, 1]; read by the mask scorer only.
        attention_bias: Added to the tokens' attention over the image, (B, P, h w), or None.
        kinds: Numbers of the prompts' kinds, (B, P); read by a score calibration only.
    """

    tokens: Tensor
    dense: Tensor | None
    fine: Tensor | None = None
    places: Tensor | None = None
    attention_bias: Tensor | None = None
    kinds: Tensor | None = None


class Looked(NamedTuple):
    """The decoder between its two steps.

    Attributes:
        tokens: Output and prompt tokens after the two-way transformer, (B, P, 5 + T, C).
        image: Image cells after it, (B, P, h w, C).
        iou: Predicted IoU, (B, P, 4); None where it is read from the masks.
        size_hw: The embedding grid.
        fine: As in `DecoderPrompts`.
        places: As in `DecoderPrompts`.
        kinds: As in `DecoderPrompts`.
    """

    tokens: Tensor
    image: Tensor
    iou: Tensor | None
    size_hw: tuple[int, int]
    fine: Tensor | None
    places: Tensor | None
    kinds: Tensor | None = None

    def part(self, prompts: Tensor) -> "Looked":
        """Give some of each picture's prompts, numbers (K,)."""
        iou, fine, places, kinds = (
            None if field is None else field[:, prompts]
            for field in (self.iou, self.fine, self.places, self.kinds)
        )
        tokens, image = self.tokens[:, prompts], self.image[:, prompts]
        return Looked(tokens, image, iou, self.size_hw, fine, places, kinds)


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
        self.has_mixing = config.has_mixing
        if config.has_mixing:
            self.mixing = LocalBlock(dim // 4, is_silent=True)
        self.output_hypernetworks_mlps = nn.ModuleList(
            Mlp(dim, dim, dim, dim // 8) for _ in range(NUM_MASK_TOKENS)
        )
        self.has_mask_scorer = config.has_mask_scorer
        if config.has_mask_scorer:
            self.mask_scorer = MaskScorer(dim, NUM_MASK_TOKENS)
        else:
            self.iou_prediction_head = Mlp(dim, dim, dim, NUM_MASK_TOKENS)

    @property
    def is_calibrated(self) -> bool:
        """Whether scores are calibrated, so that the prompts' kinds are needed."""
        return self.has_mask_scorer and self.mask_scorer.calibration is not None

    def forward(
        self,
        features: ImageFeatures,
        prompts: DecoderPrompts,
        prepared: PreparedImage,
        masks: slice = ALL_MASKS,
    ) -> MaskPredictions:
        """Decode every prompt of every picture.

        Args:
            features: Output of the image encoder for B pictures.
            prompts: Output of the prompt encoder.
            prepared: What the prompts of each picture share.
            masks: Which of the four masks are wanted.

        Returns:
            Masks and scores, M a prompt.
        """
        return self.draw(self.look(features, prompts, prepared), prepared, masks)

    def look(
        self, features: ImageFeatures, prompts: DecoderPrompts, prepared: PreparedImage
    ) -> Looked:
        """Take the first step: tokens and image have looked at each other."""
        B, P = prompts.tokens.shape[:2]
        outputs = torch.cat([self.iou_token.weight, self.mask_tokens.weight])  # (5, C)
        tokens = torch.cat([outputs.expand(B, P, -1, -1), prompts.tokens], 2)  # (B, P, 5 + T, C)
        image, projected = prepared.cells, prepared.projected
        if prompts.dense is not None or image is None:
            dense = 0.0 if prompts.dense is None else prompts.dense
            image = (features.embedding[:, None] + dense).flatten(3).transpose(2, 3)
            projected = None

        tokens, image = self.transformer(
            tokens, image, prepared.places, prompts.attention_bias, projected
        )
        iou = None if self.has_mask_scorer else self.iou_prediction_head(tokens[:, :, 0])
        h, w = features.embedding.shape[-2:]
        return Looked(tokens, image, iou, (h, w), prompts.fine, prompts.places, prompts.kinds)

    def draw(self, looked: Looked, prepared: PreparedImage, masks: slice) -> MaskPredictions:
        """Take the second step: the masks, and the scores that are read from them."""
        # A mask scorer compares all masks of a prompt, so there none can be left out.
        drawn = ALL_MASKS if self.has_mask_scorer else masks
        heads = list(enumerate(self.output_hypernetworks_mlps))[drawn]
        weights = torch.stack([mlp(looked.tokens[:, :, 1 + i]) for i, mlp in heads], 3)
        weights = weights * self.logit_scale  # (B, P, C/8, M)

        cells, coarser = [], []
        for prompts, upscaled in self._upscale(looked, prepared.skips):
            cells.append(upscaled.flatten(2, 4) @ weights[:, prompts])  # (B, some, some 4 4, M)
            if self.has_mask_scorer:
                coarser.append(upscaled.detach().mean(4))  # (B, some, some, 4, C/8)
        joined = 1 if self.has_mixing else 2
        nested = torch.cat(cells, joined).unflatten(2, (-1, 4, 4))  # (B, P, hw, 4, 4, M)
        logits = unnest(nested, looked.size_hw)  # (B, P, M, 4h, 4w)

        if looked.iou is not None:
            return MaskPredictions(logits, looked.iou[:, :, masks])
        scores = self.mask_scorer(
            logits, torch.cat(coarser, joined), looked.image, looked.places, looked.kinds
        )
        return MaskPredictions(logits[:, :, masks], scores[:, :, masks])

    def _upscale(self, looked: Looked, skips: tuple[Tensor, ...]) -> Iterator[tuple[slice, Tensor]]:
        """Give the upscaled features of some cells of some prompts, (B, some, some, 4, 4, C/8)."""
        conv1, norm, _, conv2, _ = cast("UpscalingLayers", tuple(self.output_upscaling))
        first, second = as_product(conv1), as_product(conv2)
        for prompts, part in self._parts(looked.image):
            x = F.linear(looked.image[:, prompts, part], *first).unflatten(-1, (4, -1))
            if skips:
                x = x + skips[0][:, None, part]
            x = F.gelu(F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps))
            if self.has_mixing:
                x = self._mix(x, looked.size_hw)
            x = F.linear(x, *second).unflatten(-1, (4, -1))
            if skips:
                x = x + skips[1][:, None, part]
            if looked.fine is not None:
                x = x + looked.fine[:, prompts, part]
            yield prompts, F.gelu(x)

    def _parts(self, image: Tensor) -> Iterator[tuple[slice, slice]]:
        """Say which prompts and which of their cells (B, P, h w, C) are upscaled at once."""
        num_prompts, num_cells = image.shape[1:3]
        if self.has_mixing:  # with all their cells, for neighbours are mixed
            at_once = max(1, CELLS_AT_ONCE // num_cells)
            for start in range(0, max(1, num_prompts), at_once):
                yield slice(start, start + at_once), slice(None)
            return
        at_once = max(1, CELLS_AT_ONCE // max(1, num_prompts))
        for start in range(0, num_cells, at_once):
            yield slice(None), slice(start, start + at_once)

    def _mix(self, cells: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """Mix stride-8 cells with their neighbours, (B, P, h w, 4, C/4) each way."""
        (h, w), (B, P, C) = size_hw, (*cells.shape[:2], cells.shape[-1])
        # Channels stay together all the way, so that pixels move only twice.
        rows = cells.reshape(B * P, h, w, 2, 2, C).transpose(2, 3).reshape(B * P, 2 * h, 2 * w, C)
        rows = self.mixing(rows.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)  # (BP, 2h, 2w, C/4)
        return rows.reshape(B * P, h, 2, w, 2, C).transpose(2, 3).reshape(cells.shape)

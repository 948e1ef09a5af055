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
from anymask.model.nested_cells import as_product, nest, unnest
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
        for upscaled in self._upscale(looked, prepared.skips):
            cells.append(upscaled.flatten(2, 4) @ weights)  # (B, P, some 4 4, M)
            if self.has_mask_scorer:
                coarser.append(upscaled.detach().mean(4))  # (B, P, some, 4, C/8)
        nested = torch.cat(cells, 2).unflatten(2, (-1, 4, 4))  # (B, P, hw, 4, 4, M)
        logits = unnest(nested, looked.size_hw)  # (B, P, M, 4h, 4w)

        if looked.iou is not None:
            return MaskPredictions(logits, looked.iou[:, :, masks])
        scores = self.mask_scorer(
            logits, torch.cat(coarser, 2), looked.image, looked.places, looked.kinds
        )
        return MaskPredictions(logits[:, :, masks], scores[:, :, masks])

    def _upscale(self, looked: Looked, skips: tuple[Tensor, ...]) -> Iterator[Tensor]:
        """Give the upscaled features of some cells at a time, (B, P, some, 4, 4, C/8)."""
        conv1, norm, _, conv2, _ = cast("UpscalingLayers", tuple(self.output_upscaling))
        first, second = as_product(conv1), as_product(conv2)
        at_once = max(1, CELLS_AT_ONCE // max(1, looked.tokens.shape[1]))
        starts = range(0, looked.image.shape[2], at_once)
        parts = [slice(start, start + at_once) for start in starts]

        def to_stride_8(part: slice) -> Tensor:
            x = F.linear(looked.image[:, :, part], *first).unflatten(-1, (4, -1))
            if skips:
                x = x + skips[0][:, None, part]
            return F.gelu(F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps))

        mixed = None
        if self.has_mixing:  # neighbours are in other parts
            mixed = self._mix(torch.cat([to_stride_8(part) for part in parts], 2), looked.size_hw)
        for part in parts:
            x = to_stride_8(part) if mixed is None else mixed[:, :, part]
            x = F.linear(x, *second).unflatten(-1, (4, -1))
            if skips:
                x = x + skips[1][:, None, part]
            if looked.fine is not None:
                x = x + looked.fine[:, :, part]
            yield F.gelu(x)

    def _mix(self, cells: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """Mix stride-8 cells with their neighbours, (B, P, h w, 4, C/4) each way."""
        maps = unnest(cells, size_hw).flatten(0, 1)  # (BP, C/4, 2h, 2w)
        maps = self.mixing(maps.contiguous(memory_format=torch.channels_last))
        return nest(maps, 1).unflatten(0, cells.shape[:2])

"""The decoder as runtimes elsewhere take it: embedding + prompts → masks at the picture's size.

Inputs and outputs are those of the published exporter, so programs written for its files run with
these. Architectures with high-resolution features take them as further inputs.

Shape letters: N points, M masks, C channels, h w embedding grid, S side of the model frame,
H W picture.
Source: Segment Anything (Kirillov et al., 2023), the published export of the decoder.
"""

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.model.image_encoder import ImageFeatures
from anymask.model.mask_decoder import ALL_MASKS, NUM_MASK_TOKENS, DecoderPrompts, MaskPredictions
from anymask.model.nested_cells import nest
from anymask.model.prepared_image import PreparedImage
from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam, places_inside
from anymask.model.score_calibration import prompt_kinds

EMBEDDING = "image_embeddings"
PROMPTS = ("point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size")
MASKS, SCORES, LOW_RES = "masks", "iou_predictions", "low_res_masks"
# Of the published exporter: how far the cutoff moves for a stability score, in logits.
_STABILITY_OFFSET = 1.0
# Of the published exporter: what puts the single mask before or behind the three guesses.
_POINTS_OF_A_CLEAR_PROMPT = 2.5
_CLEAR_PROMPT_BONUS = 1000.0
# Points the program is made with; any number may be given later.
_EXAMPLE_POINTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderOptions:
    """What a decoder file gives.

    Attributes:
        return_single_mask: One mask, chosen inside: the single mask from three points on (padding
            counted), else the best scored of the three guesses. Without it all four come.
        use_stability_score: Score masks by how little they change when the cutoff moves.
        return_extra_metrics: Also give stability and area of the masks at the picture's size.
    """

    return_single_mask: bool = False
    use_stability_score: bool = False
    return_extra_metrics: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the decoder gives, in order."""
        extra = ("stability_scores", "areas") if self.return_extra_metrics else ()
        return (MASKS, SCORES, *extra, LOW_RES)


class PromptTensors(NamedTuple):
    """Prompts as the published exporter takes them, all float32.

    Attributes:
        point_coords: (x, y) in pixels of the model frame, (1, N, 2).
        point_labels: 1, 0, 2 and 3 (corners of a box) or -1 (padding), (1, N).
        mask_input: Low-resolution logits of an earlier answer, (1, 1, 4h, 4w).
        has_mask_input: 1 where `mask_input` counts, else 0, (1,).
        orig_im_size: H and W of the upright picture, (2,).
    """

    point_coords: Tensor
    point_labels: Tensor
    mask_input: Tensor
    has_mask_input: Tensor
    orig_im_size: Tensor


class PlainDecoder(nn.Module):
    """Prompt encoder, mask decoder and the way back to the picture's pixels, for one prompt.

    Args:
        sam: The network; its weights are shared, not copied.
        options: What is given.
    """

    def __init__(self, sam: Sam, options: DecoderOptions) -> None:
        super().__init__()
        self.sam = sam
        self.options = options

    def forward(
        self, embedding: Tensor, high_res: tuple[Tensor, ...], prompts: PromptTensors
    ) -> tuple[Tensor, ...]:
        """Answer one prompt.

        Args:
            embedding: (1, C, h, w).
            high_res: Features at strides 8 and 4, (1, C/4, 2h, 2w) and (1, C/8, 4h, 4w), where the
                architecture has them.
            prompts: The prompt.

        Returns:
            Mask logits (1, M, H, W), scores (1, M), with extra metrics stability (1, M) and area
            in pixels (1, M), and low-resolution logits (1, M, 4h, 4w).
        """
        answer = self._answer(ImageFeatures(embedding, tuple(high_res)), prompts)
        low_res, scores = answer.low_res_logits[0], answer.iou[0]
        if self.options.use_stability_score:
            scores = stability(low_res)
        if self.options.return_single_mask:
            low_res, scores = choose_one(low_res, scores, prompts.point_labels)
        masks = at_picture_size(low_res, prompts.orig_im_size, self.sam.config.input_size)
        if self.options.return_extra_metrics:
            return masks, scores, stability(masks), (masks > 0).sum((2, 3)), low_res
        return masks, scores, low_res

    def _answer(self, features: ImageFeatures, given: PromptTensors) -> MaskPredictions:
        """Do what `Sam.decode` does, for a prompt that says in a number whether it has a mask."""
        sam, size, has_mask = self.sam, self.sam.config.input_size, given.has_mask_input > 0
        logits = torch.where(has_mask, given.mask_input, 0.0)[None]  # (1, 1, 1, 4h, 4w)
        labels = given.point_labels.to(torch.int64)
        prompts = PromptBatch(given.point_coords[None], labels[None], logits)
        encoder = sam.prompt_encoder
        tokens = encoder.sparse(prompts, size)
        dense = torch.where(has_mask, encoder.dense(logits), encoder.dense(None))
        # Made inside, of the weights alone: runtimes do it as they load, and files stay small.
        at = encoder.pe_layer.grid(*features.embedding.shape[-2:])
        places = sam.mask_decoder.transformer.place(at)
        skips = tuple(nest(maps, level) for level, maps in enumerate(features.high_res, 1))
        prepared, fine = PreparedImage(places, skips=skips), None
        if sam.config.has_click_maps:
            compared = sam.click_maps.prepare(features)
            coarse, fine, clicked = sam.click_maps(features, compared, prompts, size)
            dense, tokens = dense + coarse, tokens + clicked
        kinds = None
        if sam.mask_decoder.is_calibrated:
            kinds = prompt_kinds(labels[None], logits, has_mask)
        inside = places_inside(prompts, size)
        prompted = DecoderPrompts(tokens, dense, fine, inside, kinds=kinds)
        looked = sam.mask_decoder.look(features, prompted, prepared)
        return sam.mask_decoder.draw(looked, prepared, ALL_MASKS)


def export_decoder(sam: Sam, options: DecoderOptions) -> torch.export.ExportedProgram:
    """Give the decoder as a program for one prompt of any number of points, on the CPU.

    Args:
        sam: The network, on the CPU in float32.
        options: What is given.
    """
    config, side = sam.config, sam.config.input_size // 16
    dim = config.embedding_dim
    high_res = ((dim // 4, 2), (dim // 8, 4)) if config.has_high_res else ()
    example = (
        torch.zeros(1, dim, side, side),
        tuple(torch.zeros(1, c, finer * side, finer * side) for c, finer in high_res),
        PromptTensors(
            torch.zeros(1, _EXAMPLE_POINTS, 2),
            torch.ones(1, _EXAMPLE_POINTS),
            torch.zeros(1, 1, 4 * side, 4 * side),
            torch.zeros(1),
            torch.full((2,), float(config.input_size)),
        ),
    )
    any_number = {1: torch.export.Dim.AUTO}
    of_prompts = PromptTensors._make([any_number, any_number, None, None, None])
    sides = (None, tuple(None for _ in high_res), of_prompts)
    with warnings.catch_warnings(), torch.no_grad():
        # What torch says here is about its own parts, which a user cannot change.
        warnings.simplefilter("ignore")
        decoder = PlainDecoder(sam, options).eval()
        return torch.export.export(decoder, example, dynamic_shapes=sides, strict=False)


def stability(logits: Tensor) -> Tensor:
    """Say how little each mask changes when the cutoff moves by one logit either way.

    Args:
        logits: (1, M, H, W).

    Returns:
        Score in [0, 1], (1, M); 0 where even the wide mask is empty.
    """
    narrow, wide = (
        (logits > cutoff).to(torch.float32).sum((2, 3))
        for cutoff in (_STABILITY_OFFSET, -_STABILITY_OFFSET)
    )
    return narrow / wide.clamp(min=1)


def choose_one(low_res: Tensor, scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Keep one mask: the single one for a clear prompt, else the best scored guess.

    Args:
        low_res: Logits of all four, (1, 4, 4h, 4w).
        scores: (1, 4).
        labels: Of the points, (1, N).

    Returns:
        Logits (1, 1, 4h, 4w) and score (1, 1).
    """
    num_points = torch.ones_like(labels).sum()
    bonus = torch.tensor([_CLEAR_PROMPT_BONUS] + [0.0] * (NUM_MASK_TOKENS - 1))
    weighted = scores + (num_points - _POINTS_OF_A_CLEAR_PROMPT) * bonus
    best = weighted.argmax(1)  # (1,)
    return low_res.index_select(1, best), scores.index_select(1, best)


def at_picture_size(low_res: Tensor, size_hw: Tensor, input_size: int) -> Tensor:
    """Give logits at the picture's size: enlarged to the frame, cut, and resized.

    Args:
        low_res: Logits, (1, M, 4h, 4w).
        size_hw: H and W of the upright picture, float32 (2,).
        input_size: Side S of the model frame, pixels.

    Returns:
        (1, M, H, W).

    Source:
        Segment Anything (Kirillov et al., 2023), mask post-processing of the published code.
    """
    framed = F.interpolate(low_res, (input_size, input_size), mode="bilinear")
    resized = torch.floor(size_hw * (input_size / size_hw.max()) + 0.5).clamp(min=1)
    height, width = resized.to(torch.int64).tolist()
    full_hw = size_hw.to(torch.int64).tolist()
    for side in (height, width, *full_hw):
        torch._check(side >= 1)
    for side in (height, width):
        torch._check(side <= input_size)
    part = framed[..., :height, :width]
    return F.interpolate(part, full_hw, mode="bilinear")

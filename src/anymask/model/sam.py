"""The whole figure: picture → image embedding → (with prompts) → masks and their predicted IoU.

Shape letters: B pictures, P prompts, N points a prompt, M masks a prompt, C channels,
h w embedding grid, S side of the model frame.
Source: Segment Anything (Kirillov et al., 2023), figure 4.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from anymask.errors import ConfigError
from anymask.model.click_maps import ClickMaps
from anymask.model.configs import SamConfig
from anymask.model.feature_pyramid import LiteImageEncoder
from anymask.model.image_encoder import ImageFeatures, VitImageEncoder
from anymask.model.mask_decoder import (
    ALL_MASKS,
    NUM_MASK_TOKENS,
    DecoderPrompts,
    Looked,
    MaskDecoder,
    MaskPredictions,
)
from anymask.model.nested_cells import nest
from anymask.model.prepared_image import PlaceTables, PreparedImage, state_of
from anymask.model.prompt_encoder import (
    BOTTOM_RIGHT,
    FOREGROUND,
    PADDING,
    TOP_LEFT,
    PromptBatch,
    PromptEncoder,
)
from anymask.model.score_calibration import prompt_kinds
from anymask.model.tinyvit import TinyVitImageEncoder

# Image cells decoded at once, over all prompts. On a processor two prompts of a 64 × 64 embedding
# stay in its cache; a GPU wants many more.
CELLS_ON_CPU = 2 * 64 * 64
CELLS_ON_GPU = 64 * 64 * 64


class KeptMasks(NamedTuple):
    """Answers to the prompts of one picture that were kept.

    Attributes:
        numbers: Which prompts they are, (K,) int64.
        low_res_logits: (K, M, 4h, 4w); positive inside.
        iou: Predicted IoU, (K, M).
    """

    numbers: Tensor
    low_res_logits: Tensor
    iou: Tensor


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

    def place(self, h: int, w: int) -> PlaceTables:
        """Give what the decoder makes of the position code of an h × w embedding grid."""
        image_pe = self.prompt_encoder.pe_layer.grid(h, w)
        return PlaceTables(
            self.mask_decoder.transformer.place(image_pe), state_of(self._weights_of_preparation())
        )

    def prepare(self, features: ImageFeatures, places: PlaceTables | None = None) -> PreparedImage:
        """Work out what all prompts of a picture share: once a picture.

        Args:
            features: Output of `encode`.
            places: Output of `place`, if it is at hand; made anew if weights changed since.
        """
        weights, made_from = self._weights_of_preparation(), (features[0], *features.high_res)
        if places is None or places.state != state_of(weights):
            places = self.place(*features.embedding.shape[-2:])
        prepared = PreparedImage(
            places.layers,
            skips=tuple(nest(maps, level) for level, maps in enumerate(features.high_res, 1)),
            made_from=made_from,
            state=state_of(weights, made_from),
        )
        if self.config.has_click_maps:
            return prepared._replace(compared=self.click_maps.prepare(features))
        dense = self.prompt_encoder.dense(None)  # (1, 1, C, 1, 1)
        cells = (features.embedding[:, None] + dense).flatten(3).transpose(2, 3).contiguous()
        projected = self.mask_decoder.transformer.project(cells, places.layers)
        return prepared._replace(cells=cells, projected=projected)

    def _weights_of_preparation(self) -> list[Tensor]:
        """Give the weights that what is prepared depends on."""
        encoder = self.prompt_encoder
        parts = [encoder.pe_layer, encoder.no_mask_embed, *self.mask_decoder.transformer.looks()]
        if self.config.has_click_maps:
            parts += [self.click_maps.compare16, self.click_maps.compare8]
        return [x for part in parts for x in (*part.parameters(), *part.buffers())]

    def _prepared(self, features: ImageFeatures, given: PreparedImage | None) -> PreparedImage:
        """Give what was prepared where it is of these features and of today's weights."""
        if given is None:
            return self.prepare(features)
        weights, made_from = self._weights_of_preparation(), (features[0], *features.high_res)
        is_same = len(given.made_from) == len(made_from) and all(
            one is other for one, other in zip(given.made_from, made_from, strict=True)
        )
        # Made without gradients, it would keep them from the weights it was made with.
        learns = torch.is_grad_enabled() and any(weight.requires_grad for weight in weights)
        has_gradients = given.places[0].keys.requires_grad
        if is_same and given.state == state_of(weights, made_from):
            return self.prepare(features) if learns and not has_gradients else given
        return self.prepare(features)

    def decode(
        self,
        features: ImageFeatures,
        prompts: PromptBatch,
        prepared: PreparedImage | None = None,
        masks: slice = ALL_MASKS,
    ) -> MaskPredictions:
        """Answer prompts: the fast part, as often as asked.

        Args:
            features: Output of `encode` for B pictures.
            prompts: P prompts for each picture.
            prepared: Output of `prepare`, if it is at hand; made anew where it is of other
                features, of earlier weights, or without the gradients that are asked for.
            masks: Which of the four masks are wanted: M of them.

        Returns:
            Low-resolution logits (B, P, M, 4h, 4w) and predicted IoU (B, P, M).
        """
        prepared = self._prepared(features, prepared)
        whole, parts = None, micro_batches(prompts, features)
        if not parts:
            B, _, h, w = features.embedding.shape
            num_masks = len(range(NUM_MASK_TOKENS)[masks])
            none = features.embedding.new_zeros(B, 0, num_masks, 4 * h, 4 * w)
            return MaskPredictions(none, none[..., 0, 0])
        for part in parts:
            looked = self._look(features, prompts.part(part), prepared)
            answer = self.mask_decoder.draw(looked, prepared, masks)
            if len(parts) == 1:
                return answer
            # Filled as they come: joined at the end, all masks would be in memory twice.
            whole = whole or _room_for(answer, prompts.labels.shape[1])
            whole.low_res_logits[:, part], whole.iou[:, part] = answer
        return cast("MaskPredictions", whole)

    def decode_kept(
        self,
        features: ImageFeatures,
        prompts: PromptBatch,
        keep: Callable[[Tensor], Tensor],
        prepared: PreparedImage | None = None,
        masks: slice = ALL_MASKS,
    ) -> Iterator[KeptMasks]:
        """Answer prompts on one picture and draw masks only for those worth it.

        With the published IoU head a prompt is judged before its masks are drawn, which saves
        half of its work; a mask scorer has to see the masks first.

        Args:
            features: Output of `encode` for one picture.
            prompts: P prompts for it.
            keep: Given the predicted IoU (p, M) of some prompts, says which to keep, bool (p,).
            prepared: As for `decode`.
            masks: Which of the four masks are wanted: M of them.

        Yields:
            The kept ones of a few prompts at a time, in order.
        """
        prepared = self._prepared(features, prepared)
        draw = self.mask_decoder.draw
        for part in micro_batches(prompts, features):
            looked = self._look(features, prompts.part(part), prepared)
            if looked.iou is None:
                answer = draw(looked, prepared, masks)
                kept = keep(answer.iou[0]).nonzero()[:, 0]
                answer = MaskPredictions(answer.low_res_logits[:, kept], answer.iou[:, kept])
            else:
                kept = keep(looked.iou[0, :, masks]).nonzero()[:, 0]
                answer = draw(looked.part(kept), prepared, masks)
            yield KeptMasks(part.start + kept, answer.low_res_logits[0], answer.iou[0])

    def forward(self, pixels: Tensor, prompts: PromptBatch) -> MaskPredictions:
        """Encode pictures (B, 3, S, S) and answer their prompts; see `encode` and `decode`."""
        return self.decode(self.encode(pixels), prompts)

    def _look(
        self, features: ImageFeatures, prompts: PromptBatch, prepared: PreparedImage
    ) -> Looked:
        # The frame follows from the embedding: one cell is 16 pixels.
        input_size = 16 * features.embedding.shape[-1]
        tokens = self.prompt_encoder.sparse(prompts, input_size)
        drawn, dense, fine = with_a_point(prompts), None, None
        if prompts.mask_logits is not None or prepared.cells is None:
            dense = self.prompt_encoder.dense(prompts.mask_logits)
        if prepared.compared:
            coarse, fine, clicked = self.click_maps(features, prepared.compared, drawn, input_size)
            dense = coarse if dense is None else dense + coarse
            num_points = prompts.labels.shape[2]
            points, others = tokens[:, :, :num_points], tokens[:, :, num_points:]
            tokens = torch.cat([points + clicked[:, :, :num_points], others], 2)
        kinds = None
        if self.mask_decoder.is_calibrated:
            kinds = prompt_kinds(prompts.labels, prompts.mask_logits)
        places = places_inside(drawn, input_size)
        prompted = DecoderPrompts(tokens, dense, fine, places, prompts.attention_bias, kinds)
        return self.mask_decoder.look(features, prompted, prepared)


def _room_for(answer: MaskPredictions, num_prompts: int) -> MaskPredictions:
    """Give room for answers like one (B, p, …) to all prompts."""
    return MaskPredictions(*(x.new_empty(len(x), num_prompts, *x.shape[2:]) for x in answer))


def micro_batches(prompts: PromptBatch, features: ImageFeatures) -> list[slice]:
    """Cut prompts into parts that are decoded at once."""
    B, _, h, w = features.embedding.shape
    is_cpu = features.embedding.device.type == "cpu"
    at_once = max(1, (CELLS_ON_CPU if is_cpu else CELLS_ON_GPU) // (B * h * w))
    num_prompts = prompts.labels.shape[1]
    return [slice(start, start + at_once) for start in range(0, num_prompts, at_once)]


def build_image_encoder(config: SamConfig) -> nn.Module:
    """Give the image encoder an architecture names.

    Raises:
        ConfigError: If it names none.
    """
    if config.vit is not None:
        return VitImageEncoder(config.vit, config.input_size, config.embedding_dim)
    if config.lite is not None:
        return LiteImageEncoder(config.lite, config.embedding_dim)
    if config.tinyvit is not None:
        return TinyVitImageEncoder(config.tinyvit, config.embedding_dim)
    raise ConfigError(
        f"architecture {config.name} has no image encoder", hint="set vit, lite or tinyvit"
    )


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


def which_masks(*, multimask: bool) -> slice:
    """Say which of the four masks answer a prompt.

    Args:
        multimask: Whether the three guesses for an ambiguous prompt are wanted, or the single
            mask for a clear one.

    Source:
        Segment Anything (Kirillov et al., 2023), section 3, "Resolving ambiguity".
    """
    return slice(1, None) if multimask else slice(0, 1)


def choose_masks(predictions: MaskPredictions, *, multimask: bool) -> MaskPredictions:
    """Keep some of all four answers (B, P, 4, …); see `which_masks`."""
    kept = which_masks(multimask=multimask)
    return MaskPredictions(predictions.low_res_logits[:, :, kept], predictions.iou[:, :, kept])

"""Prompts drawn as maps: where the clicks and the box are, and what looks like the clicked places.

A small model trained for hours rather than weeks hardly learns where a prompt is from its token
alone. Drawn beside the mask prompt, the place is there from the first step.

Channels of the drawing at stride 4: nearness to positive and negative clicks, narrow and wide; the
filled box; the earlier logits; similarity of the embedding (stride 16, then stride 8) to positive
and negative clicks.

Shape letters: B pictures, P prompts, N points a prompt, C channels, h w embedding grid.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.model.image_encoder import ImageFeatures
from anymask.model.nested_cells import nest
from anymask.model.prompt_encoder import (
    BACKGROUND,
    BOTTOM_RIGHT,
    FOREGROUND,
    TOP_LEFT,
    PromptBatch,
)

STRIDE = 4  # model frame pixels a drawn cell
NUM_CHANNELS = 10
NARROW_SIGMA_CELLS = 1.5
WIDE_SIGMA_OF_WIDTH = 1 / 12
LOGIT_SOFTENING = 4.0


class ClickMaps(nn.Module):
    """Draw prompts and hand them to the decoder at strides 16 and 4.

    Args:
        dim: Channels C of the image embedding.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        to_coarse, to_fine = nn.Linear(96, dim), nn.Linear(48, dim // 8)
        self.coarse = nn.Sequential(nn.Linear(NUM_CHANNELS, 96), nn.GELU(), to_coarse)
        self.fine = nn.Sequential(nn.Linear(NUM_CHANNELS, 48), nn.GELU(), to_fine)
        self.clicked = nn.Linear(dim, dim)
        self.compare16 = nn.Conv2d(dim, 64, 1)
        self.compare8 = nn.Conv2d(dim // 4, 32, 1)
        with torch.no_grad():  # drawn prompts start as loud as the normalised image features
            to_coarse.weight.mul_(6)
            to_fine.weight.mul_(4)

    def prepare(self, features: ImageFeatures) -> tuple[Tensor, Tensor]:
        """Give features of length one that clicks are compared with, at strides 16 and 8."""
        coarse, fine = self.compare16(features.embedding), self.compare8(features.high_res[0])
        return F.normalize(coarse), F.normalize(fine)

    def forward(
        self,
        features: ImageFeatures,
        compared: tuple[Tensor, ...],
        prompts: PromptBatch,
        input_size: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw the prompts.

        Args:
            features: Output of the image encoder.
            compared: Output of `prepare` for them.
            prompts: Points, labels and earlier logits.
            input_size: Side of the model frame, pixels.

        Returns:
            Map added to the embedding, (B, P, C, h, w); cells added to the stride-4 features,
            nested (B, P, h w, 4, 4, C/8); features at the clicks, added to the prompt tokens,
            (B, P, N, C), zero for corners and padding.
        """
        B, P = prompts.labels.shape[:2]
        h, w = features.embedding.shape[-2:]
        unit_xy = (prompts.points + 0.5) / input_size
        maps = torch.cat(
            [
                draw_clicks(unit_xy, prompts.labels, 4 * h, 4 * w),
                draw_box(unit_xy, prompts.labels, 4 * h, 4 * w),
                draw_logits(prompts, 4 * h, 4 * w),
                similarity(compared[0], unit_xy, prompts.labels, STRIDE),
                similarity(compared[1], unit_xy, prompts.labels, 2),
            ],
            2,
        ).flatten(0, 1)  # (BP, 10, 4h, 4w)
        cells = nest(maps, 2)  # (BP, hw, 4, 4, 10)
        coarse = self.coarse(cells.mean((2, 3))).transpose(1, 2)  # (BP, C, hw)
        fine = self.fine(cells)  # (BP, hw, 4, 4, C/8)
        is_click = (prompts.labels == FOREGROUND) | (prompts.labels == BACKGROUND)
        clicked = self.clicked(sample(features.embedding, unit_xy)) * is_click[..., None]
        return coarse.reshape(B, P, -1, h, w), fine.unflatten(0, (B, P)), clicked


def draw_clicks(unit_xy: Tensor, labels: Tensor, height: int, width: int) -> Tensor:
    """Draw nearness to the positive and the negative clicks, narrow and then wide.

    Args:
        unit_xy: Places of the points, (B, P, N, 2) in [0, 1].
        labels: (B, P, N).
        height: Cells.
        width: Cells.

    Returns:
        (B, P, 4, height, width) in [0, 1].
    """
    x, y = unit_xy[..., 0:1] * width, unit_xy[..., 1:2] * height  # (B, P, N, 1)
    dx = (cell_centres(width, unit_xy) - x).square()  # (B, P, N, width)
    dy = (cell_centres(height, unit_xy) - y).square()
    maps = []
    for sigma in (NARROW_SIGMA_CELLS, width * WIDE_SIGMA_OF_WIDTH):
        across, down = (torch.exp(-d / (2 * sigma**2)) for d in (dx, dy))
        for label in (FOREGROUND, BACKGROUND):
            kept = down * (labels == label)[..., None]
            maps.append((kept[..., :, None] * across[..., None, :]).amax(2))
    return torch.stack(maps, 2)


def draw_box(unit_xy: Tensor, labels: Tensor, height: int, width: int) -> Tensor:
    """Draw the filled box with soft sides, (B, P, 1, height, width); zero without a box.

    Args:
        unit_xy: Places of the points, (B, P, N, 2) in [0, 1].
        labels: (B, P, N).
        height: Cells.
        width: Cells.
    """
    size = unit_xy.new_tensor([width, height])
    low = (unit_xy * (labels == TOP_LEFT)[..., None]).sum(2) * size  # (B, P, 2)
    high = (unit_xy * (labels == BOTTOM_RIGHT)[..., None]).sum(2) * size
    sides = []
    for axis, cells in ((1, height), (0, width)):
        at = cell_centres(cells, unit_xy)
        inside = (at + 0.5 - low[..., axis, None]).clamp(0, 1)
        sides.append(inside * (high[..., axis, None] - at + 0.5).clamp(0, 1))
    has_box = (labels == BOTTOM_RIGHT).any(2)[..., None, None]
    return (sides[0][..., :, None] * sides[1][..., None, :] * has_box)[:, :, None]


def draw_logits(prompts: PromptBatch, height: int, width: int) -> Tensor:
    """Draw the earlier logits, squeezed into [-1, 1]; zero without any."""
    if prompts.mask_logits is None:
        return prompts.points.new_zeros(*prompts.labels.shape[:2], 1, height, width)
    return torch.tanh(prompts.mask_logits / LOGIT_SOFTENING)


def similarity(features: Tensor, unit_xy: Tensor, labels: Tensor, factor: int) -> Tensor:
    """Draw how much each place looks like the most similar positive and negative click.

    Args:
        features: Of length one, (B, C, h, w).
        unit_xy: Places of the points, (B, P, N, 2) in [0, 1].
        labels: (B, P, N).
        factor: How many times finer the drawing is than the features.

    Returns:
        Cosine similarity, (B, P, 2, factor h, factor w); -1 where there is no such click.
    """
    clicked = F.normalize(sample(features, unit_xy), dim=-1)  # (B, P, N, C)
    cosine = torch.einsum("bchw,bpnc->bpnhw", features, clicked)
    maps = []
    for label in (FOREGROUND, BACKGROUND):
        is_label = (labels == label)[..., None, None]
        maps.append(torch.where(is_label, cosine, -1.0).amax(2))
    drawn = torch.stack(maps, 2)  # (B, P, 2, h, w)
    finer = F.interpolate(drawn.flatten(0, 1), scale_factor=float(factor), mode="bilinear")
    return finer.unflatten(0, drawn.shape[:2])


def sample(features: Tensor, unit_xy: Tensor) -> Tensor:
    """Give the features (B, C, h, w) at places (B, P, N, 2) in [0, 1], as (B, P, N, C)."""
    at = F.grid_sample(features, 2 * unit_xy - 1, padding_mode="border", align_corners=False)
    return at.permute(0, 2, 3, 1)


def cell_centres(cells: int, like: Tensor) -> Tensor:
    """Give the centres 0.5, 1.5, … of some cells, (cells,)."""
    return torch.arange(cells, device=like.device, dtype=like.dtype) + 0.5

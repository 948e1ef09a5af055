"""The mask scorer: predicted IoU of each mask, read from the mask itself.

In a small model the IoU token knows too little about the masks and favours large ones. This scorer
looks at each answer: how sure its edge is, how it agrees with the other answers, and what the image
features are inside and in a ring around it. It works at stride 8 and sends no gradient to what it
reads.

Shape letters: N prompts of all pictures, M masks a prompt, S image tokens, C channels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.model.score_calibration import ScoreCalibration

NUM_OWN_FIGURES = 11
HIDDEN = 128
LARGEST_INPUT = 6.0  # standard deviations
STATISTICS_MOMENTUM = 0.02


class MaskScorer(nn.Module):
    """Figures of each mask → one small MLP → predicted IoU.

    Args:
        dim: Channels C of the image tokens.
        num_masks: Masks M a prompt.
    """

    mean: Tensor
    variance: Tensor
    calibration: ScoreCalibration | None

    def __init__(self, dim: int, num_masks: int) -> None:
        super().__init__()
        inputs = NUM_OWN_FIGURES + 2 * (num_masks - 1) + 2 * (dim // 8) + dim
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("variance", torch.ones(inputs))
        self.mlp = nn.Sequential(
            nn.Linear(inputs + num_masks, HIDDEN),
            nn.GELU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.GELU(),
            nn.Linear(HIDDEN, 1),
        )
        self.register_module("calibration", None)

    def forward(
        self,
        logits: Tensor,
        upscaled: Tensor,
        image: Tensor,
        places: Tensor | None,
        kinds: Tensor | None = None,
    ) -> Tensor:
        """Score every mask.

        Args:
            logits: Low-resolution mask logits, (B, P, M, 4h, 4w).
            upscaled: Upscaled features averaged to stride 8, nested (B, P, h w, 4, C/8).
            image: Image tokens after the two-way transformer, (B, P, h w, C).
            places: A place inside each object, (B, P, 2) in [0, 1]; None for the centre.
            kinds: Of the prompts, (B, P), see `prompt_kinds`; read where there is a calibration.

        Returns:
            Predicted IoU, (B, P, M); in training as it is learnt, otherwise calibrated.
        """
        B, P, M = logits.shape[:3]
        if places is None:
            places = logits.new_full((B, P, 2), 0.5)
        logits = F.avg_pool2d(logits.detach().flatten(0, 1), 2)  # (N, M, 2h, 2w)
        upscaled = upscaled.detach().flatten(0, 1)  # (N, hw, 4, C/8)
        image = image.detach().flatten(0, 1)  # (N, hw, C)
        places = places.detach().flatten(0, 1)
        inputs = torch.cat(
            [
                own_figures(logits, places),
                agreement(logits),
                pooled_features(logits, upscaled, image),
            ],
            -1,
        )
        which = torch.eye(M, device=inputs.device, dtype=inputs.dtype).expand(len(inputs), M, M)
        scores = self.mlp(torch.cat([self._standardised(inputs), which], -1))[..., 0]
        scores = scores.view(B, P, M)
        if self.calibration is None or self.training or kinds is None:
            return scores
        return self.calibration(scores, kinds)

    def _standardised(self, inputs: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                rows = inputs.flatten(0, 1)
                self.variance.lerp_(
                    (rows - self.mean).square().mean(0).to(self.variance), STATISTICS_MOMENTUM
                )
                self.mean.lerp_(rows.mean(0).to(self.mean), STATISTICS_MOMENTUM)
        scale = torch.rsqrt(self.variance + 1e-4)
        return ((inputs - self.mean) * scale).clamp(-LARGEST_INPUT, LARGEST_INPUT)


def own_figures(logits: Tensor, places: Tensor) -> Tensor:
    """Measure each mask by itself.

    Args:
        logits: (N, M, H, W).
        places: A place inside the object, (N, 2) in [0, 1].

    Returns:
        (N, M, 11): log area, mean certainty inside, stability, soft overlap with itself,
        certainty at the place, edge steepness, certainty in a ring outside, share of the edge on
        the frame's border, share of its box, longest side, highest certainty.
    """
    chance, mask = logits.sigmoid(), (logits > 0).to(logits.dtype)
    area = total(mask)
    edge = mask + F.max_pool2d(-mask, 3, 1, 1)  # the mask without its erosion
    steep_x = F.pad(chance[..., 2:] - chance[..., :-2], (1, 1))
    steep_y = F.pad(chance[..., 2:, :] - chance[..., :-2, :], (0, 0, 1, 1))
    on_border = total(edge[..., :1, :]) + total(edge[..., -1:, :])
    on_border = on_border + total(edge[..., :1]) + total(edge[..., -1:])
    width, height = mask.amax(2).sum(-1), mask.amax(3).sum(-1)
    inside = total(chance * mask)
    at_place = F.grid_sample(logits, (2 * places - 1)[:, None, None], align_corners=False)
    return torch.stack(
        [
            (area / mask[0, 0].numel() + 1e-4).log(),
            inside / area.clamp(min=1),
            total((logits > 1).to(logits.dtype)) / total((logits > -1).to(logits.dtype)).clamp(1),
            inside / (area + total(chance) - inside).clamp(min=1e-3),
            torch.tanh(at_place[..., 0, 0] / 4),
            total((steep_x.square() + steep_y.square()).sqrt() * edge) / total(edge).clamp(min=1),
            total(chance * ring(mask)) / total(ring(mask)).clamp(min=1),
            on_border / total(edge).clamp(min=1),
            area / (width * height).clamp(min=1),
            torch.maximum(width / mask.shape[-1], height / mask.shape[-2]),
            chance.amax((2, 3)),
        ],
        -1,
    )


def agreement(logits: Tensor) -> Tensor:
    """Compare each mask with the other masks of its prompt.

    Args:
        logits: (N, M, H, W).

    Returns:
        (N, M, 2 (M - 1)): IoU with each other mask, then the share of it inside each other mask.
    """
    N, M = logits.shape[:2]
    flat = (logits > 0).to(logits.dtype).flatten(2)  # (N, M, HW)
    common = flat @ flat.transpose(1, 2)  # (N, M, M)
    area = flat.sum(-1)
    iou = common / (area[:, :, None] + area[:, None] - common).clamp(min=1)
    share = common / area[:, :, None].clamp(min=1)
    rows = [[other for other in range(M) if other != one] for one in range(M)]
    others = torch.tensor(rows, device=logits.device).expand(N, M, M - 1)
    return torch.cat([iou.gather(2, others), share.gather(2, others)], -1)


def pooled_features(logits: Tensor, upscaled: Tensor, image: Tensor) -> Tensor:
    """Average features inside each mask and in a ring around it.

    Args:
        logits: (N, M, 2h, 2w).
        upscaled: Nested, (N, h w, 4, C/8).
        image: (N, h w, C).

    Returns:
        (N, M, C/8 + C/8 + C).
    """
    N, M, H, W = logits.shape
    chance, around = logits.sigmoid(), ring((logits > 0).to(logits.dtype))

    def cells(maps: Tensor) -> Tensor:  # (N, M, 2h, 2w) → (N, M, hw 4), nested as `upscaled`
        parts = maps.view(N, M, H // 2, 2, W // 2, 2).transpose(3, 4)
        return parts.reshape(N, M, -1)

    def average(weights: Tensor, values: Tensor) -> Tensor:
        return weights @ values / (weights.sum(-1, keepdim=True) + 1e-3)

    fine = upscaled.flatten(1, 2)  # (N, hw 4, C/8)
    return torch.cat(
        [
            average(cells(chance), fine),
            average(cells(around), fine),
            average(F.avg_pool2d(chance, 2).flatten(2), image),
        ],
        -1,
    )


def ring(mask: Tensor) -> Tensor:
    """Give the cells up to two outside a mask (N, M, H, W) of zeros and ones."""
    return F.max_pool2d(mask, 5, 1, 2) - mask


def total(maps: Tensor) -> Tensor:
    """Sum maps (N, M, H, W) over their cells, (N, M)."""
    return maps.sum((2, 3))

"""Score calibration: predicted IoU as the network gives it → the IoU it means on average.

How far a score can be believed depends on what was asked: answers to a lone click are trusted too
much, those after many corrections too little, and an earlier answer that comes back as mask prompt
makes the network sure of itself. So there is one rising map for each kind of prompt and each of the
four masks. The maps are fitted after training (`train/calibrate.py`) and lie in the weights file; a
file without them gives scores as they are.

Shape letters: B pictures, P prompts, N points a prompt, M masks a prompt, K knots of a map.
"""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from anymask.model.prompt_encoder import BACKGROUND, FOREGROUND, TOP_LEFT

KINDS = (
    "click",
    "clicks",
    "box",
    "click, mask",
    "2 clicks, mask",
    "3 clicks, mask",
    "4-5 clicks, mask",
    "6+ clicks, mask",
    "box, mask",
    "box, 1-2 clicks, mask",
    "box, 3+ clicks, mask",
    "drawn mask",
)
"""Kinds of prompts that have maps of their own; a mask is an earlier answer, unless it is drawn."""

MOST_KNOTS = 16
# Clicks at which the next kind begins.
_WITHOUT_MASK = (2,)
_WITH_MASK = (2, 3, 4, 6)
_WITH_BOX_AND_MASK = (1, 3)
_FIRST = MappingProxyType({name: number for number, name in enumerate(KINDS)})
# A drawing is as sure as can be almost everywhere; of an answer's logits hardly two are equal.
_SURE_SHARE_OF_DRAWING = 0.5
_PREFIX = "mask_decoder.mask_scorer.calibration."
RAW_NAME = f"{_PREFIX}raw"


class ScoreCalibration(nn.Module):
    """Rising maps, straight between their knots and level outside.

    Args:
        num_masks: Masks M a prompt.
        num_knots: Knots K of each map, at least 2.
    """

    raw: Tensor
    true: Tensor

    def __init__(self, num_masks: int, num_knots: int) -> None:
        super().__init__()
        knots = torch.linspace(0, 1, num_knots).expand(len(KINDS), num_masks, num_knots)
        self.register_buffer("raw", knots.clone())
        self.register_buffer("true", knots.clone())

    def forward(self, scores: Tensor, kinds: Tensor) -> Tensor:
        """Calibrate scores.

        Args:
            scores: As the network gives them, (B, P, M).
            kinds: Output of `prompt_kinds`, (B, P).

        Returns:
            Predicted IoU, (B, P, M).
        """
        raw, true = self.raw[kinds], self.true[kinds]  # (B, P, M, K)
        low, width = raw[..., :-1], raw.diff()
        share = ((scores[..., None] - low) / width).clamp(0, 1)  # of each piece, (B, P, M, K - 1)
        return true[..., 0] + (share * true.diff()).sum(-1)

    def is_rising(self) -> bool:
        """Say whether the maps can be used: knots ascend, and higher scores stay higher."""
        return bool((self.raw.diff() > 0).all() and (self.true.diff() >= 0).all())


def prompt_kinds(
    labels: Tensor, mask_logits: Tensor | None, has_mask: Tensor | None = None
) -> Tensor:
    """Say of which kind prompts are, as numbers in `KINDS`.

    Args:
        labels: Of points and corners of boxes, (B, P, N).
        mask_logits: Of mask prompts, (B, P, 1, h, w), or None.
        has_mask: Whether the mask prompts count, (1,) bool, where that is known later; None if so.

    Returns:
        (B, P) int64.
    """
    clicks = ((labels == FOREGROUND) | (labels == BACKGROUND)).sum(2)
    has_box = (labels == TOP_LEFT).any(2)

    def kind(first: str, borders: tuple[int, ...]) -> Tensor:
        number = torch.full_like(clicks, _FIRST[first])
        for border in borders:
            number = number + (clicks >= border).to(number.dtype)
        return number

    without = torch.where(has_box, kind("box", ()), kind("click", _WITHOUT_MASK))
    if mask_logits is None:
        return without
    with_mask = torch.where(
        has_box, kind("box, mask", _WITH_BOX_AND_MASK), kind("click, mask", _WITH_MASK)
    )
    with_mask = torch.where(_is_drawn(mask_logits), kind("drawn mask", ()), with_mask)
    return with_mask if has_mask is None else torch.where(has_mask, with_mask, without)


def _is_drawn(mask_logits: Tensor) -> Tensor:
    """Say which mask prompts are drawings, (B, P) bool, from their logits (B, P, 1, h, w)."""
    flat = mask_logits.flatten(2)
    is_outermost = (flat == flat.amax(2, keepdim=True)) | (flat == flat.amin(2, keepdim=True))
    return is_outermost.to(torch.float32).mean(2) > _SURE_SHARE_OF_DRAWING


def without_calibration(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give a state dict without the maps: what a network is trained from.

    Args:
        state: Of a whole network.
    """
    return {name: tensor for name, tensor in state.items() if not name.startswith(_PREFIX)}

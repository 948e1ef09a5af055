"""How much two masks share, and how firmly a mask stands."""

import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError
from anymask.masks.plane import mask_plane


def iou(mask_a: NDArray[np.generic], mask_b: NDArray[np.generic]) -> float:
    """Give the intersection over union of two masks.

    Args:
        mask_a: Bool, (H, W).
        mask_b: Bool, (H, W), of the same picture.

    Returns:
        Share in [0, 1]; 0 where both masks are empty, as COCO's tools have it.

    Raises:
        InputError: If the masks differ in size or have not exactly two axes.
    """
    first, second = mask_plane(mask_a), mask_plane(mask_b)
    if first.shape != second.shape:
        raise InputError(
            f"masks must have one size, got {_size(first)} and {_size(second)}",
            hint="compare masks of the same picture",
        )
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 0.0


def stability_score(
    logits: NDArray[np.floating], threshold_logit: float, offset_logit: float
) -> NDArray[np.float64]:
    """Say how little each mask changes when the cutoff moves.

    Args:
        logits: Mask logits, (..., H, W), any range.
        threshold_logit: Cutoff of the binary mask, in logits.
        offset_logit: How far the cutoff moves up and down, in logits; must be > 0.

    Returns:
        Score in [0, 1], (...): pixels above the high cutoff over pixels above the low one;
        1 where nothing changes, 0 where even the wide mask is empty.

    Raises:
        InputError: If `offset_logit` is not positive.

    Source:
        Segment Anything (Kirillov et al., 2023), section 5 and appendix B (stable masks).
    """
    if not offset_logit > 0:
        raise InputError(f"offset_logit must be > 0, got {offset_logit}", hint="use 1.0")
    narrow = np.count_nonzero(logits > threshold_logit + offset_logit, axis=(-2, -1))
    wide = np.count_nonzero(logits > threshold_logit - offset_logit, axis=(-2, -1))
    return np.asarray(narrow / np.maximum(wide, 1), dtype=np.float64)


def _size(mask: NDArray[np.bool_]) -> str:
    return f"{mask.shape[1]}×{mask.shape[0]}"

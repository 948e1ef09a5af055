"""Prompts as tensors in the model's frame, the way published programs give them.

Little is refused: points may lie outside the picture and corners of a box may be swapped.

Shape letters: P prompts, N points a prompt, M masks a prompt, h w low resolution, H W picture.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.errors import PromptError
from anymask.masks.resize import full_resolution_logits, full_resolution_mask
from anymask.model.image_encoder import ImageFeatures
from anymask.model.mask_decoder import MaskPredictions
from anymask.model.prepared_image import PreparedImage
from anymask.model.prompt_encoder import (
    BACKGROUND,
    BOTTOM_RIGHT,
    FOREGROUND,
    PADDING,
    TOP_LEFT,
    PromptBatch,
)
from anymask.model.sam import Sam, which_masks
from anymask.vocabulary import ImageFrame


def prompt_batch(
    points: Tensor | None,
    labels: Tensor | None,
    boxes: Tensor | None,
    masks: Tensor | None,
    features: ImageFeatures,
) -> PromptBatch:
    """Join what is given to one batch of prompts on one picture.

    Args:
        points: (x, y), (P, N, 2), or None.
        labels: 1 (object), 0 (background) or -1 (no point), (P, N).
        boxes: x0, y0, x1, y1, (P, 4), or None.
        masks: Low-resolution logits, (P, 1, h, w), or (1, 1, h, w) for all; or None.
        features: Of the picture.

    Returns:
        The batch on the features' device; a padding point follows points without a box.

    Raises:
        AssertionError: If there are points without labels.
        PromptError: If shapes do not fit together, or a label is unknown.
    """
    device = features.embedding.device
    rows, kinds = [], []
    if points is not None:
        labels = _checked_labels(points, labels)
        rows, kinds = [points.to(device, torch.float32)], [labels.to(device, torch.int64)]
        if boxes is None:
            rows, kinds = [F.pad(rows[0], (0, 0, 0, 1))], [F.pad(kinds[0], (0, 1), value=PADDING)]
    if boxes is not None:
        corners = boxes.to(device, torch.float32).reshape(boxes.numel() // 4, 2, 2)
        if points is not None and len(points) != len(corners):
            raise PromptError(
                f"{len(points)} prompts of points but {len(corners)} boxes",
                hint="give as many boxes as rows of points",
            )
        rows.append(corners)
        kinds.append(torch.tensor([TOP_LEFT, BOTTOM_RIGHT], device=device).expand(len(corners), 2))
    if rows:
        xy, kind = torch.cat(rows, 1), torch.cat(kinds, 1)
    else:
        num_prompts = 1 if masks is None else len(masks)
        xy = torch.zeros(num_prompts, 0, 2, device=device)
        kind = torch.zeros(num_prompts, 0, dtype=torch.int64, device=device)
    logits = None if masks is None else _checked_masks(masks.to(device), len(xy), features)
    return PromptBatch(xy[None], kind[None], logits)


def refuse_missing_labels(labels: object) -> None:
    """Make sure that points came with labels.

    Raises:
        AssertionError: If there are none, as published programs expect.
    """
    if labels is None:
        raise AssertionError("point_coords came without point_labels; give one label a point.")


def _checked_labels(points: Tensor, labels: Tensor | None) -> Tensor:
    refuse_missing_labels(labels)
    labels = torch.as_tensor(labels)
    if points.ndim != 3 or points.shape[2] != 2 or labels.shape != points.shape[:2]:
        raise PromptError(
            f"point_coords {tuple(points.shape)} and point_labels {tuple(labels.shape)} do not fit",
            hint="pass (P, N, 2) and (P, N)",
        )
    known = (labels == FOREGROUND) | (labels == BACKGROUND) | (labels == PADDING)
    if not bool(known.all()):
        raise PromptError(
            f"point_labels hold {labels[~known][0].item():g}",
            hint="labels are 1 (object), 0 (background) or -1 (no point)",
        )
    return labels


def _checked_masks(masks: Tensor, num_prompts: int, features: ImageFeatures) -> Tensor:
    """Give logits (1, P, 1, h, w); one for all prompts is repeated."""
    h, w = (4 * side for side in features.embedding.shape[-2:])
    if masks.shape not in ((num_prompts, 1, h, w), (1, 1, h, w)):
        raise PromptError(
            f"mask_input must be logits of shape ({num_prompts}, 1, {h}, {w}), "
            f"got {tuple(masks.shape)}",
            hint="pass the low-resolution logits of an earlier answer",
        )
    return masks.to(torch.float32).expand(num_prompts, 1, h, w)[None]


def decode(
    network: Sam,
    features: ImageFeatures,
    prompts: PromptBatch,
    prepared: PreparedImage | None = None,
    *,
    multimask: bool,
) -> MaskPredictions:
    """Answer a batch of prompts on one picture.

    Args:
        network: The network.
        features: Of the picture.
        prompts: P prompts, none included.
        prepared: What the network's decoder works out from the features, if it is at hand.
        multimask: Three masks a prompt, or one.

    Returns:
        Low-resolution logits (P, M, h, w) and scores (P, M).
    """
    answer = network.decode(features, prompts, prepared, which_masks(multimask=multimask))
    return MaskPredictions(answer.low_res_logits[0], answer.iou[0])


def full_resolution(low_res: Tensor, frame: ImageFrame, threshold: float | None) -> Tensor:
    """Give masks at the picture's size.

    Args:
        low_res: Low-resolution logits, (P, M, h, w).
        frame: Where the picture lies in the model's square.
        threshold: Cutoff in logits; None for the logits themselves.

    Returns:
        Bool, or float32 logits, (P, M, H, W), on the same device.
    """
    planes = low_res.float().cpu().numpy()
    if threshold is None:
        return torch.from_numpy(full_resolution_logits(planes, frame)).to(low_res.device)
    masks = np.empty((*planes.shape[:2], *frame.original_hw), dtype=np.bool_)
    for index in np.ndindex(planes.shape[:2]):
        masks[index] = full_resolution_mask(planes[index], frame, threshold)
    return torch.from_numpy(masks).to(low_res.device)

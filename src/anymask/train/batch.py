"""Samples joined to tensors: what one backward pass learns from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anymask.data.samples import Sample
from anymask.model.sam import Sam


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBatch:
    """B pictures with P masks each.

    Attributes:
        pixels: Normalised RGB, zeros right of and below the picture, (B, 3, S, S).
        targets: Share of each cell inside the mask, (B, P, S/4, S/4) in [0, 1].
        clicks: (x, y) in frame pixels, (B, P, 2).
        boxes: x0, y0, x1, y1 in frame pixels, (B, P, 4).
        names: "set/picture" of each.
        used_hw: Height and width of each picture inside its frame, pixels.
    """

    pixels: Tensor
    targets: Tensor
    clicks: Tensor
    boxes: Tensor
    names: tuple[str, ...] = ()
    used_hw: tuple[tuple[int, int], ...] = ()


def collate(samples: Sequence[Sample], model: Sam) -> TrainingBatch:
    """Join samples into tensors on the model's device, pixels normalised as the model wants them.

    Padding is exactly zero after normalising, as it is when the model is used.

    Args:
        samples: Samples of one size, with equally many masks.
        model: The model they are for.

    Source:
        Behaviour of the published pre-processing.
    """
    device = next(model.parameters()).device
    frames = torch.from_numpy(np.stack([s.frame for s in samples])).to(device)
    mean, std = (
        torch.tensor(values, device=device)
        for values in (model.config.pixel_mean, model.config.pixel_std)
    )
    pixels = ((frames - mean) / std).permute(0, 3, 1, 2)  # (B, 3, S, S)
    for picture, sample in zip(pixels, samples, strict=True):
        height, width = sample.used_hw
        picture[:, height:] = 0
        picture[:, :, width:] = 0

    def stacked(arrays: list[NDArray[np.generic]]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(device, torch.float32)

    return TrainingBatch(
        pixels=pixels.contiguous(memory_format=torch.channels_last),
        targets=stacked([s.targets for s in samples]) / 255,
        clicks=stacked([s.clicks for s in samples]),
        boxes=stacked([s.boxes for s in samples]),
        names=tuple(s.name for s in samples),
        used_hw=tuple(s.used_hw for s in samples),
    )

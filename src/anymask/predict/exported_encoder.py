"""The image encoder as a program that engines other than torch read.

The program is fixed to one picture of the model's frame: sizes become numbers, which engines
compile best, and a picture's features do not depend on what is encoded beside it.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anymask.model.image_encoder import ImageFeatures
from anymask.model.sam import Sam


class PlainEncoder(nn.Module):
    """An image encoder that gives a plain tuple: the embedding, then the high-resolution maps."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Encode normalised pictures (B, 3, S, S)."""
        features = self.encoder(pixels)
        return (features.embedding, *features.high_res)


def export_encoder(sam: Sam) -> torch.export.ExportedProgram:
    """Give the image encoder as a program for one picture (1, 3, S, S) on the CPU.

    Args:
        sam: The network, on the CPU in float32; its weights are shared, not copied.
    """
    size = sam.config.input_size
    with warnings.catch_warnings(), torch.no_grad():
        # What torch says here is about its own parts, which a user cannot change.
        warnings.simplefilter("ignore")
        picture = torch.zeros(1, 3, size, size, dtype=torch.float32)
        return torch.export.export(PlainEncoder(sam.image_encoder).eval(), (picture,), strict=False)


def one_by_one(
    run: Callable[[NDArray[np.float32]], Sequence[Any]],
) -> Callable[[Tensor], ImageFeatures]:
    """Turn a function for one picture into one for a batch.

    Args:
        run: A picture, float32 (1, 3, S, S) → arrays: the embedding and the high-resolution maps.

    Returns:
        Pictures (B, 3, S, S) → their features, in memory of their own.
    """

    def encode(pixels: Tensor) -> ImageFeatures:
        pictures = pixels.detach().float().contiguous().numpy()
        rows = [run(pictures[index : index + 1]) for index in range(len(pictures))]
        embedding, *high_res = (
            torch.from_numpy(np.concatenate(column)) for column in zip(*rows, strict=True)
        )
        return ImageFeatures(embedding, tuple(high_res))

    return encode

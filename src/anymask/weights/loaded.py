"""What loading a checkpoint gives."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from anymask.model.sam import Sam


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model with its weights, and where they are from.

    Attributes:
        sam: The network in eval mode, without gradients, on `device`.
        name: Short name of the architecture: "tiny", "vit_b", "vit_l", "vit_h", …
        sha256: Of the checkpoint's bytes, 64 hexadecimal digits.
        origin: Where the weights are from, in a few words for people.
        device: Where the network lies.
        dtype: Type of its parameters.
        metadata: What our own files say about themselves (recipe, card); empty for others.
        notes: What was done or noticed while loading, one sentence each.
    """

    sam: Sam
    name: str
    sha256: str
    origin: str
    device: torch.device
    dtype: torch.dtype
    metadata: Mapping[str, str]
    notes: tuple[str, ...] = ()

"""What loading a checkpoint gives."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from anymask.model.image_encoder import ImageFeatures
from anymask.model.prepared_image import PlaceTables
from anymask.model.sam import Sam


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderEngine:
    """What runs the image encoder.

    Attributes:
        name: "torch", "compile", "openvino" or "onnxruntime".
        version: Of the package that computes.
        run: Pictures (B, 3, S, S) float32 → their features, on the model's device.
        threads: Threads it may use; None for a GPU, and where torch's own setting holds.
    """

    name: str
    version: str
    run: Callable[[Tensor], ImageFeatures]
    threads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model with its weights, and where they are from.

    Attributes:
        sam: The network in eval mode, without gradients, on `device`.
        name: Short name of the architecture: "tiny", "vit_b", "vit_l", "vit_h", …
        sha256: Of the checkpoint's bytes, 64 hexadecimal digits; zeros where there is no file.
        origin: Where the weights are from, in a few words for people.
        device: Where the network lies.
        dtype: Number format of the image encoder; everything else is in float32.
        metadata: What our own files say about themselves (recipe, card); empty for others.
        notes: What was done or noticed while loading, one sentence each.
        encoder: What runs the image encoder; None for the network's own, in `dtype`.
        places: What the decoder makes of the cells' position code, the same for every picture;
            None to work it out for each.
        source: What was asked for: a name or path; None for the default model.
        input_size: Side of the frame that was asked for, pixels; None for the checkpoint's own.
    """

    sam: Sam
    name: str
    sha256: str
    origin: str
    device: torch.device
    dtype: torch.dtype
    metadata: Mapping[str, str]
    notes: tuple[str, ...] = ()
    encoder: EncoderEngine | None = None
    places: PlaceTables | None = None
    source: str | None = None
    input_size: int | None = None

    @property
    def engine(self) -> str:
        """What runs the image encoder: "torch", "compile", "openvino" or "onnxruntime"."""
        return "torch" if self.encoder is None else self.encoder.name

    @property
    def precision(self) -> str:
        """Name of the image encoder's number format: "float32" or "bfloat16"."""
        return str(self.dtype).removeprefix("torch.")

    def encode(self, pixels: Tensor) -> ImageFeatures:
        """Encode pictures with the engine that was chosen.

        Args:
            pixels: Normalised RGB, padded right and below, (B, 3, S, S) float32, on `device`.

        Returns:
            The image embedding and, where the architecture has them, high-resolution features.
        """
        if self.encoder is not None:
            return self.encoder.run(pixels)
        reduced = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype) if reduced else nullcontext():
            return self.sam.encode(pixels)

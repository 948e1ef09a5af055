"""Models as published programs build them: a registry of functions, and what they read of a model.

Shape letters: P prompts, N points a prompt, M masks a prompt, h w low resolution, H W picture.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.model.configs import SamConfig, mobile_sam, vit_b, vit_h, vit_l
from anymask.model.sam import Sam
from anymask.predict.encode import features_of_one
from anymask.predict.tensor_prompts import decode, full_resolution, prompt_batch
from anymask.segment_anything.transforms import frame_of
from anymask.weights.load import load_model


class SamModel(nn.Module):
    """A network with what published programs read from it.

    Args:
        network: The network; its parts are shared, not copied.
    """

    mask_threshold: float = 0.0
    image_format: str = "RGB"
    network: Sam
    image_encoder: nn.Module
    prompt_encoder: nn.Module
    mask_decoder: nn.Module
    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, network: Sam) -> None:
        super().__init__()
        # Only its parts are registered, so that parameters keep their published names.
        object.__setattr__(self, "network", network)
        for name, part in network.named_children():
            self.add_module(name, part)
        self.image_encoder.img_size = network.config.input_size  # type: ignore[assignment]
        for name in ("pixel_mean", "pixel_std"):
            values = torch.tensor(getattr(network.config, name)).view(-1, 1, 1)
            self.register_buffer(name, values, persistent=False)

    @property
    def side(self) -> int:
        """Side of the frame, pixels."""
        return self.network.config.input_size

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.pixel_mean.device

    def preprocess(self, x: Tensor) -> Tensor:
        """Normalise and pad.

        Args:
            x: Resized RGB on the 0 to 255 scale, (..., 3, h, w).

        Returns:
            (..., 3, S, S), zeros to the right and at the bottom.
        """
        x = (x.to(self.device) - self.pixel_mean) / self.pixel_std
        return F.pad(x, (0, self.side - x.shape[-1], 0, self.side - x.shape[-2]))

    @torch.no_grad()
    def forward(
        self, batched_input: Sequence[dict[str, Any]], multimask_output: bool
    ) -> list[dict[str, Tensor]]:
        """Answer prompts on several pictures.

        Args:
            batched_input: One table a picture: `image` (3, h, w), resized; `original_size`
                (H, W); and any of `point_coords` (P, N, 2) with `point_labels` (P, N), `boxes`
                (P, 4) and `mask_inputs` (P, 1, h, w), in the resized frame.
            multimask_output: Three masks a prompt, or one.

        Returns:
            One table a picture: `masks` bool (P, M, H, W), `iou_predictions` (P, M) and
            `low_res_logits` (P, M, h, w).
        """
        pixels = torch.stack([self.preprocess(record["image"]) for record in batched_input])
        features = self.network.encode(pixels)
        outputs = []
        for index, record in enumerate(batched_input):
            one = features_of_one(features, index)
            prompts = prompt_batch(
                record.get("point_coords"),
                record.get("point_labels"),
                record.get("boxes"),
                record.get("mask_inputs"),
                one,
            )
            answer = decode(self.network, one, prompts, multimask=multimask_output)
            frame = frame_of(record["original_size"], record["image"].shape[-2:], self.side)
            masks = full_resolution(answer.low_res_logits, frame, self.mask_threshold)
            outputs.append(
                {
                    "masks": masks,
                    "iou_predictions": answer.iou,
                    "low_res_logits": answer.low_res_logits,
                }
            )
        return outputs


def build_sam_vit_h(checkpoint: str | Path | None = None) -> SamModel:
    """Give SAM with ViT-H, from a checkpoint or with random weights."""
    return _build(vit_h(), checkpoint)


def build_sam_vit_l(checkpoint: str | Path | None = None) -> SamModel:
    """Give SAM with ViT-L, from a checkpoint or with random weights."""
    return _build(vit_l(), checkpoint)


def build_sam_vit_b(checkpoint: str | Path | None = None) -> SamModel:
    """Give SAM with ViT-B, from a checkpoint or with random weights."""
    return _build(vit_b(), checkpoint)


def build_sam_vit_t(checkpoint: str | Path | None = None) -> SamModel:
    """Give MobileSAM, whose encoder is a TinyViT, from a checkpoint or with random weights."""
    return _build(mobile_sam(), checkpoint)


def build_sam_tiny(checkpoint: str | Path | None = None) -> SamModel:
    """Give the small architecture, from a checkpoint or with the weights inside the package."""
    return _wrap(load_model(checkpoint, device="cpu", architecture="tiny").sam)


build_sam = build_sam_vit_h

sam_model_registry: MappingProxyType[str, Callable[..., SamModel]] = MappingProxyType(
    {
        "default": build_sam,
        "vit_h": build_sam,
        "vit_l": build_sam_vit_l,
        "vit_b": build_sam_vit_b,
        "vit_t": build_sam_vit_t,
        "tiny": build_sam_tiny,
    }
)


def _build(config: SamConfig, checkpoint: str | Path | None) -> SamModel:
    if checkpoint is None:
        return _wrap(Sam(config))
    return _wrap(load_model(checkpoint, device="cpu", architecture=config.name).sam)


def _wrap(network: Sam) -> SamModel:
    # Published models can be trained as they come.
    return SamModel(network.requires_grad_(True)).eval()

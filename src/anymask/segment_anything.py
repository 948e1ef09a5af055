"""For programs written for the published package: change the import line, keep the rest.

    from anymask.segment_anything import SamPredictor, sam_model_registry

Names, shapes, types and leniency are the published ones: points outside the picture and boxes with
swapped corners are not refused, and a predictor remembers its picture. New programs are better off
with `anymask.load`, which checks what it is asked and holds no hidden state.

Shape letters: P prompts, N points a prompt, M masks a prompt, h w low resolution, H W picture.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor, nn

from anymask.errors import ImageError, InputError, PromptError, StateError
from anymask.image.frame import frame_for, points_to_frame
from anymask.model.configs import SamConfig, mobile_sam, vit_b, vit_h, vit_l
from anymask.model.image_encoder import ImageFeatures
from anymask.model.prepared_image import PreparedImage
from anymask.model.sam import Sam
from anymask.predict.encode import features_of_one
from anymask.predict.tensor_prompts import (
    decode,
    full_resolution,
    prompt_batch,
    refuse_missing_labels,
)
from anymask.vocabulary import ImageFrame
from anymask.weights.load import load_model

__all__ = [
    "ResizeLongestSide",
    "SamAutomaticMaskGenerator",
    "SamModel",
    "SamPredictor",
    "build_sam",
    "build_sam_tiny",
    "build_sam_vit_b",
    "build_sam_vit_h",
    "build_sam_vit_l",
    "build_sam_vit_t",
    "sam_model_registry",
]

Answers = tuple[Tensor, Tensor, Tensor]


# --- models ---


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
        side = self.network.config.input_size
        return F.pad(x, (0, side - x.shape[-1], 0, side - x.shape[-2]))

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
            frame = _frame_of(self.network, record["original_size"], record["image"].shape[-2:])
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


# --- pictures and coordinates ---


class ResizeLongestSide:
    """Bring pictures, points and boxes to the frame whose longer side is `target_length`.

    Args:
        target_length: Longer side after resizing, pixels.
    """

    def __init__(self, target_length: int) -> None:
        self.target_length = target_length

    def apply_image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize a picture uint8 (H, W, C) as the model expects it.

        Raises:
            ImageError: If it is not uint8 of two or three axes.
        """
        array = np.ascontiguousarray(image)
        if array.dtype != np.uint8 or array.ndim not in (2, 3):
            raise ImageError(
                f"image must be uint8 (H, W, 3), got {array.dtype} {array.shape}",
                hint="scale values to 0 to 255 and convert with astype(np.uint8)",
            )
        height, width = self.get_preprocess_shape(
            array.shape[0], array.shape[1], self.target_length
        )
        plane = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
        resized = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
        return np.array(resized)

    def apply_coords(self, coords: ArrayLike, original_size: Sequence[int]) -> NDArray[np.float64]:
        """Move points (..., 2), (x, y) in a picture of `original_size` (H, W), to the frame."""
        H, W = original_size
        return points_to_frame(coords, frame_for((int(H), int(W)), self.target_length))

    def apply_boxes(self, boxes: ArrayLike, original_size: Sequence[int]) -> NDArray[np.float64]:
        """Move boxes (P, 4) in a picture of `original_size` (H, W) to the frame, (P, 4)."""
        corners = np.asarray(boxes).reshape(-1, 2, 2)
        return self.apply_coords(corners, original_size).reshape(-1, 4)

    def apply_image_torch(self, image: Tensor) -> Tensor:
        """Resize pictures (B, C, H, W), float; only nearly what the model expects."""
        height, width = image.shape[-2:]
        size = self.get_preprocess_shape(height, width, self.target_length)
        return F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)

    def apply_coords_torch(self, coords: Tensor, original_size: Sequence[int]) -> Tensor:
        """Do as `apply_coords` with a tensor (..., 2); gives float32."""
        H, W = original_size
        height, width = self.get_preprocess_shape(H, W, self.target_length)
        x, y = coords.to(torch.float32).unbind(-1)
        return torch.stack([x * (width / W), y * (height / H)], -1)

    def apply_boxes_torch(self, boxes: Tensor, original_size: Sequence[int]) -> Tensor:
        """Do as `apply_boxes` with a tensor (P, 4); gives float32."""
        return self.apply_coords_torch(boxes.reshape(-1, 2, 2), original_size).reshape(-1, 4)

    @staticmethod
    def get_preprocess_shape(oldh: int, oldw: int, long_side_length: int) -> tuple[int, int]:
        """Give the size (h, w) of a picture of `oldh` × `oldw` pixels in the frame."""
        return frame_for((int(oldh), int(oldw)), long_side_length).resized_hw


# --- prediction ---


class SamPredictor:
    """Remembers one picture's embedding and answers prompts about it.

    Args:
        sam_model: A model of `sam_model_registry`.

    Attributes:
        model: The model.
        transform: Brings pictures and coordinates to the model's frame.
        is_image_set: Whether a picture is remembered.
        features: Its image embedding, (1, C, h, w), or None.
        high_res_features: Features at strides 8 and 4 of models that have them.
        original_size: Its size (H, W).
        input_size: Its size (h, w) after resizing.
    """

    def __init__(self, sam_model: SamModel) -> None:
        if not isinstance(sam_model, SamModel):
            raise InputError(
                f"sam_model must come from sam_model_registry, got {type(sam_model).__name__}",
                hint="build it with sam_model_registry[name](checkpoint=path)",
            )
        self.model = sam_model
        self.transform = ResizeLongestSide(sam_model.network.config.input_size)
        self.reset_image()

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        return self.model.device

    def reset_image(self) -> None:
        """Forget the picture."""
        self.is_image_set = False
        self.features: Tensor | None = None
        self.high_res_features: tuple[Tensor, ...] = ()
        self._prepared: PreparedImage | None = None
        self.original_size: tuple[int, ...] | None = None
        self.input_size: tuple[int, ...] | None = None

    def set_image(self, image: NDArray[np.uint8], image_format: str = "RGB") -> None:
        """Encode a picture.

        Args:
            image: uint8, (H, W, 3).
            image_format: "RGB" or "BGR", the order of its colours.

        Raises:
            AssertionError: If the format is neither, or the picture has not three channels.
            ImageError: If the picture is not uint8.
        """
        if image_format not in ("RGB", "BGR"):
            raise AssertionError(f"image_format is {image_format!r}; use 'RGB' or 'BGR'.")
        image = np.asarray(image)
        if image_format != self.model.image_format:
            image = image[..., ::-1]
        resized = self.transform.apply_image(image)
        channels_first = np.moveaxis(np.atleast_3d(resized), 2, 0)
        self.set_torch_image(torch.from_numpy(channels_first.copy())[None], image.shape[:2])

    @torch.no_grad()
    def set_torch_image(
        self, transformed_image: Tensor, original_image_size: Sequence[int]
    ) -> None:
        """Encode a picture that is resized already.

        Args:
            transformed_image: RGB on the 0 to 255 scale, (1, 3, h, w), as `transform` gives it.
            original_image_size: Size (H, W) before resizing.

        Raises:
            AssertionError: If the shape is another, or the longer side is not the model's.
        """
        side, shape = self.transform.target_length, tuple(transformed_image.shape)
        if len(shape) != 4 or shape[1] != 3 or max(shape[2:]) != side:
            raise AssertionError(
                f"transformed_image must have shape (1, 3, h, w) with the longer side {side}, "
                f"got {shape}; resize it with transform.apply_image."
            )
        self.reset_image()
        features = self.model.network.encode(self.model.preprocess(transformed_image))
        one = features_of_one(features, 0)
        self.features, self.high_res_features = one
        self._prepared = self.model.network.prepare(one)
        self.original_size = tuple(original_image_size)
        self.input_size = shape[-2:]
        self.is_image_set = True

    def predict(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]:
        """Answer one prompt.

        Args:
            point_coords: (x, y) in pixels of the original picture, (N, 2).
            point_labels: 1 (object) or 0 (background), (N,).
            box: x0, y0, x1, y1 in pixels of the original picture, (4,) or (1, 4).
            mask_input: Low-resolution logits of an earlier answer, (1, h, w).
            multimask_output: Three masks, or one.
            return_logits: Logits instead of masks.

        Returns:
            Masks bool (M, H, W), or logits float32; scores (M,); low-resolution logits (M, h, w).

        Raises:
            StateError: If no picture is set.
            AssertionError: If there are points without labels.
            PromptError: If shapes do not fit together.
        """
        size = self._frame().original_hw
        coords = labels = boxes = masks = None
        if point_coords is not None:
            refuse_missing_labels(point_labels)
            coords = torch.as_tensor(self.transform.apply_coords(point_coords, size))[None]
            labels = torch.as_tensor(np.asarray(point_labels))[None]
        if box is not None:
            boxes = torch.as_tensor(self.transform.apply_boxes(box, size))
            if len(boxes) != 1:
                raise PromptError(
                    f"box must be one box of 4 numbers, got {len(boxes)} boxes",
                    hint="use predict_torch for several",
                )
        if mask_input is not None:
            masks = torch.as_tensor(np.asarray(mask_input, dtype=np.float32))[None]
        answer = self.predict_torch(coords, labels, boxes, masks, multimask_output, return_logits)
        full, scores, low_res = (part[0].cpu().numpy() for part in answer)
        return full, scores, low_res

    @torch.no_grad()
    def predict_torch(
        self,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        boxes: Tensor | None = None,
        mask_input: Tensor | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> Answers:
        """Answer several prompts given in the resized frame.

        Args:
            point_coords: (x, y), (P, N, 2), as `transform.apply_coords_torch` gives them.
            point_labels: 1 (object), 0 (background) or -1 (no point), (P, N).
            boxes: (P, 4), as `transform.apply_boxes_torch` gives them.
            mask_input: Low-resolution logits, (P, 1, h, w).
            multimask_output: Three masks a prompt, or one.
            return_logits: Logits instead of masks.

        Returns:
            Masks bool (P, M, H, W), or logits float32; scores (P, M); low-resolution logits
            (P, M, h, w).

        Raises:
            StateError: If no picture is set.
            AssertionError: If there are points without labels.
            PromptError: If shapes do not fit together.
        """
        frame = self._frame()
        features = ImageFeatures(self.get_image_embedding(), self.high_res_features)
        prompts = prompt_batch(point_coords, point_labels, boxes, mask_input, features)
        answer = decode(
            self.model.network, features, prompts, self._prepared, multimask=multimask_output
        )
        threshold = None if return_logits else self.model.mask_threshold
        full = full_resolution(answer.low_res_logits, frame, threshold)
        return full, answer.iou, answer.low_res_logits

    def get_image_embedding(self) -> Tensor:
        """Give the image embedding, (1, C, h, w).

        Raises:
            StateError: If no picture is set.
        """
        if not self.is_image_set or self.features is None:
            raise StateError("no picture is set", hint="call set_image first")
        return self.features

    def _frame(self) -> ImageFrame:
        if not self.is_image_set or self.original_size is None or self.input_size is None:
            raise StateError("no picture is set", hint="call set_image first")
        return _frame_of(self.model.network, self.original_size, self.input_size)


class SamAutomaticMaskGenerator:
    """Not part of this version; making one says so."""

    def __init__(self, *_: object, **__: object) -> None:
        raise StateError(
            "automatic mask generation is not part of this version",
            hint="prompt with points or boxes through SamPredictor",
        )


def _frame_of(network: Sam, original_hw: Sequence[int], resized_hw: Sequence[int]) -> ImageFrame:
    (H, W), (h, w) = original_hw, resized_hw
    side = network.config.input_size
    return ImageFrame(original_hw=(int(H), int(W)), resized_hw=(int(h), int(w)), input_size=side)

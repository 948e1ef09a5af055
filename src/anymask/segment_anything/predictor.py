"""The published predictor: one picture is remembered, prompts about it are answered.

Shape letters: P prompts, N points a prompt, M masks a prompt, h w low resolution, H W picture.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from anymask.errors import InputError, PromptError, StateError
from anymask.model.image_encoder import ImageFeatures
from anymask.model.prepared_image import PreparedImage
from anymask.predict.encode import features_of_one
from anymask.predict.tensor_prompts import (
    decode,
    full_resolution,
    prompt_batch,
    refuse_missing_labels,
)
from anymask.segment_anything.models import SamModel
from anymask.segment_anything.transforms import ResizeLongestSide, frame_of
from anymask.vocabulary import ImageFrame

Answers = tuple[Tensor, Tensor, Tensor]


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
        self.transform = ResizeLongestSide(sam_model.side)
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
        return frame_of(self.original_size, self.input_size, self.model.side)

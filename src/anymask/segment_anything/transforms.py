"""Pictures and coordinates in the model's frame, the way published programs bring them there."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from anymask.errors import ImageError
from anymask.image.frame import frame_for, points_to_frame
from anymask.vocabulary import ImageFrame


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


def frame_of(original_hw: Sequence[int], resized_hw: Sequence[int], input_size: int) -> ImageFrame:
    """Say where a picture lies whose sizes a program remembered.

    Args:
        original_hw: Size (H, W) of the picture, pixels.
        resized_hw: Size (h, w) after resizing, pixels.
        input_size: Side of the frame, pixels.
    """
    (H, W), (h, w) = original_hw, resized_hw
    return ImageFrame(
        original_hw=(int(H), int(W)), resized_hw=(int(h), int(w)), input_size=input_size
    )

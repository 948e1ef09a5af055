"""Rough masks and earlier answers → the mask prompt that the decoder reads.

The decoder expects logits. A drawn mask becomes logits by its share of each low-resolution cell:
clearly inside, clearly outside, and undecided where the border passes.

Models are trained on masks beside clicks only, and answer a lone mask badly. So a drawn mask or an
earlier answer that comes alone is given a click at its most inner pixel; bare logits are not.
"""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from anymask.errors import PromptError
from anymask.masks.mask import Mask, Masks
from anymask.vocabulary import ImageFrame

# Size of the logits inside and outside a drawn mask: as sure as a good answer of the model.
SURE_LOGIT = 8.0
# Of a drawn mask on the 0 to 255 scale: what is brighter is the object.
MIDDLE_GREY = 127


class RoughMask(NamedTuple):
    """A mask ready to prompt with.

    Attributes:
        logits: What the decoder reads, float32, (h, w).
        inside: Where the object was drawn, bool (H, W); None if only logits were given.
    """

    logits: NDArray[np.float32]
    inside: NDArray[np.bool_] | None


def read_mask(mask: object, frame: ImageFrame, low_res_hw: tuple[int, int]) -> RoughMask:
    """Give the logits to prompt with.

    Args:
        mask: An earlier answer (Mask, or Masks whose best is taken); or a rough mask of the
            picture's size, (H, W), bool, 0 and 1, 0 to 255, or logits; or low-resolution logits,
            float, (h, w) or (1, h, w). Arrays or tensors.
        frame: Where the picture lies in the model's square.
        low_res_hw: Size (h, w) of the model's low-resolution logits.

    Returns:
        The logits, and the mask at the picture's size where one is known.

    Raises:
        PromptError: If the mask is of another size, empty, or holds values of no known meaning.
    """
    if isinstance(mask, Mask | Masks):
        answer = mask.best if isinstance(mask, Masks) else mask
        if answer.low_res_logits is not None and answer.frame == frame:
            return RoughMask(_checked_logits(answer.low_res_logits.copy()), answer.array)
        # It has no logits; or they lie elsewhere, in the square of a model of another size.
        mask = answer.array
    array = _plane(mask)
    is_float = np.issubdtype(array.dtype, np.floating)
    # Where the picture is as small as the logits, nothing but a drawing is free of negatives.
    is_drawn = array.shape == frame.original_hw and not np.any(np.signbit(array))
    if is_float and array.shape == low_res_hw and not is_drawn:
        return RoughMask(_checked_logits(array.astype(np.float32)), None)
    if array.shape != frame.original_hw:
        (h, w), (H, W) = low_res_hw, frame.original_hw
        raise PromptError(
            f"mask {_size(array)} for picture {W}×{H}",
            hint=f"pass a mask of the picture's size, or float logits of {w}×{h}",
        )
    inside = _inside(array)
    if not inside.any():
        raise PromptError("mask is empty: no pixel is set", hint="draw where the object is")
    return RoughMask(_drawn_logits(inside, frame, low_res_hw), inside)


def _plane(mask: object) -> NDArray[np.generic]:
    if isinstance(mask, torch.Tensor):
        mask = mask.detach().cpu().float() if mask.is_floating_point() else mask.cpu()
    try:
        array = np.asarray(mask)
    except ValueError as error:  # ragged nesting
        raise PromptError(
            "mask has rows of different lengths", hint="pass an array (H, W)"
        ) from error
    if array.dtype.kind not in "biuf":
        raise PromptError(
            f"mask must be an array of numbers, got {type(mask).__name__}",
            hint="pass a bool array (H, W)",
        )
    return array[0] if array.ndim == 3 and array.shape[0] == 1 else array


def _size(array: NDArray[np.generic]) -> str:
    if array.ndim != 2:
        return f"of shape {array.shape}"
    return f"{array.shape[1]}×{array.shape[0]}"


def _checked_logits(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(logits).all():
        raise PromptError("mask logits hold NaN or Inf", hint="pass the logits of a valid answer")
    if np.isin(logits, (0, 1)).all():
        raise PromptError(
            "mask logits are only 0 and 1, so they are no logits",
            hint="pass the bool mask at the picture's size, or low_res_logits of an earlier answer",
        )
    return logits


def _inside(array: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Say where a mask of the picture's size is set, whichever way it was written."""
    if array.dtype == np.bool_:
        return array.astype(np.bool_)
    numbers = array.astype(np.float32)
    low, high = float(numbers.min()), float(numbers.max())
    if not np.isfinite([low, high]).all():
        raise PromptError("mask holds NaN or Inf", hint="pass a bool array (H, W)")
    if low < 0 and np.issubdtype(array.dtype, np.floating):
        cutoff = 0.0  # logits
    elif low >= 0 and high <= 1:
        cutoff = 0.5
    elif low >= 0 and high > MIDDLE_GREY:
        cutoff = float(MIDDLE_GREY)
    else:
        raise PromptError(
            f"mask holds values from {low:g} to {high:g}, neither 0 and 1 nor 0 to 255",
            hint="pass a bool array (H, W), say labels == 3",
        )
    inside: NDArray[np.bool_] = numbers > cutoff
    return inside


def _drawn_logits(
    inside: NDArray[np.bool_], frame: ImageFrame, low_res_hw: tuple[int, int]
) -> NDArray[np.float32]:
    height, width = frame.resized_hw
    square = np.zeros((frame.input_size, frame.input_size), np.float32)
    square[:height, :width] = cv2.resize(
        inside.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
    )
    share = cv2.resize(square, low_res_hw[::-1], interpolation=cv2.INTER_AREA)
    # An object thinner than a cell would otherwise be drawn as nothing.
    share = share / share.max()
    return np.asarray(SURE_LOGIT * (2 * share - 1), dtype=np.float32)

"""Rough masks and earlier logits → the mask prompt that the decoder reads.

The decoder expects logits. A drawn mask becomes logits by its share of each low-resolution cell:
clearly inside, clearly outside, and undecided where the border passes.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.errors import PromptError
from anymask.vocabulary import ImageFrame

# Size of the logits inside and outside a drawn mask: as sure as a good answer of the model.
SURE_LOGIT = 8.0


def mask_prompt(
    mask: NDArray[np.generic], frame: ImageFrame, low_res_hw: tuple[int, int]
) -> NDArray[np.float32]:
    """Give the logits to prompt with.

    Args:
        mask: A rough mask of the picture's size, (H, W), bool or 0 and 255 or 0 and 1; or logits
            of an earlier answer, float, (h, w) or (1, h, w).
        frame: Where the picture lies in the model's square.
        low_res_hw: Size (h, w) of the model's low-resolution logits.

    Returns:
        Logits, float32, (h, w).

    Raises:
        PromptError: If the size is neither, or the mask is empty.
    """
    array = np.asarray(mask)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    is_logits = np.issubdtype(array.dtype, np.floating)
    if is_logits and array.shape == low_res_hw:
        return _checked_logits(np.asarray(array, dtype=np.float32))
    if array.shape != frame.original_hw:
        (h, w), (H, W) = low_res_hw, frame.original_hw
        got = "×".join(str(side) for side in reversed(array.shape)) or "a single value"
        raise PromptError(
            f"mask is {got} for a picture of {W}×{H}",
            hint=f"pass a mask of the picture's size, or float logits of {w}×{h}",
        )
    inside = array > 0
    if not inside.any():
        raise PromptError("mask is empty: no pixel is set", hint="draw where the object is")
    return _drawn_logits(inside, frame, low_res_hw)


def _checked_logits(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(logits).all():
        raise PromptError("mask logits hold NaN or Inf", hint="pass the logits of a valid answer")
    return logits


def _drawn_logits(
    inside: NDArray[np.bool_], frame: ImageFrame, low_res_hw: tuple[int, int]
) -> NDArray[np.float32]:
    stride = frame.input_size / low_res_hw[0]
    used_h, used_w = (max(1, round(side / stride)) for side in frame.resized_hw)
    share = cv2.resize(inside.astype(np.float32), (used_w, used_h), interpolation=cv2.INTER_AREA)
    logits = np.full(low_res_hw, -SURE_LOGIT, np.float32)
    logits[:used_h, :used_w] = SURE_LOGIT * (2 * share - 1)
    return logits

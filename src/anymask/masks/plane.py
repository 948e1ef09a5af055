"""The one form masks have inside this room: a contiguous bool array (H, W)."""

import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError

BoolMask = NDArray[np.bool_]
"""A mask, bool (H, W), True on the object."""


def mask_plane(mask: NDArray[np.generic]) -> BoolMask:
    """Give a mask as contiguous bool (H, W); the very same array if it is one already.

    Args:
        mask: (H, W) of any dtype; what is not zero is the object.

    Returns:
        Bool, (H, W), C-contiguous.

    Raises:
        InputError: If the array has not exactly two axes.
    """
    if mask.ndim != 2:
        raise InputError(
            f"mask must have shape (H, W), got {mask.shape}", hint="pass one mask at a time"
        )
    return np.ascontiguousarray(mask, dtype=np.bool_)

"""EXIF orientation, undone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror an array as its EXIF orientation asks.

    Args:
        array: (H, W) or (H, W, C), as stored.
        orientation: EXIF orientation, 1 to 8.

    Returns:
        The array as it is to be seen, contiguous; H and W change places for 5 to 8.

    Source:
        EXIF 2.3, tag 274: which stored side is the visual top and left.
    """
    turned = np.swapaxes(array, 0, 1) if orientation >= 5 else array
    # Of the sides that are now rows and columns, which run backwards.
    is_flipped_down = orientation in (3, 4, 7, 8)
    is_flipped_across = orientation in (2, 3, 6, 7)
    rows = slice(None, None, -1 if is_flipped_down else 1)
    columns = slice(None, None, -1 if is_flipped_across else 1)
    return np.ascontiguousarray(turned[rows, columns])

"""The pixels of an annotated picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.data.picture import AnnotatedPicture
from anymask.errors import DataError


def decoded(picture: AnnotatedPicture) -> NDArray[np.uint8]:
    """Give a picture's pixels, uint8 RGB (H, W, 3).

    Raises:
        DataError: If it cannot be decoded, or is not of the size its masks are for.
    """
    encoded = np.frombuffer(picture.encoded, np.uint8)
    pixels = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if encoded.size else None
    if pixels is None:
        raise DataError(f"{picture.name!r}: is not a readable picture", hint="check the shard")
    if pixels.shape[:2] != picture.size_hw:
        (h, w), (height, width) = pixels.shape[:2], picture.size_hw
        raise DataError(
            f"{picture.name!r}: picture is {w}×{h}, its masks are for {width}×{height}",
            hint="check the shard",
        )
    return np.asarray(pixels, dtype=np.uint8)

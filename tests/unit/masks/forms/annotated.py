"""Masks that forms find hard, and pictures of them."""

import numpy as np

from anymask.masks import rle
from anymask.masks.annotation import AnnotatedPicture, Annotation

SIZE_HW = (40, 56)


def blank() -> np.ndarray:
    return np.zeros(SIZE_HW, np.bool_)


def square() -> np.ndarray:
    """One part: the pixels 0 to 8."""
    mask = blank()
    mask[:9, :9] = True
    return mask


def ring() -> np.ndarray:
    """One part with two holes, one of them of one pixel."""
    mask = blank()
    mask[12:38, 2:26] = True
    mask[16:24, 8:20] = False
    mask[30, 12] = False
    return mask


def islands() -> np.ndarray:
    """Two parts; the second touches itself at a corner only."""
    mask = blank()
    mask[2:10, 14:24] = True
    mask[2:6, 30:34] = True
    mask[6:10, 34:38] = True
    return mask


def edge() -> np.ndarray:
    """A part that touches the right and the lower edge."""
    mask = blank()
    mask[20:40, 40:56] = True
    mask[20:24, 40:44] = False
    return mask


def blobs(seed: int) -> np.ndarray:
    """Noise: many parts, holes and pixels that touch at corners."""
    return np.random.default_rng(seed).random(SIZE_HW) < 0.4


def annotation(mask, **fields) -> Annotation:
    return Annotation(rle=rle.encode(mask), **fields)


def picture(*objects: Annotation, file_name: str = "a.png") -> AnnotatedPicture:
    return AnnotatedPicture(file_name=file_name, size_hw=SIZE_HW, objects=objects)


def scene(file_name: str = "a.png") -> AnnotatedPicture:
    """Objects that do not overlap: of one part, with holes, of two parts, at the edge."""
    return picture(
        annotation(square(), label="square"),
        annotation(ring(), label="ring"),
        annotation(islands(), label="islands"),
        annotation(edge(), label="square"),
        file_name=file_name,
    )


def masks_of(found: AnnotatedPicture) -> list[np.ndarray]:
    return [rle.decode(one.rle) for one in found.objects]

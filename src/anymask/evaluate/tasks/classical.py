"""Reference points without any learning, given the same click or box.

Source: Felzenszwalb and Huttenlocher, 2004; GrabCut (Rother et al., 2004).
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.data.clicks import centre_click, tight_box
from anymask.errors import MissingExtra
from anymask.masks.overlap import iou

Mask = NDArray[np.bool_]

FELZENSZWALB_SCALE = 300
FELZENSZWALB_SIGMA = 0.8
FELZENSZWALB_MIN_SIZE_PX = 100
GRABCUT_ROUNDS = 3


def classical_scores(pixels: NDArray[np.uint8], truths: Sequence[Mask]) -> list[dict[str, float]]:
    """Ask three classical methods about each object.

    Args:
        pixels: uint8 RGB, (H, W, 3).
        truths: True masks, bool (H, W).

    Returns:
        One record a mask with the IoU of the region under its centre (`felzenszwalb`), of GrabCut
        from its tight box (`grabcut`), and of the box itself (`box_filled`).

    Raises:
        MissingExtra: If scikit-image is not installed.
    """
    regions = felzenszwalb_regions(pixels)
    records = []
    for truth in truths:
        x, y = centre_click(truth)
        x0, y0, x1, y1 = tight_box(truth)
        filled = np.zeros_like(truth)
        filled[y0:y1, x0:x1] = True
        records.append(
            {
                "felzenszwalb": iou(regions == regions[y, x], truth),
                "grabcut": iou(grabcut(pixels, (x0, y0, x1, y1)), truth),
                "box_filled": iou(filled, truth),
            }
        )
    return records


def felzenszwalb_regions(
    pixels: NDArray[np.uint8],
    *,
    scale: int = FELZENSZWALB_SCALE,
    min_size_px: int = FELZENSZWALB_MIN_SIZE_PX,
) -> NDArray[np.int64]:
    """Give the region number of each pixel, (H, W), from 0 on.

    Args:
        pixels: The picture in any colour space, uint8 (H, W, 3).
        scale: The larger, the larger the regions.
        min_size_px: Smaller regions are joined to a neighbour, pixels.

    Raises:
        MissingExtra: If scikit-image is not installed.
    """
    try:
        from skimage.segmentation import felzenszwalb
    except ImportError as error:
        raise MissingExtra(
            "scikit-image is not installed", hint='run pip install "anymask[evaluate]"'
        ) from error
    regions = felzenszwalb(
        pixels,
        scale=scale,
        sigma=FELZENSZWALB_SIGMA,
        min_size=min_size_px,
    )
    return np.asarray(regions)


def grabcut(pixels: NDArray[np.uint8], box: tuple[int, int, int, int]) -> Mask:
    """Give GrabCut's mask, bool (H, W), from a box x0, y0, x1, y1 on uint8 RGB (H, W, 3).

    A box that leaves no background to learn from gives the box itself.
    """
    x0, y0, x1, y1 = box
    labels = np.zeros(pixels.shape[:2], np.uint8)
    models = np.zeros((2, 1, 65))
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(
            cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR),
            labels,
            (x0, y0, x1 - x0, y1 - y0),
            models[0],
            models[1],
            GRABCUT_ROUNDS,
            cv2.GC_INIT_WITH_RECT,
        )
    except cv2.error:
        labels[y0:y1, x0:x1] = cv2.GC_FGD
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))

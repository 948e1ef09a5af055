"""The folder a picture that the published command line writes: a PNG a mask and one table.

Boxes of masks are written as there: the right and the bottom side are whole pixels that belong to
the mask, so that a mask of one pixel has a box of width 0. Crop boxes have their true width.
Source: the published program for automatic masks, its file names and the header of its table.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from anymask.masks.annotation import AnnotatedPicture, Annotation
from anymask.masks.png import png_bytes
from anymask.masks.rle import area, bbox, decode

METADATA = "metadata.csv"
"""Name of the table."""

_HEADER = (
    "id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,point_input_x,point_input_y,predicted_iou,"
    "stability_score,crop_box_x0,crop_box_y0,crop_box_w,crop_box_h"
)


def published_folder(picture: AnnotatedPicture) -> Iterator[tuple[str, bytes]]:
    """Write the masks of a picture as the published command line does, one file after another.

    Args:
        picture: The picture and its objects. What is not known of one leaves its cells empty.

    Yields:
        Name in the folder and bytes of each file: "0.png" and so on, 255 on the object and 0
        elsewhere, and at the end "metadata.csv". Only one file is made at a time.
    """
    rows = [_HEADER]
    for number, one in enumerate(picture.objects):
        mask = decode(one.rle).view(np.uint8)
        yield f"{number}.png", png_bytes(Image.fromarray(mask * 255))
        rows.append(",".join(map(str, _row(number, one))))
    yield METADATA, "\n".join(rows).encode("ascii")


def _row(number: int, one: Annotation) -> list[object]:
    x0, y0, width, height = bbox(one.rle)
    box = (x0, y0, max(width - 1, 0), max(height - 1, 0))
    score = "" if one.score is None else one.score
    found = one.finding
    if found is None:
        return [number, area(one.rle), *box, "", "", score, *[""] * 5]
    left, top, right, bottom = found.crop_box
    crop = (left, top, right - left, bottom - top)
    return [number, area(one.rle), *box, *found.point, score, found.stability_score, *crop]

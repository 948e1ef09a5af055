"""Label images in files."""

from pathlib import Path

from anymask.masks.label_image import LabelImage, decode_label_image, unreadable
from anymask.masks.problem import Problem


def read_label_image(path: Path) -> LabelImage | Problem:
    """Read a label image as it is: no scaling, no resizing, no turning.

    Args:
        path: A PNG, TIFF, BMP, GIF or PPM file.

    Returns:
        The numbers; or what is wrong, with code "unreadable-labels", "lossy-labels",
        "colour-labels", "several-pages" or "broken-numbers".
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        return unreadable(error)
    return decode_label_image(data)

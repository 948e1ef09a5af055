"""How large a picture is once it stands upright, from its header where that is enough."""

from dataclasses import dataclass
from pathlib import Path

from anymask.image.jpeg import read_jpeg_size
from anymask.image.options import MAX_PIXELS
from anymask.image.png import read_png_size
from anymask.image.read import read_picture
from anymask.image.sniff import HEAD_BYTES, sniff
from anymask.image.source import open_source

_FIRST_TURNED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSize:
    """Size of a picture.

    Attributes:
        size_hw: Height and width of the upright picture, pixels.
        orientation: EXIF orientation that was found, 1 to 8; 1 if none.
    """

    size_hw: tuple[int, int]
    orientation: int


def picture_size(source: Path | bytes) -> PictureSize:
    """Measure a picture as `read_picture` would give it.

    JPEG and PNG files are not decoded, others are.

    Args:
        source: The file, or its bytes.

    Returns:
        The upright size.

    Raises:
        ImageError: If the picture is missing, unreadable, damaged, too large, or of a kind that
            is not read.
        InputError: If the path is no regular file.
    """
    opened = open_source(source)
    with opened.file:
        format_name = sniff(opened.read_at(0, HEAD_BYTES), opened.name)
        if format_name == "JPEG":
            stored, orientation = read_jpeg_size(opened, MAX_PIXELS)
        elif format_name == "PNG":
            stored, orientation = read_png_size(opened, MAX_PIXELS)
        else:
            picture = read_picture(source)
            return PictureSize(size_hw=picture.size_hw, orientation=picture.orientation)
    size_hw = stored[::-1] if orientation >= _FIRST_TURNED else stored
    return PictureSize(size_hw=size_hw, orientation=orientation)

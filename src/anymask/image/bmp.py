"""BMP."""

import io
import struct

from PIL.BmpImagePlugin import BmpImageFile

from anymask.image.decoded import Decoded
from anymask.image.limits import check_num_bytes, check_size
from anymask.image.options import ReadOptions
from anymask.image.pages import check_page
from anymask.image.rows import load_rows
from anymask.image.source import Source


def read_bmp(source: Source, options: ReadOptions) -> Decoded:
    """Decode a BMP.

    Args:
        source: The opened file.
        options: How to read it.

    Returns:
        The raw picture.

    Raises:
        ImageError: If it is too large, damaged, or cut short without leave.
        InputError: If a page other than 0 is asked for.
    """
    head = source.read_at(14, 12)
    if len(head) == 12:
        is_oldest = head[0] == 12
        width, height = struct.unpack(
            "<HH" if is_oldest else "<ii", head[4 : 8 if is_oldest else 12]
        )
        check_size(source.name, width, abs(height), options.max_pixels)  # < 0: from the top down
    check_page(source.name, options.page, 1)
    check_num_bytes(source.name, source.num_bytes, options.max_pixels)
    data = source.read_all()
    image, notes = load_rows(
        lambda: BmpImageFile(io.BytesIO(data)), name=source.name, options=options
    )
    return Decoded(raster=image, notes=notes)

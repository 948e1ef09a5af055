"""Decoding with Pillow, and counting the rows that decode where a file is cut short.

Pillow can be told to accept files that are cut short, but only for the whole process. Here the
canvas a decoder writes on is made by us, once black and once white: where the decoder stops
early, the rows that come out the same both times are the rows it wrote.
"""

import struct
import zlib
from collections.abc import Callable

from PIL import Image, ImageFile

from anymask.errors import ImageError
from anymask.image.limits import check_size
from anymask.image.options import ReadOptions

OpenPlugin = Callable[[], ImageFile.ImageFile]

# What Pillow's decoders raise on bytes that are not what they should be.
DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, EOFError,
    OverflowError, ArithmeticError, NotImplementedError, RuntimeError, struct.error, zlib.error,
    Image.DecompressionBombError, Warning,
)  # fmt: skip

_ROWS_AT_A_TIME = 256
_GREY = 128  # what libjpeg leaves where no data came


def load_rows(
    open_plugin: OpenPlugin,
    open_completed: OpenPlugin | None = None,
    *,
    name: str,
    options: ReadOptions,
) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode a picture; of one that is cut short, the rows there if that is allowed.

    Args:
        open_plugin: Opens the file anew; nothing is decoded by it.
        open_completed: Opens the file with an end mark added, for formats that then give a
            coarse picture of all rows.
        name: Name for messages, escaped.
        options: How to read it.

    Returns:
        The decoded image, shorter if rows are missing, and notes.

    Raises:
        ImageError: If nothing decodes, or some rows do not and that is not allowed.
    """
    try:
        image = open_plugin()
    except DECODER_ERRORS as error:
        raise _cannot_decode(name, error) from error
    width, height = image.size
    check_size(name, width, height, options.max_pixels)
    try:
        _lay_canvas(image, 0)  # which also keeps Pillow's limit out of TIFF
        image.load()
    except DECODER_ERRORS as error:
        try:
            partial, top, bottom = _rows_there(open_plugin, open_completed)
        except DECODER_ERRORS:  # a decoder of all or nothing, as WebP's
            raise _cannot_decode(name, error) from error
        if top == bottom and not _is_cut(error):
            raise _cannot_decode(name, error) from error
        state = "cut short" if _is_cut(error) else "damaged"
        notes = accept_rows(name, bottom - top, height, options, state=state)
        return partial.crop((0, top, width, bottom)), notes
    return image, ()


def accept_rows(
    name: str, num_rows: int, height: int, options: ReadOptions, *, state: str = "cut short"
) -> tuple[str, ...]:
    """Note that rows are missing, or refuse the picture because of it.

    Args:
        name: Name for messages, escaped.
        num_rows: How many rows decode.
        height: How many there should be.
        options: How to read it.
        state: What is wrong with the file.

    Returns:
        The note.

    Raises:
        ImageError: If no row decodes, or rows may not be missing.
    """
    found = f"{state}, {num_rows} of {height} rows decode"
    if num_rows == 0:
        raise ImageError(f"{name}: {found}", hint="download or copy it again")
    if not options.allow_truncated:
        raise ImageError(
            f"{name}: {found}", hint="download it again, or use these rows with --allow-truncated"
        )
    return (f"{found}; {'the rest is left out' if num_rows < height else 'coarsely'}",)


def cut_in_header(name: str) -> ImageError:
    """Give the error for a file that ends before its pixels begin."""
    return ImageError(
        f"{name}: cut short inside its header, no row decodes", hint="download or copy it again"
    )


def _lay_canvas(image: ImageFile.ImageFile, level: int) -> None:
    """Give an opened image the memory its decoder will write on, one level everywhere."""
    if image.format == "GIF" and "transparency" in image.info:
        return  # paints its own, and would lose its palette on ours
    fill = (level,) * len(image.getbands())
    image.im = Image.new(image.mode, image.size, fill if len(fill) > 1 else level).im


def _rows_there(
    open_plugin: OpenPlugin, open_completed: OpenPlugin | None
) -> tuple[Image.Image, int, int]:
    """Decode what there is, and give the first row of it and the one after the last."""
    if open_completed is not None and open_plugin().info.get("progressive"):
        # A progressive file gives no row before its last scan, but a coarse picture when ended.
        completed = open_completed()
        completed.load()
        return completed, 0, _rows_before_tail(completed, _GREY)
    image, on_black = _decoded_on(open_plugin, 0)
    image, on_white = _decoded_on(open_plugin, 255)
    missing = [row for row, (a, b) in enumerate(zip(on_black, on_white, strict=True)) if a != b]
    if missing and missing[0] == 0 and missing[-1] < image.height - 1:
        return image, missing[-1] + 1, image.height  # stored from the bottom up, as BMP is
    if missing:
        return image, 0, missing[0]
    # A canvas that is not ours: what was never written is all one value, from inside some row on.
    last = image.getpixel((image.width - 1, image.height - 1))
    return image, 0, max(0, _rows_before_tail(image, last) - 1)


def _decoded_on(open_plugin: OpenPlugin, level: int) -> tuple[Image.Image, list[int]]:
    """Decode as far as it goes on a canvas of one level; give a checksum of each row too."""
    image = open_plugin()
    _lay_canvas(image, level)
    try:
        image.load()
    except DECODER_ERRORS:
        image.tile = []  # nothing left to decode: the image is what is on the canvas
    checksums: list[int] = []
    for top in range(0, image.height, _ROWS_AT_A_TIME):
        bottom = min(top + _ROWS_AT_A_TIME, image.height)
        data = image.crop((0, top, image.width, bottom)).tobytes()
        stride = len(data) // (bottom - top)
        checksums += [
            zlib.crc32(data[start : start + stride]) for start in range(0, len(data), stride)
        ]
    return image, checksums


def _rows_before_tail(image: Image.Image, value: int | float | tuple[int, ...] | None) -> int:
    """Give the number of rows before the tail that holds nothing but one value."""
    if isinstance(value, int) and image.mode not in ("L", "P", "1", "I", "F"):
        value = (value,) * len(image.getbands())
    empty = Image.new(image.mode, (image.width, 1), value).tobytes()
    for row in range(image.height - 1, -1, -1):
        if image.crop((0, row, image.width, row + 1)).tobytes() != empty:
            return row + 1
    return 0


def _is_cut(error: BaseException) -> bool:
    ends = (EOFError, IndexError, struct.error)  # Pillow wraps them while it opens a file
    is_end = isinstance(error, ends) or isinstance(error.__cause__, ends)
    return is_end or "truncated" in str(error).lower()


def _cannot_decode(name: str, error: BaseException) -> ImageError:
    if _is_cut(error):
        return cut_in_header(name)
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return ImageError(
            f"{name}: is larger than the decoder of its format allows", hint="save it as PNG"
        )
    reason = str(error).splitlines()[0].strip(" .")[:80] if str(error) else type(error).__name__
    return ImageError(
        f"{name}: is damaged, no row decodes ({reason})", hint="download or copy it again"
    )

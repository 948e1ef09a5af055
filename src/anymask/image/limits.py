"""How large a picture may be, asked before anything is decoded.

Pillow has a limit of its own, but it is one number for the whole process and it warns through
Python's warning filters, which threads share. So pictures are opened with the decoder's own
class instead of `Image.open`, which is the place that applies Pillow's limit, and the size in
the header is held against the caller's limit here.
"""

from dataclasses import dataclass, field

from anymask.errors import ImageError, TooManyPixels
from anymask.image.options import METADATA_LIMIT_BYTES


def check_size(name: str, width: int, height: int, max_pixels: int) -> None:
    """Refuse a picture whose header claims more pixels than are allowed, or none.

    Args:
        name: Name for messages, escaped.
        width: Width in the header, pixels.
        height: Height in the header, pixels.
        max_pixels: Largest width × height that is decoded.

    Raises:
        TooManyPixels: If the picture is larger than that.
        ImageError: If a side is less than 1.
    """
    if width < 1 or height < 1:
        raise ImageError(
            f"{name}: has no pixels ({width}x{height})", hint="download or copy it again"
        )
    if width * height > max_pixels:
        raise TooManyPixels(
            f"{name}: {_megapixels(width * height, max_pixels)}",
            hint="raise --max-pixels or cut it into tiles",
        )


def check_num_bytes(name: str, num_bytes: int, max_pixels: int) -> None:
    """Refuse more bytes than any allowed picture needs, before they are read into memory.

    Args:
        name: Name for messages, escaped.
        num_bytes: How many bytes would be read.
        max_pixels: Largest width × height that is decoded.

    Raises:
        TooManyPixels: If there are more than 16 bytes for each allowed pixel.
    """
    most = 16 * max_pixels + 8 * METADATA_LIMIT_BYTES
    if num_bytes > most:
        raise TooManyPixels(
            f"{name}: holds {num_bytes // 10**6} megabytes, limit {most // 10**6}",
            hint="raise --max-pixels or cut it into tiles",
        )


def _megapixels(num_pixels: int, max_pixels: int) -> str:
    if max_pixels < 10_000_000:  # whole megapixels would show both numbers alike
        return f"{num_pixels / 1e6:.2f} megapixels, limit {max_pixels / 1e6:.2f}"
    return f"{-(-num_pixels // 1_000_000)} megapixels, limit {max_pixels // 1_000_000}"


@dataclass(slots=True)
class MetadataBudget:
    """Counts the bytes of profiles, EXIF and texts of one picture, and what was left out.

    Attributes:
        left_bytes: What may still be unpacked.
        skipped: Names of the parts that no longer fitted, in order, once each.
    """

    left_bytes: int = METADATA_LIMIT_BYTES
    skipped: dict[str, None] = field(default_factory=dict)

    def take(self, what: str, num_bytes: int) -> bool:
        """Say whether a part still fits, and count it.

        Args:
            what: Name of the part for the note.
            num_bytes: Its size unpacked.

        Returns:
            Whether it may be used.
        """
        if num_bytes > self.left_bytes:
            self.skipped[what] = None
            return False
        self.left_bytes -= num_bytes
        return True

    def notes(self) -> tuple[str, ...]:
        """Give the note about what was left out, if anything was."""
        if not self.skipped:
            return ()
        limit = METADATA_LIMIT_BYTES // 2**20
        return (f"metadata over {limit} MB skipped ({', '.join(self.skipped)})",)

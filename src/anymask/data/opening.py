"""An annotated file opened: its picture and its masks held against each other."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.errors import AnymaskError
from anymask.image.names import display_name
from anymask.image.picture import Picture
from anymask.image.read import read_picture

Runs = NDArray[np.int64]

_JPEG_QUALITY = 95
# Two decoders of one JPEG differ by rounding; a colour profile or a rotation differs by far more.
_SAME_LEVELS = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSample:
    """A picture with the masks that fit it.

    Attributes:
        file: Where it comes from.
        picture: The upright picture.
        runs: The masks that are whole and not empty, of the picture's size.
        bad: The masks that are not.
        pseudo: Whether each mask was made by a model; None where people made all of them.
    """

    file: AnnotatedFile
    picture: Picture
    runs: tuple[Runs, ...]
    bad: tuple[BadSample, ...]
    pseudo: tuple[bool, ...] | None = None


class Fitted(NamedTuple):
    """Picture and masks at the size in which they are kept.

    Attributes:
        encoded: JPEG bytes.
        size_hw: Height and width, pixels.
        runs: Masks as run lengths for that size.
        gone: A row for each mask too small to be seen at that size.
        pseudo: Whether each mask was made by a model; None where people made all of them.
    """

    encoded: bytes
    size_hw: tuple[int, int]
    runs: list[Runs]
    gone: list[BadSample]
    pseudo: tuple[bool, ...] | None


def open_sample(file: AnnotatedFile) -> OpenedSample | BadSample:
    """Open a picture and see whether its masks fit.

    Args:
        file: Picture and masks as a reader found them.

    Returns:
        Picture and masks, or why they cannot be used.
    """
    try:
        picture = read_picture(file.source)
    except AnymaskError as error:
        named = "bytes" if isinstance(file.source, bytes) else display_name(file.source)
        message = error.message.removeprefix(f"{named}: ")
        hint = error.hint or "give a picture that opens"
        return bad_sample(file, "unreadable-picture", message, hint)
    if file.size_hw is not None and file.size_hw != picture.size_hw:
        differs = size_differs(file.size_hw, picture.size_hw, picture.orientation)
        return bad_sample(file, "size-differs", *differs)
    good: list[int] = []
    bad: list[BadSample] = []
    for index, runs in enumerate(file.runs):
        fault = _mask_fault(runs, picture.size_hw)
        if fault is None:
            good.append(index)
        else:
            code, message, hint = fault
            bad.append(bad_sample(file, code, f"mask {index} {message}", hint))
    return OpenedSample(
        file=file,
        picture=picture,
        runs=tuple(file.runs[index] for index in good),
        bad=tuple(bad),
        pseudo=_some(file.pseudo, good),
    )


def bad_sample(file: AnnotatedFile, code: str, message: str, hint: str) -> BadSample:
    """Give the row of the list of failures for a file.

    Args:
        file: What cannot be used.
        code: Short reason for programs.
        message: What is wrong.
        hint: What to do.
    """
    return BadSample(
        set_name=file.set_name, input=file.shown, code=code, message=message, hint=hint
    )


def usable_bytes(opened: OpenedSample) -> bytes | None:
    """Give the JPEG file itself if a plain decoder sees in it what we do, else None.

    Args:
        opened: An opened picture.

    Returns:
        The file's bytes: upright, in sRGB, not cut short, not another picture by now.
    """
    picture, source = opened.picture, opened.file.source
    if picture.format != "JPEG" or picture.orientation != 1:
        return None
    try:
        encoded = source if isinstance(source, bytes) else source.read_bytes()
    except OSError:  # gone since it was opened
        return None
    seen = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
    if seen is None or seen.shape != picture.pixels.shape:
        return None
    return encoded if float(cv2.absdiff(seen, picture.pixels).mean()) < _SAME_LEVELS else None


def fit(opened: OpenedSample, longest_px: int) -> Fitted:
    """Bring picture and masks to the size in which they are kept.

    Args:
        opened: Picture and masks.
        longest_px: Longest side that is kept, pixels.
    """
    height, width = opened.picture.size_hw
    if max(height, width) <= longest_px:
        encoded = usable_bytes(opened) or _jpeg(opened.picture.pixels)
        return Fitted(encoded, (height, width), list(opened.runs), [], opened.pseudo)
    scale = longest_px / max(height, width)
    size_hw = max(1, round(height * scale)), max(1, round(width * scale))
    pixels = cv2.resize(opened.picture.pixels, size_hw[::-1], interpolation=cv2.INTER_AREA)
    kept: dict[int, Runs] = {}
    gone = []
    for index, runs in enumerate(opened.runs):
        small = _shrink(runs, (height, width), size_hw)
        if len(small) > 1:
            kept[index] = small
            continue
        message = (
            f"mask {index} has {int(runs[1::2].sum())} pixels of {width}x{height} and none of "
            f"{size_hw[1]}x{size_hw[0]}"
        )
        hint = f"keep pictures larger than {longest_px} pixels if such small things matter"
        gone.append(bad_sample(opened.file, "mask-vanishes", message, hint))
    encoded = _jpeg(np.asarray(pixels, np.uint8))
    return Fitted(encoded, size_hw, list(kept.values()), gone, _some(opened.pseudo, kept))


def _some(pseudo: tuple[bool, ...] | None, kept: Iterable[int]) -> tuple[bool, ...] | None:
    return None if pseudo is None else tuple(pseudo[index] for index in kept)


def _shrink(runs: Runs, size_hw: tuple[int, int], small_hw: tuple[int, int]) -> Runs:
    """Give a mask where at least half of each new pixel is inside, as run lengths."""
    # The runs go down the columns, so the array is the picture turned.
    values = (np.arange(len(runs), dtype=np.uint8) & 1) * np.uint8(255)
    turned = np.repeat(values, runs).reshape(size_hw[1], size_hw[0])
    small = cv2.resize(turned, small_hw, interpolation=cv2.INTER_AREA).reshape(-1) > 127
    edges = np.flatnonzero(small[1:] != small[:-1]) + 1
    ends = np.concatenate([[0], edges, [small.size]])
    lengths = np.diff(ends).astype(np.int64)
    return np.concatenate([[0], lengths]) if small[0] else lengths


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()


def _mask_fault(runs: Runs, size_hw: tuple[int, int]) -> tuple[str, str, str] | None:
    height, width = size_hw
    if (runs < 0).any() or int(runs.sum()) != height * width:
        message = f"covers {int(runs.sum())} pixels, the picture has {height * width}"
        return "broken-mask", message, "write the mask again from its source"
    if not runs[1::2].any():
        return "empty-mask", "has no pixel", "remove it from the annotation"
    return None


def size_differs(
    told: tuple[int, int], size_hw: tuple[int, int], orientation: int
) -> tuple[str, str]:
    """Say what it may mean that masks are of another size than their picture.

    Args:
        told: Height and width of the masks, pixels.
        size_hw: Those of the upright picture.
        orientation: EXIF orientation of the picture, 1 to 8.

    Returns:
        What is wrong, and what to do.
    """
    height, width = size_hw
    message = f"mask {told[1]}x{told[0]} for picture {width}x{height}"
    if told == (width, height):
        if orientation >= 5:
            return (
                f"{message}: it was drawn before the picture's EXIF rotation "
                f"(orientation {orientation})",
                "turn the mask, or remove the tag from the picture",
            )
        return f"{message}: width and height swapped", "swap them in the annotation"
    if max(abs(told[0] - height), abs(told[1] - width)) == 1:
        return f"{message}: off by one", "make the mask from the picture's own size"
    return message, "give the picture that the mask was drawn on"

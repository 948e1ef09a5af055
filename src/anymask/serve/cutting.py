"""Objects cut out of their picture, with what a person wished for around them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import ConfigError, InputError
from anymask.image.picture import Picture
from anymask.masks.boxes import IntBox, box_of
from anymask.masks.cutout import cut_out, softened
from anymask.masks.plane import BoolMask
from anymask.masks.rle import RLE, decode, runs_of
from anymask.masks.run_sets import bounds, cut
from anymask.serve.download_names import safe_label, stem_of_picture

Pixels = NDArray[np.uint8]

MOST_MARGIN_PX: Final = 2000
MOST_PIXELS: Final = 10**9
# What softening and cleaning of colours reach beyond a mask, with room.
_REACH_PX: Final = 16
_BLURRED_SIDE: Final = 512
_BLUR_PX: Final = 9.0
_COLOUR: Final = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOptions:
    """How an object is cut out.

    Attributes:
        crop: Whether only the object's box is kept, or the whole picture's size.
        margin: Room left around that box, pixels.
        background: "transparent", "blur" for the blurred picture, or a colour "#rrggbb".
        edge: "soft" as the outline lies between pixels, "hard" as the mask.
    """

    crop: bool = True
    margin: int = 0
    background: str = "transparent"
    edge: Literal["soft", "hard"] = "soft"

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= MOST_MARGIN_PX:
            raise ConfigError(f"margin is {self.margin}", hint=f"use 0 to {MOST_MARGIN_PX} pixels")
        if self.background not in ("transparent", "blur") and self.colour is None:
            raise ConfigError(
                f"background is {self.background!r:.40}",
                hint="use transparent, blur or a colour like #ffffff",
            )
        if self.edge not in ("soft", "hard"):
            raise ConfigError(f"edge is {self.edge!r:.40}", hint="use soft or hard")

    @property
    def colour(self) -> tuple[int, int, int] | None:
        """The background's red, green and blue; None where it is no colour."""
        found = _COLOUR.fullmatch(self.background)
        if found is None:
            return None
        red, green, blue = (int(part, 16) for part in found.groups())
        return red, green, blue


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """One object cut out.

    Attributes:
        image: RGBA with straight alpha, or RGB on a background.
        box: Where it lies in the picture, x0, y0, x1, y1, pixels; a margin may reach beyond.
    """

    image: Image.Image
    box: IntBox


def backdrop_of(picture: Picture, options: CutOptions) -> Pixels | None:
    """Give the blurred picture, uint8 (H, W, 3), where one is wished for; it serves all objects.

    Args:
        picture: The picture.
        options: How objects are cut out.
    """
    if options.background != "blur":
        return None
    height, width = picture.size_hw
    scale = min(_BLURRED_SIDE / max(height, width), 1.0)
    small_wh = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(picture.pixels, small_wh, interpolation=cv2.INTER_AREA)
    sigma = max(_BLUR_PX * max(small_wh) / _BLURRED_SIDE, 1.0)
    blurred = cv2.GaussianBlur(small.reshape(*small_wh[::-1], 3), (0, 0), sigma)
    enlarged = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged, dtype=np.uint8).reshape(height, width, 3)


def cut_object(
    picture: Picture, rle: RLE, options: CutOptions, backdrop: Pixels | None = None
) -> Piece:
    """Cut an object out.

    Args:
        picture: The picture.
        rle: The object's mask, at the picture's size.
        options: How.
        backdrop: What `backdrop_of` gave, uint8, (H, W, 3).

    Returns:
        The piece, at the picture's own resolution; inside the object its pixels are the picture's.

    Raises:
        InputError: If the mask is empty, or the piece would be too large.
    """
    size_hw = picture.size_hw
    runs = runs_of(rle)
    tight = bounds(runs, size_hw)
    if tight[2] == 0:
        raise InputError("the mask holds no pixel", hint="choose an object that is not empty")
    window = _within(_grown(tight, _REACH_PX), size_hw)
    x0, y0, x1, y1 = window
    mask = decode({"size": [y1 - y0, x1 - x0], "counts": cut(runs, size_hw, window)})
    visible = _opaque(picture, mask, window, options.edge)
    place = (0, 0, size_hw[1], size_hw[0])
    if options.crop:
        inner = box_of(visible[:, :, 3])
        box = tight if inner[2] == 0 else _moved(inner, (x0, y0))
        place = _grown(box, options.margin)
    num_pixels = (place[2] - place[0]) * (place[3] - place[1])
    if num_pixels > MOST_PIXELS:
        raise InputError(
            f"a piece of {num_pixels / 1e6:,.0f} megapixels is too large", hint="lower the margin"
        )
    canvas = _laid(visible, window, place)
    if options.background == "transparent":
        return Piece(image=Image.fromarray(canvas), box=place)
    return Piece(image=Image.fromarray(_behind(canvas, place, options, backdrop)), box=place)


def names_of_pieces(picture_name: str, names: Sequence[str]) -> list[str]:
    """Give the file names of several pieces: "picture_003_cat.png".

    Args:
        picture_name: The picture's name.
        names: The objects' names.
    """
    stem = stem_of_picture(picture_name)
    return [
        f"{stem}_{number:03d}_{safe_label(name)}.png" for number, name in enumerate(names, start=1)
    ]


def _opaque(picture: Picture, mask: BoolMask, window: IntBox, edge: str) -> Pixels:
    """Give the object within a window, uint8 RGBA, (h, w, 4)."""
    x0, y0, x1, y1 = window
    pixels = np.ascontiguousarray(picture.pixels[y0:y1, x0:x1])
    alpha = None if picture.alpha is None else picture.alpha[y0:y1, x0:x1]
    if edge == "soft":
        return np.asarray(cut_out(pixels, softened(mask), alpha))
    opacity = np.full(mask.shape, 255, np.uint8) if alpha is None else alpha
    return np.where(mask[:, :, None], np.dstack([pixels, opacity]), np.uint8(0))


def _laid(part: Pixels, window: IntBox, place: IntBox) -> Pixels:
    """Lay what a window shows onto an empty canvas that lies elsewhere, uint8 (H, W, C)."""
    canvas = np.zeros((place[3] - place[1], place[2] - place[0], part.shape[2]), np.uint8)
    x0, y0 = max(window[0], place[0]), max(window[1], place[1])
    x1, y1 = min(window[2], place[2]), min(window[3], place[3])
    canvas[y0 - place[1] : y1 - place[1], x0 - place[0] : x1 - place[0]] = part[
        y0 - window[1] : y1 - window[1], x0 - window[0] : x1 - window[0]
    ]
    return canvas


def _behind(canvas: Pixels, place: IntBox, options: CutOptions, backdrop: Pixels | None) -> Pixels:
    """Put the background behind a piece, uint8 RGB."""
    if options.colour is not None or backdrop is None:
        colour = options.colour or (255, 255, 255)
        ground = np.broadcast_to(np.array(colour, np.uint8), (*canvas.shape[:2], 3))
    else:
        height, width = backdrop.shape[:2]
        # Beyond its edges the picture goes on as it ends.
        rows = np.clip(np.arange(place[1], place[3]), 0, height - 1)
        columns = np.clip(np.arange(place[0], place[2]), 0, width - 1)
        ground = backdrop[rows[:, None], columns]
    share = canvas[:, :, 3:].astype(np.float32) / 255
    mixed = canvas[:, :, :3] * share + ground * (1 - share)
    return np.asarray(np.rint(mixed), dtype=np.uint8)


def _grown(box: IntBox, by: int) -> IntBox:
    x0, y0, x1, y1 = box
    return x0 - by, y0 - by, x1 + by, y1 + by


def _moved(box: IntBox, by: tuple[int, int]) -> IntBox:
    x0, y0, x1, y1 = box
    return x0 + by[0], y0 + by[1], x1 + by[0], y1 + by[1]


def _within(box: IntBox, size_hw: tuple[int, int]) -> IntBox:
    x0, y0, x1, y1 = box
    return max(x0, 0), max(y0, 0), min(x1, size_hw[1]), min(y1, size_hw[0])

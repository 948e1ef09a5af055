"""Objects of other pictures pasted onto a sample: new surroundings, new neighbours, occlusion.

Source: Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation (Ghiasi et
al., 2021): what is pasted hides what lies under it, in the picture and in the masks. The limits
here, and the scales, are our own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.data.augment import resized
from anymask.data.decoding import decoded
from anymask.data.picture import AnnotatedPicture
from anymask.data.sample_settings import SampleSettings
from anymask.data.targets import (
    SMALLEST_VISIBLE_SHARE,
    TARGET_STRIDE,
    Shown,
    Target,
    is_seen,
    used_cells,
)
from anymask.data.windows import by_maker, runs_box

# What is cut out covers this share of its picture, and this share of its own box at least.
AREA_SHARE, FILLED_SHARE = (0.003, 0.4), 0.3
SMALLEST_PIECE_PX = 20
CUT_TRIES = 4
# Scales beside the object's own share of its picture, and the longest side it may get.
SCALES, LONGEST_SHARE, MOST_ENLARGED = (0.5, 2.0), 0.6, 2.0
SHORTEST_PX = 12
# Blurred coverage that is quite outside and quite inside: within the border, for no halo.
RIM_PX, RIM_OUTSIDE, RIM_INSIDE = 1.0, 0.4, 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """An object cut out of its picture.

    Attributes:
        pixels: Uint8 RGB, (h, w, 3): its box.
        mask: Bool, (h, w).
        share: Longer side of the box, as a share of the picture's longer side.
    """

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    share: float


def cut_out(picture: AnnotatedPicture, rng: np.random.Generator) -> Piece | None:
    """Cut an object out of a picture.

    Objects that the picture's edge cuts off, that are very small or large, or hardly fill their
    box are not taken, nor is what no person has annotated.

    Args:
        picture: Picture and masks.
        rng: Source of chance.

    Returns:
        The piece, or None if a few masks chosen by chance do not serve.

    Raises:
        DataError: If the picture cannot be decoded, or is not of the size its masks are for.
    """
    height, width = picture.size_hw
    people, _ = by_maker(picture)
    for i in rng.permutation(len(people))[:CUT_TRIES]:
        index = people[int(i)]
        x, y, w, h = runs_box(picture, index)
        area = int(picture.runs[index][1::2].sum())
        is_whole = x > 1 and y > 1 and x + w < width - 1 and y + h < height - 1
        is_fit = AREA_SHARE[0] <= area / (height * width) <= AREA_SHARE[1]
        if not (is_whole and is_fit and area >= FILLED_SHARE * w * h):
            continue
        if max(w, h) < SMALLEST_PIECE_PX:
            continue
        box = np.s_[y : y + h, x : x + w]
        share = max(w, h) / max(height, width)
        pixels = decoded(picture)[box]
        return Piece(pixels=pixels, mask=picture.mask(index)[box], share=share)
    return None


def paste_all(
    pixels: NDArray[np.uint8],
    shown: Sequence[Shown],
    pieces: Sequence[Piece],
    size: int,
    settings: SampleSettings,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], list[Shown]]:
    """Paste objects onto the used part of a frame, one over the other.

    Args:
        pixels: The used part of the frame, uint8 RGB, (h, w, 3).
        shown: The masks of the sample.
        pieces: The objects.
        size: Side S of the frame, pixels.
        settings: How samples are made.
        rng: Source of chance.

    Returns:
        The new pixels, and the masks: what is pasted first, at most half of P, then what can
        still be seen of the others, without the parts that are hidden now.
    """
    pasted: list[Shown] = []
    under = list(shown)
    for piece in pieces:
        placed = _placed(piece, pixels.shape[:2], rng, is_mirrored=settings.mirror)
        if placed is None:
            continue
        new_pixels, alpha = _blended(pixels, *placed)
        target = _target_of(alpha, size // TARGET_STRIDE)
        if not is_seen(target, settings):
            continue
        pixels = new_pixels
        pasted, under = (
            [
                replace(one, target=left)
                for one in masks
                if (left := without(one.target, target, settings)) is not None
            ]
            for masks in (pasted, under)
        )
        pasted.append(Shown(target=target))
    most = max(1, settings.prompts // 2)
    return pixels, [*pasted[-most:], *under][: settings.prompts]


def without(target: Target, hiding: Target, settings: SampleSettings) -> Target | None:
    """Give what is left of a mask under another, or None if too little can be seen.

    Args:
        target: Share of each cell inside the mask, uint8 0-255, (S/4, S/4).
        hiding: The same of what lies over it.
        settings: How samples are made.
    """
    left = target.astype(np.uint16) * (255 - hiding.astype(np.uint16)) // 255
    rest: Target = left.astype(np.uint8)
    before = int(np.count_nonzero(target > 127))
    if int(np.count_nonzero(rest > 127)) < SMALLEST_VISIBLE_SHARE * before:
        return None
    return rest if is_seen(rest, settings) else None


def _placed(
    piece: Piece, used_hw: tuple[int, ...], rng: np.random.Generator, *, is_mirrored: bool
) -> tuple[NDArray[np.uint8], NDArray[np.float32], tuple[int, int]] | None:
    """Resize a piece and choose its place; None where it would be too small.

    Returns:
        Pixels (h, w, 3), coverage in [0, 1] (h, w), and x, y of its corner, which may lie beyond
        the used part of the frame.
    """
    h, w = piece.mask.shape
    longest = max(used_hw[:2])
    scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    wanted = min(piece.share * scale, LONGEST_SHARE) * longest
    wanted = min(wanted, MOST_ENLARGED * max(h, w))
    if wanted < SHORTEST_PX:
        return None
    factor = wanted / max(h, w)
    size_hw = max(1, round(h * factor)), max(1, round(w * factor))
    pixels = resized(np.ascontiguousarray(piece.pixels), size_hw)
    coverage = resized(piece.mask.astype(np.uint8) * np.uint8(255), size_hw)
    if is_mirrored and rng.random() < 0.5:
        pixels, coverage = pixels[:, ::-1], np.ascontiguousarray(coverage[:, ::-1])
    # Beyond its box there is nothing of the object, so the blur must not mirror it there.
    soft = cv2.GaussianBlur(
        coverage.astype(np.float32) / 255, (0, 0), RIM_PX, borderType=cv2.BORDER_CONSTANT
    )
    alpha = np.clip((soft - RIM_OUTSIDE) / (RIM_INSIDE - RIM_OUTSIDE), 0, 1).astype(np.float32)
    left = int(rng.integers(used_hw[1])) - size_hw[1] // 2
    top = int(rng.integers(used_hw[0])) - size_hw[0] // 2
    return pixels, alpha, (left, top)


def _blended(
    pixels: NDArray[np.uint8],
    piece: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    corner: tuple[int, int],
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Give the picture with a piece on it, and the piece's coverage of the whole picture (h, w)."""
    height, width = pixels.shape[:2]
    (left, top), (h, w) = corner, alpha.shape
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + w), min(height, top + h)
    here, there = np.s_[y0:y1, x0:x1], np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    over = alpha[there][..., None]
    mixed = pixels.copy()
    mixed[here] = np.rint(over * piece[there] + (1 - over) * pixels[here]).astype(np.uint8)
    coverage = np.zeros((height, width), np.float32)
    coverage[here] = alpha[there]
    return mixed, coverage


def _target_of(coverage: NDArray[np.float32], cells: int) -> Target:
    target = np.zeros((cells, cells), np.uint8)
    height, width = used_cells((coverage.shape[0], coverage.shape[1]))
    inside = (coverage > 0.5).astype(np.uint8) * np.uint8(255)
    target[:height, :width] = cv2.resize(inside, (width, height), interpolation=cv2.INTER_AREA)
    return target

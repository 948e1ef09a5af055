"""Masks as a hasty person draws them, made from true ones: to learn from rough mask prompts.

All masks are bool (H, W). Every rough mask holds at least one pixel and differs from the true one;
how far off it is grows with the object: a few per cent to a quarter of its thickness or size.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.data.clicks import border_distance, centre_click, tight_box, uniform_click

Mask = NDArray[np.bool_]

SCRIBBLE_STEPS = 24


def rough_mask(mask: Mask, rng: np.random.Generator) -> Mask:
    """Draw an object roughly: grown, shrunk, scribbled, as a coarse polygon, or shifted.

    Args:
        mask: Bool, (H, W), not empty, of at least two pixels in all.
        rng: Source of chance; each way has the same chance, unless it gives nothing usable.
    """
    ways = (dilated, eroded, scribbled, coarse_polygon, shifted)
    for index in rng.permutation(len(ways)):
        rough = ways[index](mask, rng)
        if rough.any() and (rough != mask).any():
            return rough
    return _point(mask)


def dilated(mask: Mask, rng: np.random.Generator) -> Mask:
    """Give the mask grown by a twentieth to a quarter of its size, at least a pixel.

    Args:
        mask: Bool, (H, W), not empty.
        rng: Source of chance.
    """
    radius = max(1, round(rng.uniform(0.05, 0.25) * _size_px(mask) / 2))
    grown = cv2.dilate(mask.astype(np.uint8), _disc(radius))
    return np.asarray(grown, dtype=np.bool_)


def eroded(mask: Mask, rng: np.random.Generator) -> Mask:
    """Give the mask without a rim of a fifth to seven tenths of its depth; never empty.

    Args:
        mask: Bool, (H, W), not empty. The frame's edge counts as border.
        rng: Source of chance.
    """
    depth = border_distance(mask)
    kept: Mask = depth > rng.uniform(0.2, 0.7) * depth.max()
    return kept


def scribbled(mask: Mask, rng: np.random.Generator) -> Mask:
    """Give a thick stroke that wanders about inside the mask; never empty.

    Args:
        mask: Bool, (H, W), not empty.
        rng: Source of chance.
    """
    depth = border_distance(mask)
    thickness = max(1, round(rng.uniform(0.3, 0.9) * float(depth.max())))
    place = np.array(uniform_click(depth >= 0.5 * depth.max(), rng), np.float64)
    heading = rng.uniform(0, 2 * np.pi)
    stride = max(1.0, 0.15 * _size_px(mask))
    stroke = np.zeros(mask.shape, np.uint8)
    for _ in range(SCRIBBLE_STEPS):
        heading += rng.normal(0.0, 0.6)
        ahead = place + stride * np.array([np.cos(heading), np.sin(heading)])
        x, y = (round(float(side)) for side in ahead)
        if 0 <= x < mask.shape[1] and 0 <= y < mask.shape[0] and mask[y, x]:
            start = (round(place[0]), round(place[1]))
            cv2.line(stroke, start, (x, y), 1, thickness)
            place = ahead
        else:
            heading += rng.uniform(0.5, 1.5) * np.pi
    inside: Mask = (stroke > 0) & mask
    return inside if inside.any() else _point(mask)


def coarse_polygon(mask: Mask, rng: np.random.Generator) -> Mask:
    """Give a polygon of few corners around the mask's largest part, without its holes.

    Args:
        mask: Bool, (H, W), not empty.
        rng: Source of chance.
    """
    outlines, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    outline = max(outlines, key=cv2.contourArea)
    tolerance = rng.uniform(0.02, 0.06) * cv2.arcLength(outline, closed=True)
    corners = cv2.approxPolyDP(outline, max(1.0, tolerance), closed=True).astype(np.float64)
    corners += rng.normal(0.0, 0.02 * _size_px(mask), corners.shape)
    drawn = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(drawn, [np.rint(corners).astype(np.int32)], 1)
    return np.asarray(drawn, dtype=np.bool_)


def shifted(mask: Mask, rng: np.random.Generator) -> Mask:
    """Give the mask moved by a twentieth to a quarter of its size, at least a pixel.

    Args:
        mask: Bool, (H, W), not empty.
        rng: Source of chance.
    """
    far, angle = max(1.0, rng.uniform(0.05, 0.25) * _size_px(mask)), rng.uniform(0, 2 * np.pi)
    dx, dy = round(far * np.cos(angle)), round(far * np.sin(angle))
    ys, xs = np.nonzero(mask)
    ys, xs = ys + dy, xs + dx
    stays = (xs >= 0) & (xs < mask.shape[1]) & (ys >= 0) & (ys < mask.shape[0])
    moved = np.zeros(mask.shape, np.bool_)
    moved[ys[stays], xs[stays]] = True
    return moved


def _size_px(mask: Mask) -> float:
    x0, y0, x1, y1 = tight_box(mask)
    return float(np.sqrt((x1 - x0) * (y1 - y0)))


def _disc(radius: int) -> NDArray[np.uint8]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(disc, dtype=np.uint8)


def _point(mask: Mask) -> Mask:
    x, y = centre_click(mask)
    point = np.zeros(mask.shape, np.bool_)
    point[y, x] = True
    return point

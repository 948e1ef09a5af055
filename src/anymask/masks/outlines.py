"""Masks as the polygons that files hold: one ring a part, holes dropped or kept by a cut.

A ring that goes out to a hole, round it, and back the same way runs along the cut twice; filled
even-odd, the two passages cancel, so the hole stays a hole and no pixel is lost.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anymask.masks.polygons import Ring, rings_of

Holes = Literal["drop", "bridge"]
"""What becomes of a hole: it is filled, or joined to the outline by a cut of no width."""


def part_rings(mask: NDArray[np.generic], *, holes: Holes = "drop") -> tuple[list[Ring], int]:
    """Trace the parts of a mask, each as a single ring.

    Args:
        mask: Bool, (H, W).
        holes: What becomes of holes.

    Returns:
        Rings, each int32 (N, 2), corners of pixels, x before y; and how many holes were dropped.
        Filled even-odd one by one and united, they give the mask back exactly, but for those.

    Raises:
        InputError: If the array has not exactly two axes.
    """
    parts: list[list[Ring]] = []
    for ring in rings_of(mask):
        if _doubled_area(ring) > 0:
            parts.append([ring])
        else:
            parts[-1].append(ring)
    if holes == "bridge":
        return [_bridged(part[0], part[1:]) for part in parts], 0
    return [part[0] for part in parts], sum(len(part) - 1 for part in parts)


def _doubled_area(ring: Ring) -> int:
    """Give twice the signed area by the shoelace formula; positive for the outline of a part."""
    x, y = ring.astype(np.int64).T
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _bridged(outline: Ring, holes: list[Ring]) -> Ring:
    """Join each hole to the nearest corner of what is joined already, the leftmost hole first."""
    ring = outline
    for hole in sorted(holes, key=lambda one: (int(one[:, 0].min()), int(one[:, 1].min()))):
        start = int(np.lexsort((hole[:, 1], hole[:, 0]))[0])
        away = ring.astype(np.int64) - hole[start]
        nearest = int(np.argmin((away**2).sum(axis=1)))
        around = np.roll(hole, -start, axis=0)
        ring = np.concatenate([ring[: nearest + 1], around, around[:1], ring[nearest:]])
    return np.ascontiguousarray(ring)

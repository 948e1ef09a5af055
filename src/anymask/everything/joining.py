"""Masks of tiles → masks of the picture, without seams.

An object that one tile sees whole is taken from there. One that no tile sees whole is put
together: every tile gives the pixels of its core, so that neither a halo's poor sight nor the edge
of a tile shows. All of it works on run lengths; no plane of the picture is ever held. In memory are
the records of all masks and the agreements between them; run lengths beyond their share move to
the disk.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anymask.everything.agreement import groups_of
from anymask.everything.candidates import ROW, Rows
from anymask.everything.drawings import Codes
from anymask.everything.memory import USUAL_SPOOL_BYTES
from anymask.everything.pieces import Pieces, overlap_of, within
from anymask.masks.boxes import IntBox
from anymask.masks.rle import Counts, compress
from anymask.masks.run_sets import bounds, cut, move, union

FOUND_TWICE = "found_twice"
"""Masks of objects that another tile gave too."""

OTHER_TILE = "other_tile"
"""Masks that lie mostly in the core of another tile, which does not see them."""

TILE_EDGE = "tile_edge"
"""Masks that end at a side of a tile, and the tile beyond does not see them go on."""

# Masks that two tiles see alike have about this IoU in their overlap, other things far less.
MIN_IOU = 0.7
# What of its group may lie beyond the tile that sees an object whole: the ragged edge of masks.
_BEYOND_SHARE = 0.02
# Shorter straight ends are nothing that anybody sees.
_LEAST_CUT_PX = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joined:
    """Masks of a picture that were found in tiles.

    Attributes:
        rows: What is known of each, of dtype `ROW`, (N,); `crop` is 0.
        codes: Compressed run lengths at the picture's size, (N,).
        num_stitched: How many were put together from several tiles.
        left_out: How many masks of tiles were left out, by what they missed. Those that became one
            with others are not among them.
    """

    rows: Rows
    codes: Sequence[str]
    num_stitched: int
    left_out: Mapping[str, int]


def join(
    pieces: Pieces, *, min_iou: float = MIN_IOU, spool_bytes: int = USUAL_SPOOL_BYTES
) -> Joined:
    """Join what was found in tiles.

    Args:
        pieces: What was found in each tile.
        min_iou: IoU of two masks, where both tiles see them, from which on they are one object.
        spool_bytes: How much of the joined run lengths may lie in memory; more goes to the disk.

    Returns:
        The masks of the picture; each holds at least one that passed all thresholds.

    Raises:
        OutputError: If run lengths outgrow the memory and the disk is full.
    """
    rows, codes = [], Codes(spool_bytes)
    num_stitched = 0
    left_out: Counter[str] = Counter()
    for group in groups_of(pieces, min_iou=min_iou):
        sure = [number for number in group if pieces.is_sure[number]]
        if not sure:
            left_out.update(pieces.missed[number] for number in group)
            continue
        counts, num_used = _joined(pieces, group)
        if not _is_owned(pieces, group, counts):
            left_out[OTHER_TILE] += len(group)
            continue
        if any(_is_cut_off(pieces, number, group, counts) for number in group):
            left_out[TILE_EDGE] += len(group)
            continue
        num_stitched += num_used > 1
        left_out[FOUND_TWICE] += len(group) - num_used
        rows.append(_row(pieces, sure, counts))
        codes.append(compress(counts))
    return Joined(
        rows=np.array(rows, ROW),
        codes=codes,
        num_stitched=num_stitched,
        left_out=left_out,
    )


def _joined(pieces: Pieces, group: list[int]) -> tuple[Counts, int]:
    """Give the run lengths of a group in the picture, and how many masks went into it."""
    seen_whole = [number for number in group if _sees_whole(pieces, number, group)]
    if seen_whole:
        best = max(seen_whole, key=lambda number: _rank(pieces, number))
        return _moved(pieces, best, pieces.tile_of(best).box), 1
    return _stitched(pieces, group), len(group)


def _rank(pieces: Pieces, number: int) -> tuple[bool, float, float]:
    """Rank what sees an object whole: the surer, then the further inside its tile."""
    in_core = _area_within(pieces, number, pieces.tile_of(number).core)
    share = in_core / int(pieces.rows["area"][number])
    return bool(pieces.is_sure[number]), share, float(pieces.rows["predicted_iou"][number])


def _sees_whole(pieces: Pieces, number: int, group: list[int]) -> bool:
    """Say whether a mask is all of an object: nothing of its group lies beyond its tile."""
    if len(group) > 1 and pieces.is_cut(number):
        return False
    box = pieces.tile_of(number).box
    for other in group:
        area = int(pieces.rows["area"][other])
        if area - _area_within(pieces, other, box) > _BEYOND_SHARE * area:
            return False
    return True


def _stitched(pieces: Pieces, group: list[int]) -> Counts:
    """Give what tiles see in their cores; elsewhere, where none of the group is at home, in all."""
    members = {int(pieces.rows["crop"][number]) for number in group}
    parts = []
    for number in group:
        own, box = int(pieces.rows["crop"][number]), pieces.box_of(number)
        for place in pieces.tiles_at(box):
            part = overlap_of(box, pieces.tiles[place].core)
            if part is not None and (place == own or place not in members):
                parts.append(_moved(pieces, number, part))
    return union([part for part in parts if len(part) > 1] or parts)


def _moved(pieces: Pieces, number: int, box: IntBox) -> Counts:
    """Give the run lengths, in the picture, of what a mask has in a box of its tile."""
    tile = pieces.tile_of(number)
    x0, y0, x1, y1 = overlap_of(box, tile.box) or (*tile.box[:2], *tile.box[:2])
    inside = cut(pieces.counts_of(number), tile.size_hw, within((x0, y0, x1, y1), tile))
    return move(inside, (y1 - y0, x1 - x0), (x0, y0), pieces.size_hw)


def _is_owned(pieces: Pieces, group: list[int], counts: Counts) -> bool:
    """Say whether no core holds more of an object than those of the tiles that see it.

    Otherwise it is what the edge of a tile left of something that others see better.
    """
    box = bounds(counts, pieces.size_hw)
    members = set(pieces.rows["crop"][group].tolist())
    most = {True: 0, False: 0}
    for place in pieces.tiles_at(box):
        core = overlap_of(box, pieces.tiles[place].core)
        if core is not None:
            area = int(cut(counts, pieces.size_hw, core)[1::2].sum())
            most[place in members] = max(most[place in members], area)
    return 0 < most[True] >= most[False]


def _is_cut_off(pieces: Pieces, number: int, group: list[int], counts: Counts) -> bool:
    """Say whether a joined mask ends at a side of a member's tile, and no member sees beyond.

    As masks at the edge of a crop do, it shows where somebody looked, not what is there.
    """
    if not pieces.is_cut(number):
        return False
    height, width = pieces.size_hw
    tile = pieces.tile_of(number)
    x0, y0, x1, y1 = tile.box
    # The last pixels inside each inner side, and with the first ones beyond.
    sides: list[tuple[IntBox, IntBox]] = []
    if x0 > 0:
        sides.append(((x0, y0, x0 + 1, y1), (x0 - 1, y0, x0 + 1, y1)))
    if y0 > 0:
        sides.append(((x0, y0, x1, y0 + 1), (x0, y0 - 1, x1, y0 + 1)))
    if x1 < width:
        sides.append(((x1 - 1, y0, x1, y1), (x1 - 1, y0, x1 + 1, y1)))
    if y1 < height:
        sides.append(((x0, y1 - 1, x1, y1), (x0, y1 - 1, x1, y1 + 1)))
    others = [pieces.tile_of(other).box for other in group]
    for line, both in sides:
        runs = cut(counts, pieces.size_hw, line)
        is_end = np.repeat((np.arange(len(runs)) & 1).astype(np.bool_), runs)
        axis = 1 if line[2] - line[0] == 1 else 0
        for other in others:
            seen = overlap_of(both, other)
            if seen is not None and seen[3 - axis] - seen[1 - axis] == 2:
                is_end[seen[axis] - line[axis] : seen[axis + 2] - line[axis]] = False
        if np.count_nonzero(is_end) > _LEAST_CUT_PX:
            return True
    return False


def _area_within(pieces: Pieces, number: int, box: IntBox) -> int:
    tile = pieces.tile_of(number)
    shared = overlap_of(overlap_of(box, tile.box) or (0, 0, 0, 0), pieces.box_of(number))
    if shared is None:
        return 0
    if shared == pieces.box_of(number):
        return int(pieces.rows["area"][number])
    counts = cut(pieces.counts_of(number), tile.size_hw, within(shared, tile))
    return int(counts[1::2].sum())


def _row(pieces: Pieces, sure: list[int], counts: Counts) -> tuple[object, ...]:
    """Give the record of a joined mask: scores are the sure members' mean, weighted by area."""
    rows = pieces.rows[sure]
    largest = rows[np.argmax(rows["area"])]

    def mean(name: str) -> float:
        values = rows[name].astype(np.float64)
        average = np.average(values, weights=np.maximum(rows["area"], 1))
        return float(np.clip(average, values.min(), values.max()))

    return (
        0,
        tuple(largest["point"].tolist()),
        int(largest["slot"]),
        mean("predicted_iou"),
        mean("stability_score"),
        bounds(counts, pieces.size_hw),
        int(counts[1::2].sum()),
    )

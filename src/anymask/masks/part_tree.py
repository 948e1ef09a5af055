"""Which mask is part of which: wholes, their parts, and the parts of those."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anymask.errors import InputError
from anymask.masks.rle import RLE, Counts, runs_of
from anymask.masks.run_sets import bounds, set_before

_HINT = "use a share above 0, up to 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTree:
    """The masks of a picture as parts of each other; masks are named by their place in the list.

    Attributes:
        parents: The mask that each is part of; None for wholes.
        levels: How many masks each is within: 0 for wholes, 1 for their parts, 2 for parts of
            those, and so on.
    """

    parents: tuple[int | None, ...]
    levels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.parents)

    @property
    def roots(self) -> tuple[int, ...]:
        """The wholes, in their order."""
        return tuple(mask for mask, parent in enumerate(self.parents) if parent is None)

    def children(self, mask: int) -> tuple[int, ...]:
        """Give the parts of a mask, not the parts of those.

        Args:
            mask: Its place in the list.
        """
        return tuple(part for part, parent in enumerate(self.parents) if parent == mask)

    def ancestors(self, mask: int) -> tuple[int, ...]:
        """Give the masks that a mask is part of, the smallest first.

        Args:
            mask: Its place in the list.
        """
        return tuple(_upwards(self.parents, mask))

    def records(self) -> list[Mapping[str, object]]:
        """Give the tree ready for JSON: "mask", "parent", "level" and "children" of each."""
        children: list[list[int]] = [[] for _ in self.parents]
        for mask, parent in enumerate(self.parents):
            if parent is not None:
                children[parent].append(mask)
        return [
            {"mask": mask, "parent": parent, "level": level, "children": parts}
            for mask, (parent, level, parts) in enumerate(
                zip(self.parents, self.levels, children, strict=True)
            )
        ]


def part_tree(
    codes: Sequence[RLE], *, inside_share: float = 0.9, most_of_whole: float = 0.8
) -> PartTree:
    """Say which mask is part of which.

    A mask is part of the smallest mask that holds nearly all of it and is clearly larger. Two
    masks of nearly one size are the same thing drawn twice, and neither is part of the other: they
    stand side by side, and what lies in both is part of the smaller. So each step up the tree is
    one to a clearly larger mask. Empty masks are wholes without parts.

    Args:
        codes: The masks, all of one picture.
        inside_share: How much of a part must lie in its whole, as a share of the part.
        most_of_whole: How large a part may be, as a share of its whole.

    Returns:
        The tree, masks in the order given.

    Raises:
        InputError: If a share is not above 0 and at most 1, `most_of_whole` is 1 itself, or the
            masks are not all of one size.
        DataError: If a code is damaged.
    """
    if not 0 < inside_share <= 1:
        raise InputError(f"inside_share must be a share, got {inside_share}", hint=_HINT)
    if not 0 < most_of_whole < 1:
        raise InputError(f"most_of_whole must be below 1, got {most_of_whole}", hint=_HINT)
    sizes = {tuple(code["size"]) for code in codes}
    if len(sizes) > 1:
        (height, width), (other_height, other_width) = sorted(sizes)[:2]
        raise InputError(
            f"masks must have one size, got {width}×{height} and {other_width}×{other_height}",
            hint="pass masks of one picture",
        )
    masks = _Measured.of(codes)
    whole_of = np.full(len(codes), -1, dtype=np.int64)
    # The smallest mask that takes a part keeps it.
    rising = np.argsort(masks.areas, kind="stable")
    rising = rising[masks.areas[rising] > 0]
    num_smaller = np.searchsorted(
        masks.areas[rising], most_of_whole * masks.areas[rising], side="right"
    )
    for whole, num in zip(rising.tolist(), num_smaller.tolist(), strict=True):
        maybe = rising[:num]
        maybe = maybe[whole_of[maybe] < 0]
        maybe = maybe[masks.shared_at_most(whole, maybe) >= inside_share * masks.areas[maybe]]
        shared = masks.shared(whole, maybe)
        whole_of[maybe[shared >= inside_share * masks.areas[maybe]]] = whole
    parents = tuple(None if whole < 0 else whole for whole in whole_of.tolist())
    levels = tuple(sum(1 for _ in _upwards(parents, mask)) for mask in range(len(parents)))
    return PartTree(parents=parents, levels=levels)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """Masks with what is asked of them again and again."""

    runs: list[Counts]
    areas: NDArray[np.int64]
    boxes: NDArray[np.int64]

    @classmethod
    def of(cls, codes: Sequence[RLE]) -> "_Measured":
        runs = [runs_of(code) for code in codes]
        size_hw = (codes[0]["size"][0], codes[0]["size"][1]) if codes else (0, 0)
        return cls(
            runs=runs,
            areas=np.array([counts[1::2].sum() for counts in runs], dtype=np.int64),
            boxes=np.array([bounds(counts, size_hw) for counts in runs], np.int64).reshape(-1, 4),
        )

    def shared_at_most(self, whole: int, others: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the pixels that the boxes of masks share with that of another."""
        top_left = np.maximum(self.boxes[others, :2], self.boxes[whole, :2])
        bottom_right = np.minimum(self.boxes[others, 2:], self.boxes[whole, 2:])
        areas: NDArray[np.int64] = np.maximum(bottom_right - top_left, 0).prod(axis=1)
        return areas

    def shared(self, whole: int, others: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the pixels that masks, none of them empty, share with another."""
        if len(others) == 0:
            return others
        edges = [np.cumsum(runs)[: len(runs) // 2 * 2] for runs in (self.runs[i] for i in others)]
        # Between the edges of a run, all runs of all masks in one look.
        before = set_before(self.runs[whole], np.concatenate(edges))
        begun = np.cumsum([0, *(len(one) // 2 for one in edges[:-1])])
        return np.add.reduceat(before[1::2] - before[::2], begun)


def _upwards(parents: Sequence[int | None], mask: int) -> Iterator[int]:
    above = parents[mask]
    while above is not None:
        yield above
        above = parents[above]

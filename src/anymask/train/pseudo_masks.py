"""Masks that a model found by itself, chosen so strictly that it can learn from them.

Source: Segment Anything (Kirillov et al., 2023), section 4, fully automatic stage, and appendix B:
confident and stable masks of a regular grid, no duplicates, no whole pictures, no crumbs.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anymask.data.picture import AnnotatedPicture
from anymask.errors import ConfigError
from anymask.evaluate.proposals import overlaps_of
from anymask.everything.generate import Found, find_all
from anymask.everything.settings import EverythingSettings, Mode
from anymask.image.read import read_picture
from anymask.masks.finding import Finding
from anymask.masks.mask import Mask
from anymask.masks.rle import Counts, decompress
from anymask.masks.run_sets import bounds, intersection_area
from anymask.predict.encode import embed_pictures
from anymask.weights.loaded import LoadedModel

LABELLED, CROSSING, GROUND = "labelled", "crossing", "ground"
DUPLICATE, TOO_MANY = "duplicate", "too_many"
# A part lies inside its whole and a neighbour outside it, but for the errors of two borders.
INSIDE_SHARE, OUTSIDE_SHARE = 0.75, 0.15
AT_SIDE_PX = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoSettings:
    """Which masks that the model finds by itself are good enough to learn from.

    The thresholds were chosen on held-back pictures of which half of the masks were hidden.

    Attributes:
        least_score: Predicted IoU that a mask must exceed.
        least_stability: Stability score that a mask must reach.
        most_overlap: A mask with a larger IoU with a labelled one, or with a better one, is left
            out.
        may_cross: Whether a mask may lie across the border of a labelled one, neither inside it,
            nor around it, nor beside it.
        most_sides: A mask that reaches more sides of the picture is left out: it is the ground,
            which is easy, found everywhere, and would push the things aside. 4 keeps all.
        smallest_px: Masks with fewer pixels are left out; so are islands, and holes are filled.
        largest_share: Masks over this share of the picture are left out.
        most_a_picture: Masks a picture, at most; the best scored stay.
        points_per_side: Points along each side of the grid.
        crop_n_layers: How often the picture is cut into smaller crops; for large pictures.
        mode: Of everything mode.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix B, for the filters; 0.88 and 0.95 are
        thresholds of a far larger model, whose scores mean something else.
    """

    least_score: float = 0.7
    least_stability: float = 0.85
    most_overlap: float = 0.5
    may_cross: bool = False
    most_sides: int = 2
    smallest_px: int = 40
    largest_share: float = 0.9
    most_a_picture: int = 50
    points_per_side: int = 32
    crop_n_layers: int = 0
    mode: Mode = "adaptive"

    def __post_init__(self) -> None:
        for name in ("least_score", "least_stability", "most_overlap", "largest_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    f"{name} must be in [0, 1], got {getattr(self, name):g}",
                    hint="leave it out to get the measured one",
                )
        if not 0 <= self.most_sides <= 4:
            raise ConfigError(
                f"most_sides must be 0 to 4, got {self.most_sides}", hint="use 2, or 4 for all"
            )
        for name in ("smallest_px", "most_a_picture"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} must be 1 or more, got {getattr(self, name)}", hint="use 40"
                )
        self.everything()

    def everything(self) -> EverythingSettings:
        """Give the settings of everything mode that find these masks."""
        return EverythingSettings(
            points_per_side=self.points_per_side,
            pred_iou_thresh=self.least_score,
            stability_score_thresh=self.least_stability,
            crop_n_layers=self.crop_n_layers,
            crop_n_points_downscale_factor=2 if self.crop_n_layers else 1,
            min_area=self.smallest_px,
            min_mask_region_area=self.smallest_px,
            drop_small_masks=True,
            max_area_share=self.largest_share,
            mode=self.mode,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoMask:
    """A mask that a model made and nobody has seen.

    Attributes:
        runs: Column-major run lengths, starting with zeros.
        score: Predicted IoU.
        finding: How it was found, its stability score among it; or None.
    """

    runs: Counts
    score: float
    finding: Finding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoChoice:
    """What is kept of what a model found on one picture.

    Attributes:
        masks: Kept, the best scored first.
        left_out: How many were not, by what stood against them: a setting of everything mode, or
            "labelled", "ground", "crossing", "duplicate" or "too_many".
    """

    masks: tuple[PseudoMask, ...]
    left_out: Counter[str]


def find_pseudo_masks(
    loaded: LoadedModel, picture: AnnotatedPicture, settings: PseudoSettings
) -> PseudoChoice:
    """Find what nobody has labelled on a picture.

    Args:
        loaded: The model.
        picture: The picture; those of its masks that people made count as labelled.
        settings: What is good enough.

    Raises:
        ImageError: If the picture cannot be read.
    """
    (embedding,) = embed_pictures(loaded, [read_picture(picture.encoded)])
    found = find_all(loaded, embedding, settings.everything())
    labelled = [runs for i, runs in enumerate(picture.runs) if not picture.is_pseudo(i)]
    choice = choose_pseudo_masks(
        [_pseudo(mask) for mask in found.masks], labelled, picture.size_hw, settings
    )
    return replace(choice, left_out=_dropped_before(found) + choice.left_out)


def choose_pseudo_masks(
    found: Sequence[PseudoMask],
    labelled: Sequence[Counts],
    size_hw: tuple[int, int],
    settings: PseudoSettings,
) -> PseudoChoice:
    """Choose what is new among masks that are good enough by themselves.

    Args:
        found: Masks of one picture.
        labelled: Run lengths of the masks that people made there, (K,) each.
        size_hw: Size of the picture, pixels.
        settings: What counts as new.

    Returns:
        What is kept: no mask twice, none that is labelled already, and, unless `may_cross`, none
        that contradicts a label by lying across its border.
    """
    ranked = sorted(found, key=lambda mask: -mask.score)
    left_out: Counter[str] = Counter()
    kept: list[PseudoMask] = []
    known = overlaps_of([mask.runs for mask in ranked], labelled).max(axis=1, initial=0.0)
    rivals = overlaps_of([mask.runs for mask in ranked], [mask.runs for mask in ranked])
    places: list[int] = []
    for place, mask in enumerate(ranked):
        reason = None
        if known[place] > settings.most_overlap:
            reason = LABELLED
        elif _num_sides(mask.runs, size_hw) > settings.most_sides:
            reason = GROUND
        elif not settings.may_cross and _crosses(mask.runs, labelled):
            reason = CROSSING
        elif rivals[place, places].max(initial=0.0) > settings.most_overlap:
            reason = DUPLICATE
        elif len(kept) == settings.most_a_picture:
            reason = TOO_MANY
        if reason is not None:
            left_out[reason] += 1
            continue
        kept.append(mask)
        places.append(place)
    return PseudoChoice(masks=tuple(kept), left_out=left_out)


def _crosses(runs: Counts, labelled: Sequence[Counts]) -> bool:
    """Say whether a mask is neither part of, nor around, nor beside each labelled one."""
    area = int(runs[1::2].sum())
    shares: NDArray[np.float64] = np.array(
        [intersection_area(runs, one) / max(1, min(area, int(one[1::2].sum()))) for one in labelled]
    )
    return bool(((shares > OUTSIDE_SHARE) & (shares < INSIDE_SHARE)).any())


def _num_sides(runs: Counts, size_hw: tuple[int, int]) -> int:
    """Count the sides of the picture that a mask reaches."""
    height, width = size_hw
    x0, y0, x1, y1 = bounds(runs, size_hw)
    return sum(gap <= AT_SIDE_PX for gap in (x0, y0, width - x1, height - y1))


def _pseudo(mask: Mask) -> PseudoMask:
    return PseudoMask(runs=decompress(mask.rle["counts"]), score=mask.score, finding=mask.finding)


def _dropped_before(found: Found) -> Counter[str]:
    """Count what everything mode left out, by the setting that each mask missed."""
    dropped = Counter(dict(found.candidates.left_out))
    dropped.update({str(name): number for name, number in found.selection.counts().items()})
    return dropped

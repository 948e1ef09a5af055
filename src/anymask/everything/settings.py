"""What everything mode is told: names and defaults are those of the published generator."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from anymask.errors import ConfigError
from anymask.vocabulary import Point

Mode = Literal["exact", "fast", "adaptive"]
"""How masks are found, see `EverythingSettings.mode`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingSettings:
    """Options of everything mode.

    Attributes:
        points_per_side: Points along each side of the grid; None where `point_grids` are given.
        points_per_batch: Points handed to the network together.
        pred_iou_thresh: Masks whose predicted IoU is not above it are dropped; 0 drops none.
        stability_score_thresh: Masks whose stability score is below it are dropped; 0 drops none.
        stability_score_offset: How far the cutoff moves for the stability score, in logits.
        box_nms_thresh: Of masks of one crop whose boxes have a larger IoU only the best stays.
        crop_n_layers: How often the picture is cut into smaller crops, layer i into 2^i × 2^i.
        crop_nms_thresh: As `box_nms_thresh`, between crops; masks of smaller crops win.
        crop_overlap_ratio: How far crops overlap, as a share of the shorter side.
        crop_n_points_downscale_factor: Layer i has points_per_side / factor^i points a side.
        point_grids: Own points (x, y) in [0, 1], one list a layer; None for regular grids.
        min_mask_region_area: Holes and islands smaller than this are filled and removed, pixels.
        mode: "exact" measures every candidate at the picture's size, as the published generator
            does; "fast" decides at the low resolution and draws only what stays; "adaptive" asks a
            coarse grid first and leaves out points inside what many answers agree on, and points
            around which nothing came near the threshold.
        min_area: Masks with fewer pixels are dropped.
        max_area_share: Masks that cover at least this share of the picture are dropped; 0 drops
            none.
        drop_small_masks: Whether a mask is dropped if all its islands are smaller than
            `min_mask_region_area`; otherwise the largest stays.
        wholes_only: Whether masks that are part of another mask are dropped.

    Source:
        Segment Anything (Kirillov et al., 2023), section 5 and appendix B; options of the published
        generator.
    """

    points_per_side: int | None = 32
    points_per_batch: int = 64
    pred_iou_thresh: float = 0.88
    stability_score_thresh: float = 0.95
    stability_score_offset: float = 1.0
    box_nms_thresh: float = 0.7
    crop_n_layers: int = 0
    crop_nms_thresh: float = 0.7
    crop_overlap_ratio: float = 512 / 1500
    crop_n_points_downscale_factor: int = 1
    point_grids: tuple[tuple[Point, ...], ...] | None = None
    min_mask_region_area: int = 0
    mode: Mode = "exact"
    min_area: int = 0
    max_area_share: float = 0.0
    drop_small_masks: bool = False
    wholes_only: bool = False

    def __post_init__(self) -> None:
        _check_grid(self)
        _check_crops(self)
        _at_least(self, 1, "points_per_batch")
        _at_least(self, 0, "min_mask_region_area", "min_area", "max_area_share")
        _at_least(self, 0, "box_nms_thresh", "crop_nms_thresh")
        _at_most(self, 1, "max_area_share")
        _at_most(self, math.inf, "pred_iou_thresh", "stability_score_thresh")  # NaN is not
        if not self.stability_score_offset > 0:
            raise ConfigError(
                f"stability_score_offset is {self.stability_score_offset}", hint="use 1.0"
            )
        _at_most(self, 1e6, "stability_score_offset")
        if self.mode not in get_args(Mode):
            raise ConfigError(f"mode is {self.mode!r}", hint=f"use {', '.join(get_args(Mode))}")
        if self.mode == "adaptive" and self.point_grids is not None:
            raise ConfigError(
                "point_grids with mode adaptive, which chooses its own points",
                hint="leave one of them out",
            )


def _check_grid(settings: EverythingSettings) -> None:
    if (settings.points_per_side is None) == (settings.point_grids is None):
        raise ConfigError(
            "exactly one of points_per_side and point_grids must be given",
            hint="set points_per_side to None where you give point_grids",
        )
    if settings.points_per_side is not None:
        _at_least(settings, 1, "points_per_side")
        _at_most(settings, 1024, "points_per_side")
        return
    grids = settings.point_grids or ()
    if len(grids) != settings.crop_n_layers + 1:
        raise ConfigError(
            f"point_grids has {len(grids)} grids for {settings.crop_n_layers + 1} layers",
            hint="give one list of points for the whole picture and one for each crop layer",
        )
    for layer, grid in enumerate(grids):
        for x, y in grid:
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise ConfigError(
                    f"point_grids[{layer}] holds ({x:g}, {y:g})",
                    hint="points of grids are (x, y) from 0 to 1",
                )


def _check_crops(settings: EverythingSettings) -> None:
    _at_least(settings, 0, "crop_n_layers", "crop_overlap_ratio")
    _at_least(settings, 1, "crop_n_points_downscale_factor")
    # 4^6 crops of the last layer alone are more than anybody waits for.
    if settings.crop_n_layers > 6:
        raise ConfigError(f"crop_n_layers is {settings.crop_n_layers}", hint="use 6 or less")
    if settings.crop_overlap_ratio >= 1:
        raise ConfigError(
            f"crop_overlap_ratio is {settings.crop_overlap_ratio}", hint="use less than 1"
        )


def _at_least(settings: EverythingSettings, least: float, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not value >= least:
            raise ConfigError(f"{name} is {value}", hint=f"use {least:g} or more")


def _at_most(settings: EverythingSettings, most: float, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not value <= most:
            raise ConfigError(
                f"{name} is {value}",
                hint=f"use {most:g} or less" if most < math.inf else "use a number",
            )

"""Named settings of everything mode.

Thresholds mean what the scores of a model mean. So published weights keep the published numbers,
and the small model inside the package, whose scores are lower, has its own, measured on held-out
training pictures (`benchmarks/presets.py`).
"""

from dataclasses import replace
from types import MappingProxyType

from anymask.errors import ConfigError
from anymask.everything.settings import EverythingSettings
from anymask.weights.loaded import LoadedModel

# Settings of SA-1B: 32 × 32 points, then 16 × 16 on 4 crops, then 8 × 8 on 16 crops; near-whole
# masks left out; regions below 100 pixels filled, removed, or the reason to drop the mask.
_SA1B = EverythingSettings(
    crop_n_layers=2,
    crop_n_points_downscale_factor=2,
    min_mask_region_area=100,
    max_area_share=0.95,
    drop_small_masks=True,
)

PRESETS = MappingProxyType(
    {
        "default": EverythingSettings(),
        "dense": EverythingSettings(
            crop_n_layers=1, crop_n_points_downscale_factor=2, min_mask_region_area=50
        ),
        "objects": EverythingSettings(
            min_mask_region_area=300, max_area_share=0.9, wholes_only=True, box_nms_thresh=0.5
        ),
        "sa1b": _SA1B,
    }
)
"""For published weights, by name."""

# What differs for the small model inside the package: pred_iou_thresh, stability_score_thresh.
# Those of "sa1b" were not measured; they are the ones of "default".
_THRESHOLDS_OF_EMBEDDED = MappingProxyType(
    {
        "default": (0.4, 0.7),
        "dense": (0.3, 0.75),
        "objects": (0.45, 0.6),
        "sa1b": (0.4, 0.7),
    }
)


def preset_for(loaded: LoadedModel, name: str) -> EverythingSettings:
    """Give named settings for a model.

    Args:
        loaded: The model; weights of the small architecture score like those inside the package.
        name: As for `preset`.

    Raises:
        ConfigError: If there are none of that name.
    """
    return preset(name, is_embedded=loaded.sam.config.has_mask_scorer)


def preset(name: str, *, is_embedded: bool) -> EverythingSettings:
    """Give named settings.

    Args:
        name: "default": the published generator's; "dense": more and smaller masks, from crops too;
            "objects": wholes rather than parts; "sa1b": as the data set of that name was made.
        is_embedded: Whether they are for the small model inside the package.

    Raises:
        ConfigError: If there are none of that name.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix B, for "sa1b".
    """
    if name not in PRESETS:
        raise ConfigError(f"preset {name!r} is unknown", hint=f"use {', '.join(PRESETS)}")
    if not is_embedded:
        return PRESETS[name]
    pred_iou, stability = _THRESHOLDS_OF_EMBEDDED[name]
    return replace(PRESETS[name], pred_iou_thresh=pred_iou, stability_score_thresh=stability)

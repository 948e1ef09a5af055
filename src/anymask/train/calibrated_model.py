"""A model with maps from predicted to true IoU, and its file."""

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from anymask.errors import ConfigError
from anymask.model.sam import Sam
from anymask.model.score_calibration import ScoreCalibration
from anymask.weights.loaded import LoadedModel
from anymask.weights.save import save_model


def with_raw_scores(loaded: LoadedModel) -> LoadedModel:
    """Give a model whose scores are as the network gives them, whatever lies in its file.

    Args:
        loaded: The model.

    Raises:
        ConfigError: If it has no mask scorer.
    """
    return replace(loaded, sam=with_calibration(loaded.sam, None))


def write_model(
    loaded: LoadedModel, calibration: ScoreCalibration, path: Path, record: Mapping[str, Any]
) -> None:
    """Write a model with maps inside, as exact as it was; its recipe tells of them.

    Args:
        loaded: The model.
        calibration: The maps.
        path: File to write.
        record: What the recipe says of them.

    Raises:
        ConfigError: If the model has no mask scorer.
        OutputError: If the file cannot be written.
    """
    sam = with_calibration(loaded.sam, calibration)
    recipe = json.loads(loaded.metadata.get("recipe", "{}")) | {"score_calibration": dict(record)}
    is_half = all(torch.equal(x, x.half().float()) for x in sam.parameters() if x.dim() > 1)
    save_model(sam, path, recipe=recipe, card=loaded.metadata.get("card", ""), half=is_half)


def with_calibration(sam: Sam, calibration: ScoreCalibration | None) -> Sam:
    """Give a copy of a network with other maps, or with none.

    Args:
        sam: The network; it stays as it is.
        calibration: The maps; None for raw scores.

    Raises:
        ConfigError: If the network has no mask scorer: published models keep their scores.
    """
    if not sam.mask_decoder.has_mask_scorer:
        raise ConfigError(
            f"a model of the architecture {sam.config.name} scores masks as published and cannot "
            "be calibrated",
            hint="give a model of the architecture tiny",
        )
    own = copy.deepcopy(sam)
    own.mask_decoder.mask_scorer.calibration = copy.deepcopy(calibration)
    device = next(own.parameters()).device
    return own.to(device).eval().requires_grad_(requires_grad=False)

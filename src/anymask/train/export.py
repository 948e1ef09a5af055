"""A run → a weights file that everything else takes."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from anymask.configuration import from_mapping
from anymask.errors import StateError
from anymask.masks.atomic import shown_name
from anymask.model.configs import MaskedAutoencoderConfig, SamConfig
from anymask.model.masked_autoencoder import MaskedAutoencoder
from anymask.model.sam import Sam
from anymask.train.checkpoint import Checkpoint, latest_checkpoint
from anymask.train.low_rank import LowRankSettings, add_low_rank, merge_low_rank
from anymask.train.pretrained import save_pretrained
from anymask.weights.load import load_model
from anymask.weights.save import save_model


def export_model(
    run: Path,
    path: Path,
    hardware: str,
    *,
    input_size: int | None = None,
    after: Path | None = None,
) -> dict[str, Any]:
    """Write the averaged weights of a run as safetensors: a model, or a pre-trained encoder.

    Args:
        run: Folder of the run.
        path: File to write.
        hardware: What the run was made on, for the record.
        input_size: Side of the frame the model is to be used at, pixels; None for its own.
        after: Weights file that the run started from; its recipe is kept inside this one's.

    Returns:
        The recipe that went into the file: settings, steps, pictures seen, minutes, hardware.

    Raises:
        StateError: If the run has no checkpoint yet.
        WeightsError: If the file of `after` cannot be read.
        OutputError: If the file cannot be written.
    """
    checkpoint = latest_checkpoint(run)
    if checkpoint is None:
        raise StateError(
            f"{shown_name(run)}: holds no checkpoint", hint="run anymask train default first"
        )
    recipe = recipe_record(checkpoint, hardware)
    if after is not None:
        recipe["after"] = json.loads(load_model(after, device="cpu").metadata.get("recipe", "{}"))
    if checkpoint.recipe == "mae":
        autoencoder = MaskedAutoencoder(
            from_mapping(MaskedAutoencoderConfig, checkpoint.architecture)
        )
        autoencoder.load_state_dict(checkpoint.average)
        save_pretrained(autoencoder, path, recipe)
        return recipe
    model = averaged_model(checkpoint, input_size)
    save_model(model, path, recipe=recipe, card=model_card(checkpoint))
    return recipe


def recipe_record(checkpoint: Checkpoint, hardware: str) -> dict[str, Any]:
    """Give what a weights file says about how it came to be."""
    return {
        "recipe": checkpoint.recipe,
        "settings": checkpoint.settings,
        "data": checkpoint.data,
        "processes": checkpoint.processes,
        "steps": checkpoint.step,
        "picture_visits": checkpoint.pictures,
        "minutes": round(checkpoint.seconds / 60, 1),
        "hardware": hardware,
    }


def averaged_model(checkpoint: Checkpoint, input_size: int | None = None) -> Sam:
    """Give the model of a checkpoint with its averaged weights, low-rank changes merged.

    Args:
        checkpoint: Of any recipe that trains a whole model.
        input_size: Side of the frame, pixels; None for the model's own. Not for ViTs, whose
            position tables have one size.
    """
    shapes = dict(checkpoint.architecture)
    if input_size is not None:
        shapes["input_size"] = input_size
    model = Sam(from_mapping(SamConfig, shapes))
    low_rank = checkpoint.settings.get("low_rank")
    if low_rank is not None:
        add_low_rank(model.image_encoder, from_mapping(LowRankSettings, low_rank), 0)
    model.load_state_dict(checkpoint.average)
    merge_low_rank(model.image_encoder)
    return model.eval()


def model_card(checkpoint: Checkpoint) -> str:
    """Give the card that travels with the weights: the default model's own, or what is known."""
    if checkpoint.recipe == "default":
        return files("anymask.weights").joinpath("DEFAULT_MODEL.md").read_text(encoding="utf-8")
    start = checkpoint.settings.get("start") or "fresh weights"
    return (
        f"# Model card\n\nTrained by `anymask` with the recipe {checkpoint.recipe} from {start}: "
        f"{checkpoint.step} steps, {checkpoint.pictures} picture visits, "
        f"{checkpoint.seconds / 60:.0f} minutes. The data and their terms are known to whoever "
        "trained it.\n"
    )

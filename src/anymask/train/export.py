"""A finished run → the weights file that ships inside the package."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from anymask.errors import StateError
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.train.checkpoint import latest_checkpoint
from anymask.weights.load import load_model
from anymask.weights.save import save_model


def export_default_model(
    run: Path, path: Path, input_size: int, hardware: str, after: Path | None = None
) -> dict[str, Any]:
    """Write the averaged weights of a default-model run as fp16 safetensors.

    Args:
        run: Folder of the run.
        path: File to write.
        input_size: Side of the frame the model is to be used at, pixels.
        hardware: What the run was made on, for the record.
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
        raise StateError(f"{run}: holds no checkpoint", hint="run anymask train default first")
    model = Sam(tiny(input_size))
    model.load_state_dict(checkpoint.average)
    recipe: dict[str, Any] = {
        "recipe": "default_model",
        "settings": checkpoint.settings,
        "steps": checkpoint.step,
        "picture_visits": checkpoint.pictures,
        "minutes": round(checkpoint.seconds / 60, 1),
        "hardware": hardware,
    }
    if after is not None:
        recipe["after"] = json.loads(load_model(after, device="cpu").metadata.get("recipe", "{}"))
    card = files("anymask.weights").joinpath("DEFAULT_MODEL.md").read_text(encoding="utf-8")
    save_model(model, path, recipe=recipe, card=card)
    return recipe

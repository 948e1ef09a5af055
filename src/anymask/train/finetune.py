"""Fine-tuning: a base, a run that begins from it, and the file that comes out."""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from anymask.errors import StateError
from anymask.masks.atomic import shown_name
from anymask.train.checkpoint import latest_checkpoint
from anymask.train.export import averaged_model, model_card, recipe_record
from anymask.weights.cache import weights_folder
from anymask.weights.catalogue import PUBLISHED
from anymask.weights.load import load_model
from anymask.weights.loaded import LoadedModel
from anymask.weights.save import save_model

DEFAULT_BASE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The model that training begins from.

    Attributes:
        path: Its file.
        loaded: The model, on the device it is measured on.
    """

    path: Path
    loaded: LoadedModel


def load_base(name: str, device: str = "auto") -> Base:
    """Load the model that training begins from.

    Args:
        name: "default"; a published checkpoint's name, looked for in the cache folder; or a file.
        device: "auto", "cpu", "cuda", "cuda:0" or "mps".

    Raises:
        WeightsNotFound: If there is no such file or name.
        WeightsError: If the file holds no whole model.
        ConfigError: If the device is unknown or not available.
    """
    loaded = load_model(None if name == DEFAULT_BASE else name, device=device)
    return Base(path=base_path(name), loaded=loaded)


def base_path(name: str) -> Path:
    """Give the file of a base.

    Args:
        name: As `load_base` takes it.
    """
    if name == DEFAULT_BASE:
        return Path(str(files("anymask") / "weights" / "default.safetensors"))
    if name in PUBLISHED:
        return weights_folder() / PUBLISHED[name].file_name
    return Path(name).expanduser()


def write_model(
    run: Path, base: Base, path: Path, hardware: str, *, blend: float = 1.0
) -> dict[str, Any]:
    """Write the result of a run as one file that everything else takes.

    The weights may go a part of the way only from the base to where training ended. What the base
    knew of other pictures is then kept to a larger part than what was learnt is lost.

    Args:
        run: Folder of the run.
        base: The model that training began from.
        path: File to write.
        hardware: What the run was made on, for the record.
        blend: How far to go, in (0, 1]; 1 for the trained weights as they are.

    Returns:
        The recipe that went into the file.

    Raises:
        StateError: If the run has no checkpoint.
        OutputError: If the file cannot be written.

    Source:
        Robust fine-tuning of zero-shot models (Wortsman et al., 2022), section 3.
    """
    checkpoint = latest_checkpoint(run)
    if checkpoint is None:
        raise StateError(f"{shown_name(run)}: holds no checkpoint", hint="train first")
    model = averaged_model(checkpoint)
    kept = base.loaded.sam.state_dict()
    with torch.no_grad():
        for name, weight in model.state_dict().items():
            if weight.is_floating_point():
                weight.copy_(kept[name].to(weight).lerp(weight, blend))
    recipe = recipe_record(checkpoint, hardware) | {
        "base": {"name": shown_name(base.path.name), "sha256": base.loaded.sha256},
        "blend": blend,
        "after": json.loads(base.loaded.metadata.get("recipe", "{}")),
    }
    save_model(model, path, recipe=recipe, card=model_card(checkpoint))
    return recipe

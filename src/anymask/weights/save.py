"""Our own checkpoint: safetensors that carry the settings, the recipe and the model card."""

import json
import os
from collections.abc import Mapping

import safetensors.torch
import torch
from torch import Tensor

from anymask.configuration import to_mapping
from anymask.errors import InputError, WeightsError
from anymask.masks.atomic import write_bytes
from anymask.model.sam import Sam

FORMAT = "anymask-1"


def save_model(
    sam: Sam,
    path: str | os.PathLike[str],
    *,
    recipe: Mapping[str, object],
    card: str,
    half: bool = True,
) -> None:
    """Write a model with everything needed to load and judge it, whole or not at all.

    Args:
        sam: The network; it stays as it is.
        path: The file, best named .safetensors; an old one of that name is replaced.
        recipe: How the weights came to be, in JSON's terms.
        card: The model card, text for people.
        half: Whether matrices are stored as float16. Vectors and statistics stay float32: they
            are few, and some are too small or too large for it.

    Raises:
        InputError: If the recipe has no form in JSON.
        WeightsError: If a value is NaN or infinite, or would become so as float16.
        OutputError: If the file cannot be written.
    """
    written = recipe_text(recipe)
    matrices = {name for name, parameter in sam.named_parameters() if parameter.dim() > 1}
    tensors = {
        name: _stored(name, tensor, half=half and name in matrices)
        for name, tensor in sam.state_dict().items()
    }
    metadata = {
        "format": FORMAT,
        "config": json.dumps(to_mapping(sam.config), sort_keys=True),
        "recipe": written,
        "card": card,
    }
    write_bytes(path, _with_metadata(safetensors.torch.save(tensors), metadata))


def recipe_text(recipe: Mapping[str, object]) -> str:
    """Write a recipe as JSON, the same text for the same recipe.

    Raises:
        InputError: If it has no form in JSON.
    """
    try:
        return json.dumps(recipe, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the recipe cannot be written as JSON: {error}",
            hint="use finite numbers, text, lists and tables",
        ) from error


def _with_metadata(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """Put remarks into a file's header, always in the same order: same model, same bytes."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = {"__metadata__": metadata, **json.loads(data[8:start])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors start at multiples of 8 bytes
    return len(text).to_bytes(8, "little") + text + data[start:]


def _stored(name: str, tensor: Tensor, *, half: bool) -> Tensor:
    wanted = tensor.detach().to("cpu", torch.float16 if half else torch.float32).contiguous()
    if not bool(wanted.isfinite().all()):
        raise WeightsError(
            f"tensor {name!r} is not finite as {str(wanted.dtype)[6:]}",
            hint="save with half=False" if half else "take an earlier state of the training",
        )
    return wanted

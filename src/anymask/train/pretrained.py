"""A pre-trained encoder as a file, and as the start of a model."""

import os
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from anymask.errors import ConfigError, KeysMismatch, WeightsError
from anymask.image.names import display_name
from anymask.masks.atomic import write_bytes
from anymask.model.image_encoder import VitImageEncoder, resize_positions
from anymask.model.masked_autoencoder import MaskedAutoencoder, encoder_state
from anymask.model.sam import Sam
from anymask.weights.read import read_checkpoint
from anymask.weights.save import recipe_text

PREFIX = "image_encoder."
_SHOWN = 3


def save_pretrained(
    model: MaskedAutoencoder, path: str | os.PathLike[str], recipe: Mapping[str, object]
) -> None:
    """Write the encoder as a start for training, whole or not at all.

    Args:
        model: After pre-training, or the running average of its weights.
        path: The file, best named .safetensors; an old one of that name is replaced.
        recipe: How the weights came to be, in JSON's terms.

    Raises:
        InputError: If the recipe has no form in JSON.
        WeightsError: If a value is NaN or infinite.
        OutputError: If the file cannot be written.
    """
    written = recipe_text(recipe)
    tensors = {
        PREFIX + name: tensor.detach().to("cpu", torch.float32).contiguous()
        for name, tensor in encoder_state(model).items()
    }
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise WeightsError(
                f"tensor {name!r} is not finite", hint="take an earlier state of the training"
            )
    write_bytes(path, safetensors.torch.save(tensors, {"pretraining": written}))


def start_from_pretrained(sam: Sam, path: Path) -> None:
    """Give a fresh ViT model the encoder of a pre-training, in place.

    Positions are resized to the model's grid. Its neck and relative positions stay as they are
    where the file has none, everything else of the encoder must be there.

    Args:
        sam: A model with first values.
        path: What `save_pretrained` wrote.

    Raises:
        ConfigError: If the model's image encoder is no ViT.
        WeightsError: If the file cannot be read.
        KeysMismatch: If its tensors are not those of the model's transformer.
    """
    encoder = sam.image_encoder
    if not isinstance(encoder, VitImageEncoder):
        raise ConfigError(
            f"a pre-trained ViT is no start for the {sam.config.name} model",
            hint="train vit_b, vit_l or vit_h, or leave the start out",
        )
    shown = display_name(path)
    try:
        tensors = dict(read_checkpoint(path).tensors)
    except OSError as error:
        raise WeightsError(
            f"{shown}: cannot be read ({error.strerror or error})",
            hint="give the file that pre-training wrote",
        ) from error
    given = {name.removeprefix(PREFIX): t for name, t in tensors.items() if name.startswith(PREFIX)}
    others = [name for name in tensors if not name.startswith(PREFIX)]
    table = given.get("pos_embed")
    if table is not None and table.dim() == 4 and table.shape[-1] == encoder.pos_embed.shape[-1]:
        height, width = encoder.pos_embed.shape[1:3]
        given["pos_embed"] = resize_positions(table, (height, width))
    _refuse_misfits(encoder.state_dict(), given, others, shown)
    encoder.load_state_dict(given, strict=False)


def _refuse_misfits(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor], others: list[str], shown: str
) -> None:
    fresh = [name for name in expected if name.startswith("neck.") or ".rel_pos_" in name]
    kinds = {
        "missing": [n for n in expected if n not in given and n not in fresh],
        "unexpected": others + [n for n in given if n not in expected],
        "of another shape": [
            n for n in expected if n in given and given[n].shape != expected[n].shape
        ],
    }
    problems = [
        f"{len(names)} {kind} ({', '.join(display_name(name)[:80] for name in names[:_SHOWN])}"
        f"{', …' if len(names) > _SHOWN else ''})"
        for kind, names in kinds.items()
        if names
    ]
    if problems:
        raise KeysMismatch(
            f"{shown}: is no pre-trained encoder of this transformer: {'; '.join(problems)}",
            hint="give the file that pre-training of the same architecture wrote",
        )

"""What a kept embedding is called: a hash of everything its numbers depend on.

Two embeddings have one name only if they were made of the same pixels, by the same weights, in the
same frame, and by the same program on the same kind of processor. So a kept embedding is what
encoding anew would give, byte for byte.
"""

import hashlib
import json
import platform
from dataclasses import asdict

import numpy as np
import PIL
import torch
from torch import nn

from anymask.configuration import to_mapping
from anymask.errors import StateError
from anymask.image.picture import Picture
from anymask.predict.engines import stamp_engine
from anymask.weights.loaded import LoadedModel

# Bumped when the same encoder gets other input, or an entry's content changes.
_FORM = 1
# Values taken from each tensor of the encoder.
_SAMPLED = 16


def maker_of(loaded: LoadedModel) -> str | None:
    """Give a hash of what encodes pictures: weights, frame, engine, versions and processor.

    Args:
        loaded: The model.

    Returns:
        64 hexadecimal digits; None where the encoder cannot be told from another.
    """
    if _reason_against(loaded) is not None:
        return None
    from anymask import __version__

    parts = [
        [_FORM, __version__, torch.__version__, PIL.__version__],
        [loaded.sha256, to_mapping(loaded.sam.config), _sample(loaded.sam.image_encoder)],
        [asdict(stamp_engine(loaded)), _processor(loaded.device)],
        torch.get_float32_matmul_precision(),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def need_maker(loaded: LoadedModel) -> str:
    """Give the same where an embedding is to be kept.

    Args:
        loaded: The model.

    Raises:
        StateError: If the encoder cannot be told from another.
    """
    maker = maker_of(loaded)
    if maker is None:
        raise StateError(
            f"its embeddings cannot be kept: {_reason_against(loaded)}",
            hint="load the model from a file, and embed outside of training and autocast",
        )
    return maker


def key_of(maker: str, picture: Picture) -> str:
    """Give the name under which a picture's embedding is kept.

    Args:
        maker: What `maker_of` gave.
        picture: The upright picture; only its size and pixels count.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(f"{maker} {picture.pixels.shape}".encode())
    digest.update(np.ascontiguousarray(picture.pixels).data)
    return digest.hexdigest()


def _reason_against(loaded: LoadedModel) -> str | None:
    if not loaded.sha256.strip("0"):
        return "the model is from no file"
    if loaded.sam.image_encoder.training:
        return "the model is being trained"
    if torch.is_autocast_enabled(loaded.device.type):
        return "autocast is on"
    return None


def _sample(encoder: nn.Module) -> str:
    """Hash some values and the sum of every tensor: weights changed after loading are others."""
    digest = hashlib.sha256()
    with torch.no_grad():
        taken, sums = [], []
        for tensor in (*encoder.parameters(), *encoder.buffers()):
            flat = tensor.reshape(-1)
            taken.append(flat[:: max(1, len(flat) // _SAMPLED)].float())
            # Of the bits as numbers, which is exact in whatever order they are added.
            bits = flat.view(torch.int32 if flat.element_size() % 4 == 0 else torch.uint8)
            sums.append(bits.sum(dtype=torch.int32))
        # Joined, because each copy from a GPU would wait for it.
        digest.update(torch.cat(taken).cpu().numpy().tobytes())
        digest.update(torch.stack(sums).cpu().numpy().tobytes())
    return digest.hexdigest()


def _processor(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    if device.type == "cpu":
        return f"cpu {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return device.type

"""The tensors of a checkpoint, taken out of what training programs put around them."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from anymask.errors import WeightsError
from anymask.image.names import display_name
from anymask.weights.transformers_layout import from_transformers, is_transformers

_WRAPPERS = ("model", "state_dict")  # entries that hold the whole state dict
_PREFIXES = ("module.", "model.")  # left by wrappers around the network
_IGNORED = ("pixel_mean", "pixel_std")  # in files saved again; the architecture knows them
_DEEPEST = 4
# MobileSAM's file keeps the classifier its encoder was trained with, and counts of batches.
_OF_A_TINYVIT = "image_encoder.patch_embed.seq.0.c.weight"
_UNUSED_IN_TINYVIT = re.compile(
    r"image_encoder\.((norm_head|head)\.(weight|bias)|.*\.num_batches_tracked)"
)
_OF_A_RUN = frozenset({"recipe", "architecture", "model", "average", "optimizer"})


def unwrap(content: object, shown: str) -> dict[str, Tensor]:
    """Give the named tensors of an opened checkpoint.

    Args:
        content: What the file held.
        shown: The file's name for error sentences.

    Returns:
        Tensors by name, without wrapping entries, prefixes and normalisation constants.

    Raises:
        WeightsError: If it holds no tensors by name, or something else among them, or is a
            checkpoint of one of our own runs.
    """
    if isinstance(content, Mapping) and content.keys() >= _OF_A_RUN:
        raise WeightsError(
            f"{shown}: is a checkpoint of a training run, not a model",
            hint="run anymask train export --run FOLDER --out model.safetensors, and give that",
        )
    for _ in range(_DEEPEST):
        wrapped = _wrapped(content)
        if wrapped is None:
            break
        content = wrapped
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(
            f"{shown}: holds no tensors by name", hint="save the network's state_dict()"
        )
    tensors = {}
    for name, value in content.items():
        if not isinstance(name, str):
            raise WeightsError(
                f"{shown}: entry {display_name(str(name))[:80]} has a name that is no text",
                hint="save the network's state_dict() alone",
            )
        if not isinstance(value, Tensor):
            raise WeightsError(
                f"{shown}: entry {display_name(str(name))!r} is no tensor but "
                f"{type(value).__name__}",
                hint="save the network's state_dict() alone",
            )
        tensors[name] = value
    return {k: v for k, v in _without_prefixes(tensors).items() if k not in _IGNORED}


def as_released(
    tensors: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Give tensors under the names of the release, without those that answer no prompt.

    Args:
        tensors: By name, any shape, as `unwrap` gives them.

    Returns:
        The tensors, and a note where their names were others.
    """
    if is_transformers(tensors):
        return from_transformers(tensors), ("read from the layout of transformers",)
    if _OF_A_TINYVIT in tensors:
        return {k: v for k, v in tensors.items() if not _UNUSED_IN_TINYVIT.fullmatch(k)}, ()
    return dict(tensors), ()


def as_float32(
    tensors: Mapping[str, Tensor], shown: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Turn floating point tensors of any precision into float32 and see that all are finite.

    Args:
        tensors: By name, any shape.
        shown: The file's name for error sentences.

    Returns:
        The tensors, and a note where some were converted.

    Raises:
        WeightsError: If a tensor holds NaN or infinite values.
    """
    converted, others = {}, set()
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            others.add(str(tensor.dtype).removeprefix("torch."))
        converted[name] = _float32(name, tensor, shown) if tensor.is_floating_point() else tensor
        if not _is_finite(converted[name]):
            raise WeightsError(
                f"{shown}: tensor {display_name(name)!r} holds NaN or infinite values",
                hint="take an earlier checkpoint of that training",
            )
    note = f"converted from {', '.join(sorted(others))} to float32"
    return converted, (note,) if others else ()


def _float32(name: str, tensor: Tensor, shown: str) -> Tensor:
    try:
        return tensor.float()
    except NotImplementedError as error:
        raise WeightsError(
            f"{shown}: tensor {display_name(name)!r} is in {str(tensor.dtype)[6:]}, "
            "which torch cannot turn into float32",
            hint="save it in float16 or float32",
        ) from error


def _is_finite(tensor: Tensor) -> bool:
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    # Both ends of the range are NaN where any value is, and this makes no copy.
    return all(bool(end.isfinite()) for end in tensor.aminmax())


def _wrapped(content: object) -> Mapping[object, object] | None:
    if not isinstance(content, Mapping):
        return None
    inner = (content.get(key) for key in _WRAPPERS)
    return next((value for value in inner if isinstance(value, Mapping)), None)


def _without_prefixes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for _ in range(_DEEPEST):
        prefix = next((p for p in _PREFIXES if all(name.startswith(p) for name in tensors)), None)
        if prefix is None:
            break
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors

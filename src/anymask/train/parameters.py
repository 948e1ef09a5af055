"""Which parameters learn, how fast, and how strongly they are held back.

Source: Segment Anything (Kirillov et al., 2023), appendix A, "training recipe"; layer-wise decay of
BEiT (Bao et al., 2022) as used by ViTDet (Li et al., 2022).
"""

import re
from collections.abc import Callable
from typing import Literal

from torch import nn

from anymask.errors import ConfigError
from anymask.model.image_encoder import Block, VitImageEncoder
from anymask.model.masked_autoencoder import MaskedAutoencoder
from anymask.model.sam import Sam
from anymask.train.low_rank import is_low_rank

Group = dict[str, object]
Kind = tuple[int, float, float]  # place among the groups, peak rate, weight decay
Frozen = Literal["nothing", "encoder", "encoder_and_prompts"]

_BLOCK = re.compile(r"(?:^|\.)blocks\.(\d+)\.")
_FIRST = re.compile(r"(?:^|\.)(?:patch_embed\.|pos_embed$)")
_POSITIONS = ("pos_embed", "rel_pos_h", "rel_pos_w")


def parameter_groups(
    model: Sam,
    head_rate: float,
    backbone_rate: float,
    *,
    weight_decay: float = 0.05,
    backbone_weight_decay: float = 0.01,
) -> list[Group]:
    """Group parameters for AdamW: a slower backbone, and no weight decay on vectors.

    Args:
        model: The model; frozen parameters are left out.
        head_rate: Peak learning rate of everything but the backbone.
        backbone_rate: Peak learning rate of the backbone; low-rank changes to it are fresh, so
            they learn as fast as the head.
        weight_decay: Weight decay of matrices outside the backbone; vectors there have none.
        backbone_weight_decay: Weight decay of the backbone.

    Raises:
        ConfigError: If every parameter is frozen.
    """

    def kind(name: str, parameter: nn.Parameter) -> Kind:
        if name.startswith("image_encoder.backbone") and not is_low_rank(name):
            return 0, backbone_rate, backbone_weight_decay
        return (1, head_rate, weight_decay) if parameter.dim() > 1 else (2, head_rate, 0)

    return _grouped(model, kind)


def layerwise_groups(
    model: Sam | MaskedAutoencoder, rate: float, *, layer_decay: float, weight_decay: float = 0.1
) -> list[Group]:
    """Group parameters for AdamW: the deeper in a ViT, the faster.

    Block i of d learns at rate · layer_decay^(d - i), patches and positions at
    rate · layer_decay^(d + 1), all else (neck, prompts, decoder, low-rank changes) at the full
    rate. Vectors, biases, norms and position tables have no weight decay.

    Args:
        model: A model with a ViT; frozen parameters are left out.
        rate: Peak learning rate of everything after the last block.
        layer_decay: Factor from each block to the one before it, in (0, 1]; 1 for none.
        weight_decay: Weight decay of matrices.

    Raises:
        ConfigError: If the factor is out of range, the encoder is no ViT, or every parameter is
            frozen.

    Source:
        Kirillov et al. (2023), appendix A: decay 0.8 for ViT-H and ViT-L, 0.6 for ViT-B.
    """
    if not 0 < layer_decay <= 1:
        raise ConfigError(
            f"layer_decay must be above 0 and at most 1, got {layer_decay}", hint="use 0.8"
        )
    depth = len(_vit(model).blocks)

    def kind(name: str, parameter: nn.Parameter) -> Kind:
        has_decay = parameter.dim() > 1 and not name.endswith(_POSITIONS)
        layer = layer_of(name, depth)
        decay = weight_decay if has_decay else 0
        return 2 * layer + (not has_decay), rate * layer_decay ** (depth + 1 - layer), decay

    return _grouped(model, kind)


def layer_of(name: str, depth: int) -> int:
    """Give the layer a parameter belongs to: 0 patches, 1 to depth the blocks, then all else.

    Args:
        name: Name of the parameter inside the whole model.
        depth: Blocks of the encoder.
    """
    after = depth + 1
    if is_low_rank(name) or name.startswith(("mask_decoder.", "prompt_encoder.", "decoder_")):
        return after
    if _FIRST.search(name):
        return 0
    block = _BLOCK.search(name)
    return after if block is None else 1 + int(block[1])


def freeze(model: Sam, part: Frozen) -> None:
    """Say what does not learn, in place; everything else does.

    Low-rank changes come after this: they freeze what they are added to by themselves. The
    statistics of the default backbone are fixed anyway and never move.

    Args:
        model: The model.
        part: "nothing"; "encoder" for the image encoder; "encoder_and_prompts" for the prompt
            encoder and its drawn maps too, so that the mask decoder alone learns.

    Raises:
        ConfigError: If there is no such part.
    """
    frozen: tuple[str, ...]
    match part:
        case "nothing":
            frozen = ()
        case "encoder":
            frozen = ("image_encoder.",)
        case "encoder_and_prompts":
            frozen = ("image_encoder.", "prompt_encoder.", "click_maps.")
        case _:
            raise ConfigError(
                f"part to freeze must be a known name, got {part!r}",
                hint="use nothing, encoder or encoder_and_prompts",
            )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(frozen))


def num_learning(model: nn.Module) -> int:
    """Give how many numbers of a model learn.

    Raises:
        ConfigError: If none does.
    """
    found = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if found == 0:
        raise ConfigError(
            "no parameter of the model learns: all are frozen",
            hint="freeze less, or add low-rank changes to the encoder",
        )
    return found


def set_drop_path(model: Sam, rate: float) -> None:
    """Let training leave out blocks of the ViT at random: never the first, `rate` the last.

    The chance rises linearly over the depth. Draws come from torch's global generator of the
    device; answers outside training do not change.

    Args:
        model: The model, changed in place.
        rate: Chance that the last block is left out for a picture, in [0, 1); 0 for never.

    Raises:
        ConfigError: If the rate is out of range, or above 0 for an encoder that is no ViT.

    Source:
        Kirillov et al. (2023), appendix A: 0.4 for ViT-H and ViT-L, 0.6 for ViT-B; the rise is
        that of Huang et al. (2016), equation 4.
    """
    if not 0 <= rate < 1:
        raise ConfigError(f"drop_path must be in [0, 1), got {rate}", hint="use 0 for none")
    if rate == 0 and model.config.vit is None:
        return
    blocks = [block for block in _vit(model).blocks if isinstance(block, Block)]
    for index, block in enumerate(blocks):
        block.drop_rate = rate * index / max(1, len(blocks) - 1)


def set_recompute(model: Sam | MaskedAutoencoder, *, is_on: bool) -> None:
    """Let training of a ViT keep less in memory and compute it again; the numbers stay the same.

    Args:
        model: The model, changed in place.
        is_on: Whether the inside of each block is computed again for its gradient.

    Raises:
        ConfigError: If it is to be on for an encoder that is no ViT.
    """
    if is_on or isinstance(model, MaskedAutoencoder) or model.config.vit is not None:
        _vit(model).recompute = is_on


def ema_decay(step: int, longest: float) -> float:
    """Give the decay of the running average of weights: short at first, `longest` later on."""
    return min(longest, (1 + step) / (10 + step))


def _vit(model: Sam | MaskedAutoencoder) -> VitImageEncoder | MaskedAutoencoder:
    encoder = model.image_encoder if isinstance(model, Sam) else model
    if not isinstance(encoder, VitImageEncoder | MaskedAutoencoder):
        raise ConfigError(
            "layer decay, drop path and recomputing are for a ViT, and the image encoder is "
            f"{type(encoder).__name__}",
            hint="leave them out, or train vit_b, vit_l or vit_h",
        )
    return encoder


def _grouped(model: nn.Module, kind: Callable[[str, nn.Parameter], Kind]) -> list[Group]:
    num_learning(model)
    found: dict[Kind, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            found.setdefault(kind(name, parameter), []).append(parameter)
    return [
        {"params": params, "lr": rate, "peak": rate, "weight_decay": decay}
        for (_, rate, decay), params in sorted(found.items(), key=lambda item: item[0])
    ]

"""An image encoder whose large matrix products run in a shorter number type."""

import torch
from torch import nn

from anymask.model.image_encoder import Block


def linears_in(encoder: nn.Module, dtype: torch.dtype) -> int:
    """Turn the four linear layers of every ViT block, in place, into a shorter number type.

    A block casts the tokens that enter its attention and its MLP to the type of these layers, and
    what lies between them runs in that type; norms, residuals, position tables and neck stay in
    float32. The weights are rounded for good: for inference only, no training goes on from them.

    Args:
        encoder: Any image encoder.
        dtype: Type of the layers, such as torch.bfloat16.

    Returns:
        How many layers were turned; 0, and nothing changed, for an encoder without ViT blocks.
    """
    blocks = [module for module in encoder.modules() if isinstance(module, Block)]
    linears = [
        linear
        for block in blocks
        for linear in (block.attn.qkv, block.attn.proj, block.mlp.lin1, block.mlp.lin2)
    ]
    for linear in linears:
        linear.requires_grad_(requires_grad=False).to(dtype)
    return len(linears)

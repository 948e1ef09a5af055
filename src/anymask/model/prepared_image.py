"""What all prompts of a picture share, made once a picture.

Shape letters: B pictures, S = h w image cells, C channels, h w embedding grid.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from anymask.model.cross_attention import Places, Projections


class PreparedImage(NamedTuple):
    """Everything the decoder works out from a picture alone.

    Attributes:
        places: Projected position codes of the cells, one for each layer and one for the last
            look; the same tensors for all pictures of a model.
        cells: Image cells with "no mask" added, (B, 1, S, C); None in an architecture that draws
            its prompts, where every prompt has its own cells.
        projected: The first layer's projections of `cells`, or None with them.
        skips: High-resolution features as nested cells, (B, S, 4, C/4) and (B, S, 4, 4, C/8); or
            empty.
        compared: Features of length one that clicks are compared with, (B, 64, h, w) and
            (B, 32, 2h, 2w), in an architecture that draws its prompts; or empty.
    """

    places: tuple[Places, ...]
    cells: Tensor | None = None
    projected: Projections | None = None
    skips: tuple[Tensor, ...] = ()
    compared: tuple[Tensor, ...] = ()

    def to(self, device: torch.device | str) -> "PreparedImage":
        """Give the same on another device."""
        moved: PreparedImage = _mapped(self, lambda tensor: tensor.to(device))
        return moved


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:  # noqa: ANN401 - a tree
    """Apply `change` to every tensor of nested tuples."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        parts = [_mapped(part, change) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value

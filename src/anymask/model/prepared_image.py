"""What all prompts of a picture share, made once a picture.

Shape letters: B pictures, S = h w image cells, C channels, h w embedding grid.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from anymask.model.cross_attention import Places, Projections


class PlaceTables(NamedTuple):
    """The position codes of an embedding grid as the decoder's layers project them.

    Attributes:
        layers: One for each layer, and one for the last look.
        state: `state_of` the weights they were made with.
    """

    layers: tuple[Places, ...]
    state: int


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
        made_from: The features it was made from.
        state: `state_of` the features and weights it was made from.
    """

    places: tuple[Places, ...]
    cells: Tensor | None = None
    projected: Projections | None = None
    skips: tuple[Tensor, ...] = ()
    compared: tuple[Tensor, ...] = ()
    made_from: tuple[Tensor, ...] = ()
    state: int = 0

    def to(self, device: torch.device | str) -> "PreparedImage":
        """Give the same on another device."""
        moved: PreparedImage = _mapped(self, lambda tensor: tensor.to(device))
        return moved


def state_of(weights: Iterable[Tensor], features: Iterable[Tensor] = ()) -> int:
    """Give a number that is another one once a weight or a feature was changed in place.

    Args:
        weights: Of any shape; one that took the place of another counts as changed.
        features: Of any shape.
    """
    versions = [_version(x) for x in features]
    return hash((*versions, *((id(x), _version(x)) for x in weights)))


def _version(tensor: Tensor) -> int:
    """Count the changes in place; torch keeps no count of tensors made in inference mode."""
    return 0 if tensor.is_inference() else tensor._version


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:  # noqa: ANN401 - a tree
    """Apply `change` to every tensor of nested tuples."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        parts = [_mapped(part, change) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value

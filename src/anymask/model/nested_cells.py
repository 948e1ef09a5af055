"""Nested cells: finer maps laid out cell by cell of the embedding.

(..., h w, 4, 4, C) holds, for each embedding cell, its 2 × 2 stride-8 cells and for each of these
its 2 × 2 stride-4 cells. A transposed convolution with kernel and stride 2 is then one matrix
product, and pixels move only once, when the masks are done.

Shape letters: B pictures, P prompts, M masks a prompt, C channels, h w embedding grid.
"""

from torch import Tensor, nn


def as_product(layer: nn.ConvTranspose2d) -> tuple[Tensor, Tensor]:
    """Give a 2 × 2 transposed convolution of stride 2 as a matrix product.

    Args:
        layer: The convolution, with weight (C, C', 2, 2) and a bias (C').

    Returns:
        Matrix (4 C', C) and bias (4 C') of a linear layer that gives the four new cells of each
        cell, rows first, (..., 4 C').

    Raises:
        ValueError: If the layer has no bias.
    """
    if layer.bias is None:
        raise ValueError("the upscaling layer has no bias")
    matrix = layer.weight.permute(2, 3, 1, 0).reshape(-1, layer.in_channels)
    return matrix, layer.bias.repeat(4)


def nest(maps: Tensor, levels: int) -> Tensor:
    """Turn maps into nested cells.

    Args:
        maps: (B, C, 2^levels h, 2^levels w).
        levels: 1 for stride 8, 2 for stride 4.

    Returns:
        (B, h w, 4, C) or (B, h w, 4, 4, C).
    """
    B, C, H, W = maps.shape
    h, w = H >> levels, W >> levels
    if levels == 1:
        cells = maps.view(B, C, h, 2, w, 2).permute(0, 2, 4, 3, 5, 1)  # (B, h, w, 2, 2, C)
        return cells.reshape(B, h * w, 4, C)
    cells = maps.view(B, C, h, 2, 2, w, 2, 2).permute(0, 2, 5, 3, 6, 4, 7, 1)
    return cells.reshape(B, h * w, 4, 4, C)


def unnest(cells: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Undo `nest` at stride 4: (B, P, h w, 4, 4, M) → (B, P, M, 4h, 4w)."""
    B, P, _, _, _, M = cells.shape
    h, w = size_hw
    maps = cells.view(B, P, h, w, 2, 2, 2, 2, M)  # cell, stride-8 cell, stride-4 cell
    return maps.permute(0, 1, 8, 2, 4, 6, 3, 5, 7).reshape(B, P, M, 4 * h, 4 * w)

"""Attention between a few tokens and thousands of image cells, without projecting the cells.

The plain formula projects every image cell to keys, values and queries: for 64 × 64 cells that is
most of the decoder's work, once a prompt and layer. Products may be grouped otherwise:

- A score is q · (W x) = (Wᵀ q) · x, so the keys' projection moves to the few tokens' side.
- A mix of values is Σ p (W x) = W (Σ p x), so the values' projection comes after the mix. The
  weights p of a query sum to one: the values' bias is added once.
- What the image reads is Σ p (Wₒ v), so the output projection moves to the tokens' side too.
- The position code of a cell never changes: its projection is made once a model (`Places`).

Nothing is left out; only rounding differs. While the prompts of a picture still share its cells,
before the first layer, these are projected once for all prompts (`Projections`); and where tokens
are many, moving the projections to their side would cost more than it saves.

Shape letters: B pictures, P prompts, T tokens, S image cells, C channels, n heads, d channels a
head.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.model.layers import Attention

# Added to attention weights: below 1e-38 a product takes a hundred times as long on a processor,
# and where attention is sharp most weights are.
TINY = 1e-30


class Places(NamedTuple):
    """What a layer makes of the cells' position code; the same for every picture.

    Attributes:
        keys: Projected by the tokens' look at the image, with its bias, (S, n d).
        queries: Projected by the image's look at the tokens, with its bias, (S, n d); empty for
            the last look, where the image does not look back.
    """

    keys: Tensor
    queries: Tensor


class Projections(NamedTuple):
    """Image cells projected by one layer, position code included.

    Attributes:
        keys: (B, P or 1, S, n d).
        values: (B, P or 1, S, n d).
        queries: (B, P or 1, S, n d).
    """

    keys: Tensor
    values: Tensor
    queries: Tensor


def place_cells(image_pe: Tensor, look: Attention, look_back: Attention | None) -> Places:
    """Project the position code (S, C) of the image cells for one layer."""
    keys = look.k_proj(image_pe)
    return Places(keys, keys[:, :0] if look_back is None else look_back.q_proj(image_pe))


def project_cells(
    image: Tensor, places: Places, look: Attention, look_back: Attention
) -> Projections:
    """Project image cells (B, P or 1, S, C) for both looks of one layer."""
    return Projections(*_keys_and_values(look, image, places), _queries(look_back, image, places))


def read_image(
    layer: Attention,
    tokens: Tensor,
    image: Tensor,
    places: Places,
    bias: Tensor | None,
    projected: Projections | None = None,
) -> Tensor:
    """Let tokens attend to image cells.

    Args:
        layer: The attention's projections.
        tokens: With their position code, (B, P, T, C).
        image: Cells without theirs, (B, P or 1, S, C).
        places: The position codes of the cells.
        bias: Added to every token's scores, (B, P, S), or None.
        projected: The cells, where they are shared and were projected.

    Returns:
        What the tokens read, (B, P, T, C).
    """
    (B, P, T, _), n = tokens.shape, layer.num_heads
    if projected is not None or not _is_few(layer, T):
        keys, values = projected[:2] if projected else _keys_and_values(layer, image, places)
        return layer.out_proj(layer.attend(layer.q_proj(tokens), keys, values, bias))
    cells = image.expand(-1, P, -1, -1).flatten(0, 1)  # (BP, S, C)
    scores = _scores(_heads(layer.q_proj(tokens), n), layer.k_proj, cells, places.keys)
    if bias is not None:
        scores = scores + bias.flatten(0, 1)[:, None]
    mixes = torch.bmm(scores.softmax(-1) + TINY, cells).unflatten(1, (T, n))  # (BP, T, n, C)
    seen = torch.einsum("bthc,hdc->bthd", mixes, _by_head(layer.v_proj, n)).flatten(2)
    return layer.out_proj((seen + layer.v_proj.bias).unflatten(0, (B, P)))


def read_tokens(
    layer: Attention,
    image: Tensor,
    tokens: tuple[Tensor, Tensor],
    places: Places,
    projected: Projections | None = None,
) -> Tensor:
    """Let image cells attend to tokens and add what they read to them.

    Args:
        layer: The attention's projections.
        image: Cells, (B, P or 1, S, C).
        tokens: With their position code (the keys) and without (the values), (B, P, T, C) each.
        places: The position codes of the cells.
        projected: The cells, where they are shared and were projected.

    Returns:
        The cells after the residual, (B, P, S, C).
    """
    k, v = layer.k_proj(tokens[0]), layer.v_proj(tokens[1])
    (B, P, T, _), n = k.shape, layer.num_heads
    if not _is_few(layer, T):
        queries = projected.queries if projected else _queries(layer, image, places)
        return image + layer.out_proj(layer.attend(queries, k, v))
    k, v = _heads(k, n), v.flatten(0, 1).unflatten(-1, (n, -1))  # (BP, T, n, d)
    cells = image.expand(-1, P, -1, -1).flatten(0, 1)  # (BP, S, C)
    if projected is None:
        scores = _scores(k, layer.q_proj, cells, places.queries)
    else:
        scores = _scores_of_shared(k.unflatten(0, (B, P)), projected.queries)
    # A softmax over a long inner dimension is vectorised; over seven neighbours it is not.
    weights = scores.unflatten(1, (T, n)).softmax(1).flatten(1, 2) + TINY  # (BP, T n, S)
    by_head = layer.out_proj.weight.unflatten(1, (n, -1))  # (C, n, d)
    # A cell's weights sum to one a head, so each head brings its share of the bias.
    rows = torch.einsum("bthd,chd->bthc", v, by_head) + layer.out_proj.bias / n
    read = torch.baddbmm(cells, weights.transpose(1, 2), rows.flatten(1, 2))
    return read.unflatten(0, (B, P))


def _is_few(layer: Attention, num_tokens: int) -> bool:
    """Say whether a row a token and head is no more work than a row a channel."""
    return num_tokens * layer.num_heads <= layer.q_proj.out_features


def _keys_and_values(layer: Attention, image: Tensor, places: Places) -> tuple[Tensor, Tensor]:
    return F.linear(image, layer.k_proj.weight) + places.keys, layer.v_proj(image)


def _queries(layer: Attention, image: Tensor, places: Places) -> Tensor:
    return F.linear(image, layer.q_proj.weight) + places.queries


def _scores(tokens: Tensor, projection: nn.Linear, cells: Tensor, places: Tensor) -> Tensor:
    """Give the scores (BP, T n, S) of tokens (BP, T, n, d) and cells (BP, S, C)."""
    n = tokens.shape[2]
    at = torch.einsum("bthd,shd->bths", tokens, places.unflatten(-1, (n, -1))).flatten(1, 2)
    rows = torch.einsum("bthd,hdc->bthc", tokens, _by_head(projection, n)).flatten(1, 2)
    return torch.baddbmm(at, rows, cells.transpose(1, 2))


def _scores_of_shared(tokens: Tensor, queries: Tensor) -> Tensor:
    """Give the scores (BP, T n, S) of tokens (B, P, T, n, d) and projected cells (B, 1, S, n d)."""
    by_head = queries[:, 0].unflatten(-1, (tokens.shape[3], -1))  # (B, S, n, d)
    return torch.einsum("bpthd,bshd->bpths", tokens, by_head).flatten(0, 1).flatten(1, 2)


def _heads(x: Tensor, n: int) -> Tensor:
    """Cut projected tokens (B, P, T, n d) into heads (BP, T, n, d), scaled for a softmax."""
    x = x.flatten(0, 1).unflatten(-1, (n, -1))
    return x * x.shape[-1] ** -0.5


def _by_head(projection: nn.Linear, n: int) -> Tensor:
    """Give the rows of a projection by head, (n, d, C)."""
    return projection.weight.unflatten(0, (n, -1))

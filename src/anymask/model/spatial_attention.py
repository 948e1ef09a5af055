"""Self-attention over a grid of tokens, with decomposed relative positions and local windows.

The plain formula makes tensors of gigabytes at 64 × 64 tokens. Here windows and scores are made for
a few at a time, in tensors that a processor's cache holds and that are used again; values and
gradients are the plain formula's.

Shape letters: B pictures (or windows), h w token grid, S = h w tokens, C channels, n heads,
d channels a head.
Source: ViTDet (Li et al., 2022), windows; MViTv2 (Li et al., 2022), decomposed relative positions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Numbers in one intermediate tensor: 8 MB in float32 for a processor, where larger ones are
# fetched from the system anew each time; on a GPU few and large kernels are fast. A graph that is
# compiled or exported plans its own memory, and is built faster the fewer its pieces.
NUMBERS_ON_CPU = 1 << 21
NUMBERS_IN_GRAPH = 1 << 24
NUMBERS_ON_GPU = 1 << 28


def numbers_at_once(device: torch.device) -> int:
    """Say how many numbers one intermediate tensor may hold on a device."""
    if device.type != "cpu":
        return NUMBERS_ON_GPU
    return NUMBERS_IN_GRAPH if torch.compiler.is_compiling() else NUMBERS_ON_CPU


class SpatialAttention(nn.Module):
    """Self-attention over a token grid with decomposed relative positions.

    Args:
        width: Channels of a token.
        num_heads: Heads.
        side: Side of the square area the relative position tables are made for, tokens; None for
            none, when only the tokens themselves say where they are.
    """

    rel_pos_h: nn.Parameter | None
    rel_pos_w: nn.Parameter | None

    def __init__(self, width: int, num_heads: int, side: int | None) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = self.rel_pos_w = None
        if side is not None:
            self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, width // num_heads))
            self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, width // num_heads))

    def forward(self, x: Tensor, window: int | None) -> Tensor:
        """Attend inside windows of the given side, or over the whole grid (None).

        Args:
            x: Tokens, (B, h, w, C).
            window: Side of a window, tokens.

        Returns:
            (B, h, w, C), in the type of the linear layers.
        """
        x = x.to(self.qkv.bias.dtype)
        if window is None:
            return self.proj(self._attend(self.qkv(x), (x.shape[1], x.shape[2])))
        B, _, w, _ = x.shape
        weight, bias = self.qkv.weight, self.qkv.bias
        strip_numbers = B * window * w * len(bias)
        strips = x.split(window * max(1, numbers_at_once(x.device) // strip_numbers), 1)
        out = []
        for strip in strips:
            h = strip.shape[1]
            # Padding tokens are zero, so their query, key and value are exactly the bias.
            padding = (0, 0, 0, -w % window, 0, -h % window)
            # As one matrix: of a strip, torch would not see that it is one.
            qkv = F.linear(strip.flatten(0, 2), weight).unflatten(0, strip.shape[:3])
            qkv = F.pad(qkv, padding) + bias  # (B, h', w', 3C)
            out.append(self._attend(qkv, (window, window))[:, :h, :w])
        return self.proj(torch.cat(out, 1))

    def _attend(self, qkv: Tensor, size_hw: tuple[int, int]) -> Tensor:
        q, k, v = cut_windows(qkv, size_hw, self.num_heads)  # each (B windows, n, S, d)
        if self.rel_pos_h is None or self.rel_pos_w is None:
            out = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        else:
            grid = q.unflatten(2, size_hw)  # (B windows, n, h, w, d)
            down, right = (
                relative_rows(table, side).to(q.dtype)
                for table, side in zip((self.rel_pos_h, self.rel_pos_w), size_hw, strict=True)
            )
            bias_h = torch.einsum("bnhwd,hkd->bnhwk", grid, down)
            bias_w = torch.einsum("bnhwd,wkd->bnhwk", grid, right)
            out = biased_attention(q, k, v, bias_h.flatten(2, 3), bias_w.flatten(2, 3))
        return join_windows(out.flatten(2).unflatten(1, size_hw), (qkv.shape[1], qkv.shape[2]))


def biased_attention(q: Tensor, k: Tensor, v: Tensor, bias_h: Tensor, bias_w: Tensor) -> Tensor:
    """Attend with a bias that is a sum of one term a key row and one a key column.

    The scores of all heads and queries at once would fill gigabytes at 64 × 64 tokens, so they
    are made for a few heads and queries at a time.

    Args:
        q: Queries, (B, n, S, d), S = h w.
        k: Keys, (B, n, S, d).
        v: Values, (B, n, S, d).
        bias_h: Term of each query for each key row, (B, n, S, h).
        bias_w: Term of each query for each key column, (B, n, S, w).

    Returns:
        (B, S, n, d), the order in which tokens are joined again.
    """
    B, n, S, _ = q.shape
    at_once = numbers_at_once(q.device)
    heads = max(1, at_once // (B * S * S))
    rows = min(S, max(1, at_once // (B * S)))
    out = []
    for head in range(0, n, heads):
        some = slice(head, head + heads)
        chunks = []
        for row in range(0, S, rows):
            part = (slice(None), some, slice(row, row + rows))
            bias = (bias_h[part][..., :, None] + bias_w[part][..., None, :]).flatten(-2)
            chunk = F.scaled_dot_product_attention(q[part], k[:, some], v[:, some], bias)
            chunks.append(chunk.transpose(1, 2))
        out.append(torch.cat(chunks, 1))
    return torch.cat(out, 2)


def relative_rows(table: Tensor, side: int) -> Tensor:
    """Look up the relative position of every query and key on one axis.

    Args:
        table: Learned positions, (2 side' - 1, d); resized when side' differs from `side`.
        side: Tokens on this axis.

    Returns:
        (side, side, d), query first.
    """
    if table.shape[0] != 2 * side - 1:
        table = F.interpolate(table.T[None], size=2 * side - 1, mode="linear")[0].T
    position = torch.arange(side, device=table.device)
    return table[position[:, None] - position[None, :] + side - 1]


def cut_windows(qkv: Tensor, size_hw: tuple[int, int], num_heads: int) -> Tensor:
    """Cut a grid of queries, keys and values into windows and heads, in one copy.

    Attention reads each head's tokens one after the other: an eighth less time than with steps.

    Args:
        qkv: Side by side, (B, h, w, 3C).
        size_hw: Sides of a window, divisors of h and w; h and w themselves for one window.
        num_heads: Heads.

    Returns:
        (3, B windows, n, S, d), windows row by row and S tokens in each.
    """
    B, h, w, _ = qkv.shape
    height, width = size_hw
    parts = qkv.view(B, h // height, height, w // width, width, 3, num_heads, -1)
    parts = parts.permute(5, 0, 1, 3, 6, 2, 4, 7)  # (3, B, rows, columns, n, height, width, d)
    return parts.reshape(3, -1, num_heads, height * width, parts.shape[-1])


def join_windows(windows: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Put windows (B windows, height, width, C), row by row, together to (B, h, w, C)."""
    height, width = windows.shape[1:3]
    h, w = size_hw
    grid = windows.unflatten(0, (-1, h // height, w // width))
    return grid.transpose(2, 3).reshape(-1, h, w, windows.shape[-1])

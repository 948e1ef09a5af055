"""TinyViT: the small image encoder of MobileSAM, convolutions first and attention in windows after.

    picture ─► stem ─► stage 1 ─► merge ─► stage 2 ─► merge ─► stage 3 ─► merge ─► stage 4 ─► neck
    stride      4    convolutions   8     attention    16    attention    16    attention    16

Every stage but the first attends inside windows of a fixed side, and nothing is tied to the size of
the picture: there is no table of absolute positions. Batch normalisation keeps its statistics and
is folded into the convolution before it, so it costs no pass over the picture while its scale and
shift still learn.

Shape letters: B pictures, H W a stage's map, C channels, n heads, d channels a head, s window side,
S = s s tokens of a window.
Source: TinyViT (Wu et al., 2022), section 3.3 and figure 3; MobileSAM (Zhang et al., 2023), which
leaves out the last merging's stride and puts SAM's neck behind.
"""

from collections.abc import Iterable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.model.configs import TinyVitConfig
from anymask.model.image_encoder import ImageFeatures
from anymask.model.layers import ChannelNorm
from anymask.model.spatial_attention import join_windows, numbers_at_once

NORM_EPS = 1e-5
EXPAND = 4  # hidden channels of a convolution block and of an MLP, times its width
MERGE_STRIDES = (2, 2, 1)


class TinyVitImageEncoder(nn.Module):
    """Picture → stem → four stages → neck.

    Args:
        config: Shapes of the stages.
        embedding_dim: Channels of the image embedding.
    """

    def __init__(self, config: TinyVitConfig, embedding_dim: int) -> None:
        super().__init__()
        widths, depths = config.widths, config.depths
        self.patch_embed = Stem(widths[0])
        stages = [Stage(ConvBlock(widths[0]) for _ in range(depths[0]))]
        wider = zip(pairwise(widths), MERGE_STRIDES, strict=True)
        for number, ((before, after), stride) in enumerate(wider):
            stages[-1].downsample = Bottleneck(before, after, after, stride)
            heads, window = config.num_heads[number], config.windows[number]
            blocks = (AttentionBlock(after, heads, window) for _ in range(depths[1 + number]))
            stages.append(Stage(blocks))
        self.layers = nn.ModuleList(stages)
        self.neck = nn.Sequential(
            nn.Conv2d(widths[-1], embedding_dim, 1, bias=False),
            ChannelNorm(embedding_dim),
            nn.Conv2d(embedding_dim, embedding_dim, 3, padding=1, bias=False),
            ChannelNorm(embedding_dim),
        )

    def forward(self, pixels: Tensor) -> ImageFeatures:
        """Encode normalised pictures (B, 3, H, W), sides multiples of 16."""
        x = self.patch_embed(pixels.contiguous(memory_format=torch.channels_last))
        for stage in self.layers:
            x = stage(x)
        return ImageFeatures(self.neck(x))  # (B, 256, H / 16, W / 16)


class Stem(nn.Module):
    """Two convolutions that halve the picture: tokens of 4 × 4 pixels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (
            ConvNorm(3, width // 2, 3, stride=2),
            ConvNorm(width // 2, width, 3, stride=2),
        )
        self.seq = nn.Sequential(first, nn.GELU(), second)

    def forward(self, pixels: Tensor) -> Tensor:
        """Give the map (B, C, H / 4, W / 4) of pictures (B, 3, H, W)."""
        return self.seq(pixels)


class Stage(nn.Module):
    """Blocks on maps of one size, and the step to the next size."""

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Give the map for the next stage for x of shape (B, C, H, W)."""
        for block in self.blocks:
            x = block(x)
        return self.downsample(x)


class Bottleneck(nn.Module):
    """Change the width, filter each channel, change the width again.

    Args:
        before: Channels of the input.
        hidden: Channels between.
        after: Channels of the output.
        stride: Of the filter.
    """

    def __init__(self, before: int, hidden: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = ConvNorm(before, hidden, 1)
        self.conv2 = ConvNorm(hidden, hidden, 3, stride=stride, groups=hidden)
        self.conv3 = ConvNorm(hidden, after, 1)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Give the map (B, C', H / stride, W / stride) of x (B, C, H, W).

        The map between is large: it is made for some rows at a time, and one more on each side.
        """
        B, _, H, W = x.shape
        row_numbers = B * W * self.stride * self.conv2.c.out_channels
        rows, num_rows = max(1, numbers_at_once(x.device) // row_numbers), -(-H // self.stride)
        out = []
        for start in range(0, num_rows, rows):
            stop, first = min(start + rows, num_rows), max(0, start - 1)
            strip = x[:, :, first * self.stride : (stop - 1) * self.stride + 2]
            hidden = self.conv2(F.gelu(self.conv1(strip)))[:, :, start - first : stop - first]
            out.append(self.conv3(F.gelu(hidden)))
        return torch.cat(out, 2) if len(out) > 1 else out[0]


class ConvBlock(Bottleneck):
    """Widen, filter, narrow, add the input."""

    def __init__(self, width: int) -> None:
        super().__init__(width, EXPAND * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Give the block's output for x of shape (B, C, H, W)."""
        return F.gelu(x + super().forward(x))


class AttentionBlock(nn.Module):
    """Attention in windows, a convolution across their borders, and an MLP."""

    def __init__(self, width: int, num_heads: int, window: int) -> None:
        super().__init__()
        self.attn = WindowAttention(width, num_heads, window)
        self.local_conv = ConvNorm(width, width, 3, groups=width)
        self.mlp = TokenMlp(width, EXPAND * width)

    def forward(self, x: Tensor) -> Tensor:
        """Give the block's output for x of shape (B, C, H, W)."""
        x = x.permute(0, 2, 3, 1)  # (B, H, W, C)
        x = x + self.attn(x)
        x = self.local_conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        x = x + self.mlp(x)
        return x.permute(0, 3, 1, 2)  # (B, C, H, W)


class WindowAttention(nn.Module):
    """Self-attention inside windows; how far tokens lie apart adds to their scores.

    Args:
        width: Channels of a token.
        num_heads: Heads.
        window: Side of a window, tokens.
    """

    def __init__(self, width: int, num_heads: int, window: int) -> None:
        super().__init__()
        self.num_heads, self.window = num_heads, window
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(num_heads, window * window))

    def forward(self, x: Tensor) -> Tensor:
        """Attend for tokens (B, H, W, C); gives the same shape."""
        B, _, W, C = x.shape
        bias = self._bias()
        strip_numbers = B * self.window * W * 3 * C
        strips = x.split(self.window * max(1, numbers_at_once(x.device) // strip_numbers), 1)
        return torch.cat([self._attend(strip, bias) for strip in strips], 1)

    def _attend(self, x: Tensor, bias: Tensor) -> Tensor:
        (B, h, w, C), s = x.shape, self.window
        x = F.pad(x, (0, 0, 0, -w % s, 0, -h % s))  # padding takes part, as it was trained
        size_hw = (x.shape[1], x.shape[2])
        # Every head has its query, key and value side by side.
        parts = self.qkv(self.norm(x))
        parts = parts.view(B, size_hw[0] // s, s, size_hw[1] // s, s, self.num_heads, 3, -1)
        parts = parts.permute(6, 0, 1, 3, 5, 2, 4, 7)  # (3, B, rows, columns, n, s, s, d)
        q, k, v = parts.reshape(3, -1, self.num_heads, s * s, parts.shape[-1])
        out = F.scaled_dot_product_attention(q, k, v, bias[None]).transpose(1, 2)
        return self.proj(join_windows(out.reshape(-1, s, s, C), size_hw)[:, :h, :w])

    def _bias(self) -> Tensor:
        """Give what is added to the score of every query and key of a window, (n, S, S)."""
        along = torch.arange(self.window, device=self.attention_biases.device)
        apart = (along[:, None] - along).abs()  # (s, s)
        index = apart[:, None, :, None] * self.window + apart[None, :, None, :]  # (s, s, s, s)
        return self.attention_biases[:, index.flatten(2).flatten(0, 1)]


class TokenMlp(nn.Module):
    """A norm and two linear layers with GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Give the output for tokens (..., C); the hidden layer is made for some at a time."""
        tokens = x.flatten(0, -2)
        at_once = max(1, numbers_at_once(x.device) // self.fc1.out_features)
        out = [self.fc2(F.gelu(self.fc1(self.norm(some)))) for some in tokens.split(at_once)]
        return torch.cat(out).view(x.shape)


class ConvNorm(nn.Module):
    """Convolution and batch normalisation with fixed statistics."""

    def __init__(
        self, before: int, after: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.c = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = FixedNorm(after)

    def forward(self, x: Tensor) -> Tensor:
        """Give the layer's output for x of shape (B, C, H, W)."""
        factor, bias = self.bn()
        conv = self.c
        weight = conv.weight * factor[:, None, None, None]
        if weight.shape[-1] == 1:
            return F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
        return F.conv2d(x, weight, bias, conv.stride, conv.padding, groups=conv.groups)


class FixedNorm(nn.Module):
    """Batch normalisation with fixed statistics, as a factor and a summand a channel."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self) -> tuple[Tensor, Tensor]:
        """Give the factor (C,) and the summand (C,)."""
        factor = self.weight * torch.rsqrt(self.running_var + NORM_EPS)
        return factor, self.bias - self.running_mean * factor

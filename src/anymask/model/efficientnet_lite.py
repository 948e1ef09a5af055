"""EfficientNet-Lite: the backbone of the default model.

Batch normalisation keeps its ImageNet statistics and is folded into the convolution before it, so
it costs no pass over the picture while its scale and shift still learn.
Source: EfficientNet (Tan and Le, 2019) without squeeze-and-excitation and with ReLU6.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.errors import ConfigError

NORM_EPS = 1e-3
STEM_CHANNELS = 32


class Stage(NamedTuple):
    """One row of table 1 of the EfficientNet paper."""

    kernel: int
    stride: int
    expand: int
    channels: int
    repeats: int


STAGES = (
    Stage(3, 1, 1, 16, 1),
    Stage(3, 2, 6, 24, 2),
    Stage(5, 2, 6, 40, 2),
    Stage(3, 2, 6, 80, 3),
    Stage(5, 1, 6, 112, 3),
    Stage(5, 2, 6, 192, 4),
    Stage(3, 1, 6, 320, 1),
)
TAPPED_STAGES = (1, 2, 4, 6)  # the last stages at strides 4, 8, 16 and 32
FIXED_DEPTH_STAGES = (0, len(STAGES) - 1)


class EfficientNetLite(nn.Module):
    """Features at strides 4, 8, 16 and 32.

    Args:
        variant: "lite0", "lite1" or "lite2".

    Raises:
        ConfigError: If the variant is unknown.
    """

    def __init__(self, variant: str) -> None:
        super().__init__()
        width, depth = scaling(variant)
        self.stem = FoldedConv(3, STEM_CHANNELS, 3, stride=2)
        blocks, tapped, channels = [], [], []
        before = STEM_CHANNELS
        for i, stage in enumerate(STAGES):
            after = scaled_channels(stage.channels, width)
            fixed = i in FIXED_DEPTH_STAGES
            for repeat in range(stage.repeats if fixed else math.ceil(stage.repeats * depth)):
                blocks.append(InvertedResidual(before, after, stage, is_first=repeat == 0))
                before = after
            if i in TAPPED_STAGES:
                tapped.append(len(blocks) - 1)
                channels.append(after)
        self.blocks = nn.ModuleList(blocks)
        self.tapped = tuple(tapped)
        self.channels = tuple(channels)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Give four maps (B, C, H / stride, W / stride) of pictures (B, 3, H, W)."""
        x, features = self.stem(pixels), []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.tapped:
                features.append(x)
        return features


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow again; add the input where shapes allow."""

    def __init__(self, before: int, after: int, stage: Stage, *, is_first: bool) -> None:
        super().__init__()
        stride, middle = stage.stride if is_first else 1, before * stage.expand
        self.expand = FoldedConv(before, middle, 1) if stage.expand > 1 else nn.Identity()
        self.depthwise = FoldedConv(middle, middle, stage.kernel, stride=stride, groups=middle)
        self.project = FoldedConv(middle, after, 1, has_activation=False)
        self.has_skip = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        """Give the block's output for x of shape (B, C, H, W)."""
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.has_skip else y


class FoldedConv(nn.Module):
    """Convolution, batch normalisation with fixed statistics, ReLU6."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        has_activation: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(after, before // groups, kernel, kernel))
        self.scale = nn.Parameter(torch.ones(after))
        self.shift = nn.Parameter(torch.zeros(after))
        self.register_buffer("running_mean", torch.zeros(after))
        self.register_buffer("running_var", torch.ones(after))
        self.stride, self.groups, self.has_activation = stride, groups, has_activation
        nn.init.kaiming_normal_(self.weight, mode="fan_in" if groups > 1 else "fan_out")

    def forward(self, x: Tensor) -> Tensor:
        """Give the layer's output for x of shape (B, C, H, W)."""
        factor = self.scale * torch.rsqrt(self.running_var + NORM_EPS)
        weight = self.weight * factor[:, None, None, None]
        bias = self.shift - self.running_mean * factor
        padding = self.weight.shape[-1] // 2
        x = F.conv2d(x, weight, bias, self.stride, padding, groups=self.groups)
        return F.hardtanh(x, 0.0, 6.0, inplace=True) if self.has_activation else x


def scaling(variant: str) -> tuple[float, float]:
    """Give the width and depth factors of a variant.

    Raises:
        ConfigError: If the variant is unknown.
    """
    match variant:
        case "lite0":
            return 1.0, 1.0
        case "lite1":
            return 1.0, 1.1
        case "lite2":
            return 1.1, 1.2
        case _:
            raise ConfigError(f"backbone {variant!r} is unknown", hint="use lite0, lite1 or lite2")


def scaled_channels(channels: int, width: float) -> int:
    """Scale channels and round to a multiple of 8, never down by more than a tenth."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded

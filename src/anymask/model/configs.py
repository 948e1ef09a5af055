"""The architectures, as functions that return frozen records.

Source: Segment Anything (Kirillov et al., 2023), appendix A; sizes of the published checkpoints.
"""

from dataclasses import dataclass

from anymask.errors import ConfigError

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True, slots=True, kw_only=True)
class VitConfig:
    """A plain vision transformer with windowed and global attention blocks.

    Attributes:
        width: Channels of a token.
        depth: Number of blocks.
        num_heads: Attention heads a block.
        global_blocks: Indices of the blocks that attend over the whole picture.
        window: Side of a local attention window, tokens.
        patch: Side of a patch, pixels.
    """

    width: int
    depth: int
    num_heads: int
    global_blocks: tuple[int, ...]
    window: int = 14
    patch: int = 16

    def __post_init__(self) -> None:
        if self.width % self.num_heads:
            raise ConfigError(
                f"width {self.width} does not divide into {self.num_heads} heads",
                hint="choose a width that is a multiple of num_heads",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedAutoencoderConfig:
    """A vision transformer in pre-training, and the light decoder that is dropped afterwards.

    Attributes:
        vit: The transformer; its windows and global blocks play no part yet.
        input_size: Side of a square crop, pixels; a multiple of the patch.
        decoder_width: Channels of a token in the decoder.
        decoder_depth: Blocks of the decoder.
        decoder_heads: Attention heads a block of the decoder.

    Source:
        Masked Autoencoders Are Scalable Vision Learners (He et al., 2022), section 4.1, table 1.
    """

    vit: VitConfig
    input_size: int = 224
    decoder_width: int = 512
    decoder_depth: int = 8
    decoder_heads: int = 16

    def __post_init__(self) -> None:
        if self.input_size <= 0 or self.input_size % self.vit.patch:
            raise ConfigError(
                f"input_size must be a positive multiple of the patch, {self.vit.patch}, got "
                f"{self.input_size}",
                hint=f"use {self.vit.patch * max(2, round(self.input_size / self.vit.patch))}",
            )
        for name, width in (("width", self.vit.width), ("decoder_width", self.decoder_width)):
            if width % 4:
                raise ConfigError(
                    f"{name} must be a multiple of 4 for sine positions, got {width}",
                    hint=f"use {4 * max(1, round(width / 4))}",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteConfig:
    """An EfficientNet-Lite backbone under a small feature pyramid.

    Attributes:
        variant: "lite0", "lite1" or "lite2".
        num_global_blocks: Attention blocks over the whole stride-32 grid.
        num_skip_blocks: Local blocks that mix coarser features into the skips at strides 8 and 4,
            so many at each; 0 hands the backbone's own features on.
    """

    variant: str = "lite0"
    num_global_blocks: int = 1
    num_skip_blocks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyVitConfig:
    """A TinyViT: a stage of convolutions, then three of attention in windows.

    Attributes:
        widths: Channels of each stage's tokens.
        depths: Blocks of each stage.
        num_heads: Attention heads a block of the last three stages.
        windows: Sides of their windows, tokens.

    Source:
        TinyViT (Wu et al., 2022), table 7: here the smallest, 5 M.
    """

    widths: tuple[int, int, int, int] = (64, 128, 160, 320)
    depths: tuple[int, int, int, int] = (2, 2, 6, 2)
    num_heads: tuple[int, int, int] = (4, 5, 10)
    windows: tuple[int, int, int] = (7, 14, 7)

    def __post_init__(self) -> None:
        sizes = (*self.widths, *self.depths, *self.num_heads, *self.windows)
        if [len(self.widths), len(self.depths)] != [4, 4] or min(sizes) < 1:
            raise ConfigError(
                "a TinyViT needs widths and depths of four stages, each at least 1",
                hint="leave them out for MobileSAM's",
            )
        for width, heads in zip(self.widths[1:], self.num_heads, strict=True):
            if width % heads:
                raise ConfigError(
                    f"width {width} does not divide into {heads} heads",
                    hint="choose widths that are multiples of num_heads",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class SamConfig:
    """Everything that fixes the shapes of a model.

    Exactly one of `vit`, `lite` and `tinyvit` names the image encoder.

    Attributes:
        name: Short name of the architecture.
        vit: The image encoder of the published models.
        lite: The image encoder of the default model.
        tinyvit: The image encoder of MobileSAM.
        input_size: Side of the square model frame, pixels; a multiple of 32.
        embedding_dim: Channels of the image embedding and of every token.
        decoder_depth: Two-way attention blocks.
        decoder_mlp_width: Hidden channels of the MLP inside a two-way block.
        has_high_res: Whether encoder features at strides 8 and 4 enter the decoder's upscaling.
        has_mixing: Whether the upscaled features of a prompt are mixed with their neighbours.
        has_click_maps: Whether prompts are also drawn as maps.
        has_mask_scorer: Whether masks are scored from the mask itself instead of the IoU token.
        logit_scale: Factor on the product of hypernetwork weights and upscaled features.
        pixel_mean: Per-channel mean subtracted from RGB values on the 0-255 scale.
        pixel_std: Per-channel divisor of the same values.
    """

    name: str
    vit: VitConfig | None = None
    lite: LiteConfig | None = None
    tinyvit: TinyVitConfig | None = None
    input_size: int = 1024
    embedding_dim: int = 256
    decoder_depth: int = 2
    decoder_mlp_width: int = 2048
    has_high_res: bool = False
    has_mixing: bool = False
    has_click_maps: bool = False
    has_mask_scorer: bool = False
    logit_scale: float = 1.0
    pixel_mean: tuple[float, float, float] = IMAGENET_MEAN
    pixel_std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        if [self.vit, self.lite, self.tinyvit].count(None) != 2:
            raise ConfigError(
                f"architecture {self.name} needs exactly one image encoder",
                hint="set one of vit, lite and tinyvit",
            )
        if self.input_size <= 0 or self.input_size % 32:
            raise ConfigError(
                f"input_size must be a positive multiple of 32, got {self.input_size}",
                hint=f"use {max(32, round(self.input_size / 32) * 32)}",
            )
        if self.has_high_res and self.lite is None:
            raise ConfigError(
                f"architecture {self.name} asks for high-resolution features of a ViT or TinyViT",
                hint="set has_high_res to False",
            )


def vit_b(input_size: int = 1024) -> SamConfig:
    """Give SAM with ViT-B/16: 91 M parameters."""
    vit = VitConfig(width=768, depth=12, num_heads=12, global_blocks=(2, 5, 8, 11))
    return SamConfig(name="vit_b", vit=vit, input_size=input_size)


def vit_l(input_size: int = 1024) -> SamConfig:
    """Give SAM with ViT-L/16: 308 M parameters."""
    vit = VitConfig(width=1024, depth=24, num_heads=16, global_blocks=(5, 11, 17, 23))
    return SamConfig(name="vit_l", vit=vit, input_size=input_size)


def vit_h(input_size: int = 1024) -> SamConfig:
    """Give SAM with ViT-H/16: 636 M parameters."""
    vit = VitConfig(width=1280, depth=32, num_heads=16, global_blocks=(7, 15, 23, 31))
    return SamConfig(name="vit_h", vit=vit, input_size=input_size)


def mobile_sam(input_size: int = 1024) -> SamConfig:
    """Give MobileSAM: SAM's decoder behind a TinyViT, 10 M parameters.

    Source:
        Faster Segment Anything (Zhang et al., 2023).
    """
    return SamConfig(name="mobile_sam", tinyvit=TinyVitConfig(), input_size=input_size)


def tiny(input_size: int = 384, variant: str = "lite0") -> SamConfig:
    """Give the default model's architecture: about 6.5 M parameters.

    Its backbone was pre-trained on values scaled to [-1, 1], hence mean 127 and divisor 128.
    """
    return SamConfig(
        name="tiny",
        lite=LiteConfig(variant=variant, num_skip_blocks=2),
        input_size=input_size,
        decoder_mlp_width=512,
        has_high_res=True,
        has_mixing=True,
        has_click_maps=True,
        has_mask_scorer=True,
        logit_scale=32**-0.5,
        pixel_mean=(127.0, 127.0, 127.0),
        pixel_std=(128.0, 128.0, 128.0),
    )

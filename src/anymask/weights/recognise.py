"""Which architecture a file's tensors are, from their names and shapes."""

import re
from collections.abc import Mapping
from dataclasses import replace
from math import isqrt

from torch import Tensor

from anymask.errors import ConfigError, KeysMismatch, WeightsError
from anymask.image.names import display_name
from anymask.model.configs import (
    SamConfig,
    TinyVitConfig,
    VitConfig,
    mobile_sam,
    vit_b,
    vit_h,
    vit_l,
)

_BLOCK = re.compile(r"image_encoder\.blocks\.(\d+)\.")
_SAM_2_BLOCK = re.compile(r"image_encoder\.trunk\.blocks\.(\d+)\.")
# Its files hold the whole network or the new layers of the decoder alone; in transformers' layout
# they have other names.
_OF_SAM_HQ = re.compile(r"(^|\.)(hf_token|hf_mlp|hq_token|hq_mask_mlp|compress_vit_feat)\.")
_OF_SAM_3 = ("detector_model.", "detr_encoder.")
_LAYER = re.compile(r"mask_decoder\.transformer\.layers\.(\d+)\.")
_OF_TINYVIT = ("image_encoder.layers.", "image_encoder.patch_embed.seq.")
_BOXES_OF_THE_FIGURE = ("image_encoder.", "prompt_encoder.", "mask_decoder.")
_PLAIN = (vit_b(), vit_l(), vit_h())
_HINT = "give a SAM checkpoint (ViT-B, ViT-L, ViT-H or MobileSAM)"
# Width of the first stage, number of blocks.
_SAM_2_SIZES = (
    ((96, 12), "tiny"),
    ((96, 16), "small"),
    ((112, 24), "base plus"),
    ((144, 48), "large"),
)


def recognise(tensors: Mapping[str, Tensor], shown: str) -> SamConfig:
    """Give the architecture that fits a published or retrained SAM best.

    Width, depth, heads, windows, global blocks and a ViT's frame are read from the shapes; whether
    every tensor really fits is seen when they are put into a network.

    Args:
        tensors: By name, shapes as in the release.
        shown: The file's name for error sentences.

    Returns:
        The architecture; the nearest published one where too little is there to tell.

    Raises:
        KeysMismatch: If the tensors belong to another family of models, or to none known.
        WeightsError: If they are our own default model's but come without its settings.
    """
    family = _other_family(tensors)
    if family is not None:
        raise KeysMismatch(
            f"{shown}: is {family}, which this version does not run",
            hint=_HINT,
        )
    if "image_encoder.backbone.stem.weight" in tensors:
        raise WeightsError(
            f"{shown}: holds a default model without its settings",
            hint="save it with anymask.weights.save.save_model, which keeps them",
        )
    if not any(name.startswith(_BOXES_OF_THE_FIGURE) for name in tensors):
        raise KeysMismatch(
            f"{shown}: none of its {len(tensors)} tensors are SAM's, first {_first(tensors)}",
            hint=_HINT,
        )
    try:
        is_tinyvit = any(name.startswith(_OF_TINYVIT) for name in tensors)
        return _tinyvit(tensors) if is_tinyvit else _plain_vit(tensors)
    except ConfigError as error:
        raise KeysMismatch(f"{shown}: {error.message}", hint="give a SAM checkpoint") from error


def describe(config: SamConfig) -> str:
    """Give an architecture's name for people, such as "ViT-B" or "default model (tiny)"."""
    if config.tinyvit is not None and config.name != mobile_sam().name:
        return f"TinyViT of widths {', '.join(map(str, config.tinyvit.widths))}"
    if config.vit is None or any(config.name == published.name for published in _PLAIN):
        return title(config.name)
    return f"ViT of width {config.vit.width} and depth {config.vit.depth}"


def title(name: str) -> str:
    """Give the name for people of an architecture's short name."""
    if name == mobile_sam().name:
        return "MobileSAM"
    return f"ViT-{name[-1].upper()}" if name.startswith("vit_") else f"default model ({name})"


def _plain_vit(tensors: Mapping[str, Tensor]) -> SamConfig:
    table = _shape(tensors, "image_encoder.pos_embed", 4)
    patches = _shape(tensors, "image_encoder.patch_embed.proj.weight", 4)
    nearest = _nearest(table[3] if table else None, _depth(tensors, _BLOCK))
    if table is None or patches is None:
        return nearest
    vit = _vit_config(tensors, table, patches[3])
    if vit is None:
        return nearest
    config = replace(_with_decoder(nearest, tensors), vit=vit, input_size=table[1] * vit.patch)
    if nearest.vit is not None and (vit.width, vit.depth) != (nearest.vit.width, nearest.vit.depth):
        return replace(config, name=f"vit_{vit.width}x{vit.depth}")
    return config


def _with_decoder(nearest: SamConfig, tensors: Mapping[str, Tensor]) -> SamConfig:
    """Read what is not of the image encoder."""
    neck = _shape(tensors, "image_encoder.neck.0.weight", 4)
    mlp = _shape(tensors, "mask_decoder.transformer.layers.0.mlp.lin1.weight", 2)
    return replace(
        nearest,
        embedding_dim=neck[0] if neck else nearest.embedding_dim,
        decoder_depth=_depth(tensors, _LAYER) or nearest.decoder_depth,
        decoder_mlp_width=mlp[0] if mlp else nearest.decoder_mlp_width,
    )


def _tinyvit(tensors: Mapping[str, Tensor]) -> SamConfig:
    nearest = mobile_sam()
    stem = _shape(tensors, "image_encoder.patch_embed.seq.2.c.weight", 4)
    stages = [f"image_encoder.layers.{number}" for number in range(4)]
    merges = [_shape(tensors, f"{stage}.downsample.conv1.c.weight", 4) for stage in stages[:3]]
    tables = [_shape(tensors, f"{stage}.blocks.0.attn.attention_biases", 2) for stage in stages[1:]]
    widths = [shape[0] for shape in (stem, *merges) if shape is not None]
    known = [shape for shape in tables if shape is not None]
    if len(widths) < 4 or len(known) < 3:
        return nearest
    depths = [_depth(tensors, re.compile(rf"{re.escape(s)}\.blocks\.(\d+)\.")) for s in stages]
    tinyvit = TinyVitConfig(
        widths=(widths[0], widths[1], widths[2], widths[3]),
        depths=(depths[0], depths[1], depths[2], depths[3]),
        num_heads=(known[0][0], known[1][0], known[2][0]),
        windows=(isqrt(known[0][1]), isqrt(known[1][1]), isqrt(known[2][1])),
    )
    config = replace(_with_decoder(nearest, tensors), tinyvit=tinyvit)
    is_published = tinyvit == nearest.tinyvit
    return config if is_published else replace(config, name=f"tinyvit_{widths[3]}x{sum(depths)}")


def _vit_config(
    tensors: Mapping[str, Tensor], table: tuple[int, ...], patch: int
) -> VitConfig | None:
    """Read the transformer from its tables; None where one is missing or shaped oddly."""
    depth, width = _depth(tensors, _BLOCK), table[3]
    names = [f"image_encoder.blocks.{index}.attn.rel_pos_h" for index in range(depth)]
    rows = [shape for name in names if (shape := _shape(tensors, name, 2)) is not None]
    if not rows or len(rows) != depth or width % max(rows[0][1], 1):
        return None
    # A table of 2 s - 1 rows serves a square of side s: the whole grid, or a window.
    sides = [(shape[0] + 1) // 2 for shape in rows]
    global_blocks = tuple(index for index, side in enumerate(sides) if side == table[1])
    windows = [side for side in sides if side != table[1]]
    return VitConfig(
        width=width,
        depth=depth,
        num_heads=width // rows[0][1],
        global_blocks=global_blocks,
        window=windows[0] if windows else 14,
        patch=patch,
    )


def _nearest(width: int | None, depth: int) -> SamConfig:
    distances = [
        ((0 if width is None else abs(config.vit.width - width), abs(config.vit.depth - depth)), at)
        for at, config in enumerate(_PLAIN)
        if config.vit is not None
    ]
    return _PLAIN[min(distances)[1]]


def _depth(tensors: Mapping[str, Tensor], pattern: re.Pattern[str]) -> int:
    return len({match[1] for name in tensors if (match := pattern.match(name))})


def _shape(tensors: Mapping[str, Tensor], name: str, num_axes: int) -> tuple[int, ...] | None:
    shape = tuple(tensors[name].shape) if name in tensors else ()
    return shape if len(shape) == num_axes and 0 not in shape else None


def _other_family(tensors: Mapping[str, Tensor]) -> str | None:
    if any(_OF_SAM_HQ.search(name) for name in tensors):
        return "a SAM-HQ"
    if any(name.startswith(_OF_SAM_3) for name in tensors):
        return "a SAM 3"
    if "image_encoder.trunk.pos_embed" in tensors:
        return _sam_2(tensors)
    if any(name.startswith("vision_encoder.backbone.") for name in tensors):
        return "a SAM 2 in the layout of transformers"
    return None


def _sam_2(tensors: Mapping[str, Tensor]) -> str:
    version = "2.1" if "obj_ptr_tpos_proj.weight" in tensors else "2"
    shape = _shape(tensors, "image_encoder.trunk.pos_embed", 4)
    found = (shape[1] if shape else 0, _depth(tensors, _SAM_2_BLOCK))
    sizes = [size for size_of, size in _SAM_2_SIZES if size_of == found]
    return f"a SAM {version} ({sizes[0]})" if sizes else f"a SAM {version}"


def _first(names: Mapping[str, Tensor]) -> str:
    return ", ".join(display_name(name)[:80] for name in list(names)[:3]) or "none"

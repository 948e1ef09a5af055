"""Which architecture a file's tensors are, from their names and shapes."""

import re
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from anymask.errors import ConfigError, KeysMismatch, WeightsError
from anymask.image.names import display_name
from anymask.model.configs import SamConfig, VitConfig, vit_b, vit_h, vit_l

_BLOCK = re.compile(r"image_encoder\.blocks\.(\d+)\.")
_SAM_2_BLOCK = re.compile(r"image_encoder\.trunk\.blocks\.(\d+)\.")
_LAYER = re.compile(r"mask_decoder\.transformer\.layers\.(\d+)\.")
_BOXES_OF_THE_FIGURE = ("image_encoder.", "prompt_encoder.", "mask_decoder.")
_PUBLISHED = (vit_b(), vit_l(), vit_h())
# Width of the first stage, number of blocks.
_SAM_2_SIZES = (
    ((96, 12), "tiny"),
    ((96, 16), "small"),
    ((112, 24), "base plus"),
    ((144, 48), "large"),
)


def recognise(tensors: Mapping[str, Tensor], shown: str) -> SamConfig:
    """Give the architecture that fits a published or retrained SAM best.

    Width, depth, heads, windows, global blocks and frame are read from the shapes; whether every
    tensor really fits is seen when they are put into a network.

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
            hint="give a SAM checkpoint (ViT-B, ViT-L or ViT-H)",
        )
    if "image_encoder.backbone.stem.weight" in tensors:
        raise WeightsError(
            f"{shown}: holds a default model without its settings",
            hint="save it with anymask.weights.save.save_model, which keeps them",
        )
    if not any(name.startswith(_BOXES_OF_THE_FIGURE) for name in tensors):
        raise KeysMismatch(
            f"{shown}: none of its {len(tensors)} tensors are SAM's, first {_first(tensors)}",
            hint="give a SAM checkpoint (ViT-B, ViT-L or ViT-H)",
        )
    try:
        return _plain_vit(tensors)
    except ConfigError as error:
        raise KeysMismatch(f"{shown}: {error.message}", hint="give a SAM checkpoint") from error


def describe(config: SamConfig) -> str:
    """Give an architecture's name for people, such as "ViT-B" or "default model (tiny)"."""
    is_published = any(config.name == published.name for published in _PUBLISHED)
    if config.vit is None or is_published:
        return title(config.name)
    return f"ViT of width {config.vit.width} and depth {config.vit.depth}"


def title(name: str) -> str:
    """Give the name for people of an architecture's short name."""
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
    neck = _shape(tensors, "image_encoder.neck.0.weight", 4)
    mlp = _shape(tensors, "mask_decoder.transformer.layers.0.mlp.lin1.weight", 2)
    config = replace(
        nearest,
        vit=vit,
        input_size=table[1] * vit.patch,
        embedding_dim=neck[0] if neck else nearest.embedding_dim,
        decoder_depth=_depth(tensors, _LAYER) or nearest.decoder_depth,
        decoder_mlp_width=mlp[0] if mlp else nearest.decoder_mlp_width,
    )
    if nearest.vit is not None and (vit.width, vit.depth) != (nearest.vit.width, nearest.vit.depth):
        return replace(config, name=f"vit_{vit.width}x{vit.depth}")
    return config


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
        for at, config in enumerate(_PUBLISHED)
        if config.vit is not None
    ]
    return _PUBLISHED[min(distances)[1]]


def _depth(tensors: Mapping[str, Tensor], pattern: re.Pattern[str]) -> int:
    return len({match[1] for name in tensors if (match := pattern.match(name))})


def _shape(tensors: Mapping[str, Tensor], name: str, num_axes: int) -> tuple[int, ...] | None:
    shape = tuple(tensors[name].shape) if name in tensors else ()
    return shape if len(shape) == num_axes and 0 not in shape else None


def _other_family(tensors: Mapping[str, Tensor]) -> str | None:
    if "mask_decoder.hf_token.weight" in tensors:
        return "a SAM-HQ"
    if "image_encoder.patch_embed.seq.0.c.weight" in tensors:
        return "a MobileSAM (TinyViT)"
    if "image_encoder.trunk.pos_embed" in tensors:
        return _sam_2(tensors)
    if any(name.startswith("vision_encoder.backbone.") for name in tensors):
        return "a SAM 2 in the layout of transformers"
    if any(name.startswith("vision_encoder.") for name in tensors):
        return "a SAM in the layout of transformers"
    return None


def _sam_2(tensors: Mapping[str, Tensor]) -> str:
    version = "2.1" if "obj_ptr_tpos_proj.weight" in tensors else "2"
    shape = _shape(tensors, "image_encoder.trunk.pos_embed", 4)
    found = (shape[1] if shape else 0, _depth(tensors, _SAM_2_BLOCK))
    sizes = [size for size_of, size in _SAM_2_SIZES if size_of == found]
    return f"a SAM {version} ({sizes[0]})" if sizes else f"a SAM {version}"


def _first(names: Mapping[str, Tensor]) -> str:
    return ", ".join(display_name(name)[:80] for name in list(names)[:3]) or "none"

"""Whole runs, as plain functions that give every setting."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from anymask.data.samples import SampleSettings
from anymask.errors import ConfigError
from anymask.model.configs import (
    MaskedAutoencoderConfig,
    SamConfig,
    tiny,
    vit_b,
    vit_h,
    vit_l,
)
from anymask.train.interaction import ConversationSettings
from anymask.train.low_rank import LowRankSettings
from anymask.train.parameters import Frozen
from anymask.train.schedule import SizePhase
from anymask.train.settings import OptimizerSettings, TrainSettings

VitName = Literal["vit_b", "vit_l", "vit_h"]
FinetunePart = Literal["decoder", "decoder_and_lora", "all"]

VITS = MappingProxyType({"vit_b": vit_b, "vit_l": vit_l, "vit_h": vit_h})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A run with every choice made; the data come to it later.

    Attributes:
        name: Name of the recipe.
        architecture: The model's shapes.
        settings: The run.
        start: Weights to begin with, or None for first values.
        frozen: What does not learn.
        low_rank: Low-rank changes to the image encoder, or None.
    """

    name: str
    architecture: SamConfig | MaskedAutoencoderConfig
    settings: TrainSettings
    start: Path | None = None
    frozen: Frozen = "nothing"
    low_rank: LowRankSettings | None = None


def default_model(start: Path | None = None) -> Recipe:
    """Give the run that makes the default model, or the one that finishes it.

    An ImageNet EfficientNet-Lite under a fresh decoder, pictures growing from 128 to 384 pixels,
    cross entropy and dice in equal parts, drawn prompts, and a box counted as two points. From
    given weights: a fifth of the rate, large pictures, and as many boxes as clicks.

    Args:
        start: Weights of the same architecture to finish.
    """
    settings = TrainSettings(
        steps=16_000,
        conversation=ConversationSettings(box_and_click_share=0.1, rough_mask_share=0.1),
    )
    if start is not None:
        settings = replace(
            settings,
            steps=900,
            seed=1,
            save_every=100,
            average=0.997,
            optimizer=OptimizerSettings(rate=4e-4, backbone_rate=8e-5),
            conversation=replace(settings.conversation, box_share=0.5),
            phases=(
                SizePhase(until=0.7, sizes=(256, 320, 384, 512)),
                SizePhase(until=1.0, sizes=(384, 512)),
            ),
        )
    return Recipe(name="default", architecture=tiny(), settings=settings, start=start)


def sa1b_from_scratch(size: VitName = "vit_b", start: Path | None = None) -> Recipe:
    """Give the published training of SAM on SA-1B.

    The batch here is that of one process: processes × batch × accumulate must be 256 pictures for
    ViT-H and 128 for the others to be as published. The paper states two drops of the rate for
    90k steps; for 180k they are put at the same shares of the run.

    Args:
        size: The image encoder.
        start: Encoder pre-trained by `mae_pretrain`; without it the encoder begins from chance,
            which the paper does not do.

    Raises:
        ConfigError: If there is no such encoder.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix A.
    """
    architecture = VITS[_known(size)]()
    rate, layer_decay, drop_path, steps = {
        "vit_b": (8e-4, 0.6, 0.6, 180_000),
        "vit_l": (4e-4, 0.8, 0.4, 180_000),
        "vit_h": (8e-4, 0.8, 0.4, 90_000),
    }[size]
    settings = TrainSettings(
        steps=steps,
        phases=(SizePhase(until=1.0, sizes=(1024,)),),
        batch=1,
        workers=2,
        sample=SampleSettings(
            prompts=64, zoom_share=0.0, whole_share=1.0, recolour=False, mirror=False
        ),
        conversation=ConversationSettings(kind="published"),
        optimizer=OptimizerSettings(
            rate=rate,
            layer_decay=layer_decay,
            weight_decay=0.1,
            beta2=0.999,
            schedule="steps",
            milestones=(60_000 / 90_000, 86_666 / 90_000),
            warmup_steps=250,
        ),
        set_power=1.0,
        drop_path=drop_path,
        precision="bf16",
        recompute=True,
        save_every=1000,
        check_every=5000,
    )
    return Recipe(name="sa1b", architecture=architecture, settings=settings, start=start)


def mae_pretrain(size: VitName = "vit_b") -> Recipe:
    """Give the pre-training of a ViT as a masked autoencoder, before SAM.

    Args:
        size: The image encoder.

    Raises:
        ConfigError: If there is no such encoder.

    Source:
        Masked Autoencoders Are Scalable Vision Learners (He et al., 2022), appendix A.1: AdamW
        with memory 0.95, weight decay 0.05, base rate 1.5e-4 a 256 pictures, here for a batch of
        4096; 224-pixel crops; half a cosine to zero.
    """
    vit = VITS[_known(size)]().vit
    if vit is None:
        raise ConfigError(f"{size} has no ViT to pre-train", hint="use vit_b, vit_l or vit_h")
    settings = TrainSettings(
        steps=250_000,
        phases=(SizePhase(until=1.0, sizes=(224,)),),
        batch=64,
        accumulate=1,
        workers=4,
        optimizer=OptimizerSettings(
            rate=2.4e-3, weight_decay=0.05, beta2=0.95, warmup_steps=12_500, rate_floor=0.0
        ),
        set_power=1.0,
        precision="bf16",
        save_every=1000,
        check_every=2500,
    )
    return Recipe(name="mae", architecture=MaskedAutoencoderConfig(vit=vit), settings=settings)


def finetune(base: Path, architecture: SamConfig, part: FinetunePart = "decoder") -> Recipe:
    """Give a short run that fits a trained model to other pictures.

    Args:
        base: Weights to begin with.
        architecture: Their architecture.
        part: What learns: the prompt encoder and mask decoder; these and low-rank changes to the
            image encoder; or everything.

    Raises:
        ConfigError: If there is no such part.
    """
    if part not in ("decoder", "decoder_and_lora", "all"):
        raise ConfigError(
            f"part must be decoder, decoder_and_lora or all, got {part!r}", hint="use decoder"
        )
    size = architecture.input_size
    # MobileSAM's encoder is as large a step away from ours as a ViT is.
    is_published = architecture.lite is None
    first, last = SizePhase(until=0.7, sizes=(256,)), SizePhase(until=1.0, sizes=(size,))
    # With whole pictures in their own colours a large frozen encoder sees each only once.
    is_kept = is_published and part == "decoder"
    settings = TrainSettings(
        minutes=5.0,
        phases=(first, last) if size > 256 and not is_published else (last,),
        batch=1 if is_published else 4,
        accumulate=2 if is_kept else 4 if is_published else 1,
        sample=SampleSettings(
            prompts=2 if is_kept else 4,
            zoom_share=0.0 if is_kept else 0.2,
            whole_share=1.0 if is_kept else 0.8,
            recolour=not is_kept,
        ),
        conversation=ConversationSettings(box_share=0.4),
        optimizer=OptimizerSettings(
            rate=1e-4 if is_published else 1e-3,
            backbone_rate=0.0 if is_published else 2e-4,
            layer_decay=0.8 if architecture.vit is not None else 1.0,
            warmup_steps=20,
        ),
        average=0.99,
        save_every=200,
        log_every=10,
        check_every=0,
    )
    return Recipe(
        name="finetune",
        architecture=architecture,
        settings=settings,
        start=base,
        frozen="nothing" if part == "all" else "encoder",
        low_rank=LowRankSettings() if part == "decoder_and_lora" else None,
    )


def _known(size: str) -> str:
    if size not in VITS:
        raise ConfigError(f"there is no encoder {size!r}", hint="use vit_b, vit_l or vit_h")
    return size

"""The settings of a run, checked when they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from anymask.data.samples import SampleSettings
from anymask.errors import ConfigError
from anymask.train.interaction import ConversationSettings
from anymask.train.schedule import SizePhase

MOST_SEED = 1 << 63  # of torch's generators


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSettings:
    """AdamW and its learning rate over the run.

    Attributes:
        rate: Peak learning rate.
        backbone_rate: Peak learning rate of an ImageNet backbone; 0 leaves it as it is.
        layer_decay: Each block of a plain ViT learns slower than the next by this factor.
        weight_decay: Weight decay of matrices outside an ImageNet backbone; vectors have none.
        beta2: Memory of squared gradients; that of gradients is 0.9.
        clip: Largest norm of the gradient.
        schedule: "cosine" falls to `rate_floor`; "steps" divides by ten at each milestone.
        milestones: Shares of the run at which a rate in steps falls, ascending, in (0, 1).
        warmup_steps: Steps until the full rate.
        rate_floor: Factor of the rate at the end of a cosine.
    """

    rate: float = 2e-3
    backbone_rate: float = 4e-4
    layer_decay: float = 1.0
    weight_decay: float = 0.05
    beta2: float = 0.98
    clip: float = 1.0
    schedule: Literal["cosine", "steps"] = "cosine"
    milestones: tuple[float, ...] = ()
    warmup_steps: int = 40
    rate_floor: float = 0.02

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise ConfigError(
                f"optimizer.rate must be above 0, got {self.rate:g}", hint="use 0.0002 to 0.002"
            )
        if self.backbone_rate < 0 or self.warmup_steps < 1 or not self.clip > 0:
            raise ConfigError(
                "optimizer settings must have backbone_rate >= 0, warmup_steps >= 1 and clip > 0",
                hint="leave them out to get the recipe's own",
            )
        if not 0 <= self.beta2 < 1 or self.weight_decay < 0 or not 0 <= self.rate_floor <= 1:
            raise ConfigError(
                "optimizer settings must have beta2 in [0, 1), weight_decay >= 0 and rate_floor in "
                f"[0, 1], got {self.beta2:g}, {self.weight_decay:g}, {self.rate_floor:g}",
                hint="leave them out to get the recipe's own",
            )
        ascending = tuple(sorted(set(self.milestones)))
        if ascending != self.milestones or not all(0 < share < 1 for share in ascending):
            raise ConfigError(
                f"optimizer.milestones must ascend in (0, 1), got {self.milestones}",
                hint="use [0.67, 0.96]",
            )
        if not 0 < self.layer_decay <= 1:
            raise ConfigError(
                f"optimizer.layer_decay must be in (0, 1], got {self.layer_decay:g}",
                hint="use 0.8",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """One run.

    The run ends after `minutes` of training, or after `steps` when that is given.

    Attributes:
        minutes: Length of the run, minutes of training.
        steps: Length of the run in steps; 0 to go by minutes.
        phases: Picture sizes over the run.
        batch: Pictures in one backward pass of one process.
        accumulate: Backward passes whose gradients make one step.
        workers: Processes that prepare pictures ahead, for each training process; 0 for none.
        sample: How samples are made.
        conversation: How the model is prompted, and its losses.
        optimizer: How weights move.
        set_weights: Factor on how often a data set is drawn, by its name; 1 where not named.
        set_power: 0 draws all sets equally often, 1 all pictures.
        drop_path: Share of skipped residual branches in the last block of a ViT.
        average: Decay of the running average of weights.
        precision: "fp32", or "bf16" for mixed precision.
        compile: Whether the image encoder is compiled first.
        recompute: Whether a ViT's blocks are computed again in the backward pass, to save memory.
        save_every: Steps between checkpoints.
        log_every: Steps between lines of the log.
        check_every: Steps between measurements on held-back pictures; 0 for none.
        check_masks: Masks a measurement asks about.
        tensorboard: Whether the log is written for TensorBoard too.
        seed: Seed of everything drawn.
    """

    minutes: float = 100.0
    steps: int = 0
    phases: tuple[SizePhase, ...] = (
        SizePhase(until=0.2, sizes=(128,)),
        SizePhase(until=0.5, sizes=(192,)),
        SizePhase(until=0.8, sizes=(256,)),
        SizePhase(until=1.0, sizes=(256, 320, 384)),
    )
    batch: int = 4
    accumulate: int = 1
    workers: int = 0
    sample: SampleSettings = field(default_factory=SampleSettings)
    conversation: ConversationSettings = field(default_factory=ConversationSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    set_weights: Mapping[str, float] = field(default_factory=dict)
    set_power: float = 0.5
    drop_path: float = 0.0
    average: float = 0.999
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    recompute: bool = False
    save_every: int = 500
    log_every: int = 50
    check_every: int = 1000
    check_masks: int = 48
    tensorboard: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 0 or (self.steps == 0 and not self.minutes > 0):
            raise ConfigError("the run has no length", hint="give minutes or steps above zero")
        for name in ("batch", "accumulate", "save_every", "log_every", "check_masks"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} must be 1 or more, got {getattr(self, name)}", hint="use 1"
                )
        for name in ("workers", "check_every", "seed"):
            if getattr(self, name) < 0:
                raise ConfigError(
                    f"{name} must be 0 or more, got {getattr(self, name)}", hint="use 0"
                )
        if self.seed >= MOST_SEED:
            raise ConfigError(f"seed must be below {MOST_SEED}, got {self.seed}", hint="use 0")
        for name in ("drop_path", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} must be in [0, 1), got {getattr(self, name):g}",
                    hint="leave it out to get the recipe's own",
                )
        if not self.phases:
            raise ConfigError("phases is empty, so no picture size is known", hint="use one phase")

    @property
    def largest_size(self) -> int:
        """The largest side of a frame in the run, pixels."""
        return max(size for phase in self.phases for size in phase.sizes)

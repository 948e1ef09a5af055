"""How much memory a run will take, measured on one picture before the first step."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from anymask.errors import ConfigError
from anymask.train.accumulate import StepSums
from anymask.train.feed import Asked, Draws
from anymask.train.guards import is_full
from anymask.train.run import Task
from anymask.train.settings import TrainSettings

# Weights that learn have a gradient and two moments beside them, and all have an average.
COPIES_LEARNING, COPIES_FROZEN = 5, 2
# Values in passing, and what the allocator does not give back.
SPARE_FACTOR = 1.5
PROGRAM_BYTES = 400 << 20
GB = 1e9


@dataclass(slots=True)
class SavedTensors:
    """Counts what a forward pass keeps for its backward pass.

    Attributes:
        known: Storages that are counted elsewhere: the weights.
        live: Bytes kept now.
        peak: Most bytes kept at a time.
    """

    known: set[int]
    live: int = 0
    peak: int = 0

    def keep(self, tensor: Tensor) -> "_Kept":
        """Count a tensor of any shape until it is let go."""
        storage = tensor.untyped_storage()
        is_new = storage.data_ptr() not in self.known
        return _Kept(self, tensor, tensor.numel() * tensor.element_size() if is_new else 0)


class _Kept:
    """A tensor that is counted as long as the backward pass may want it."""

    def __init__(self, counter: SavedTensors, tensor: Tensor, size: int) -> None:
        self.counter, self.tensor, self.size = counter, tensor, size
        counter.live += size
        counter.peak = max(counter.peak, counter.live)

    def __del__(self) -> None:
        self.counter.live -= self.size


def memory_needed(task: Task, settings: TrainSettings) -> tuple[int, int]:
    """Measure what one process of a run needs: bytes whatever the batch, and bytes a picture.

    One picture of the largest size is learnt from, and its gradient thrown away. What two places
    keep alike is counted twice, so the figure is rather too high than too low.

    Args:
        task: The task; its model keeps its weights.
        settings: The run.

    Raises:
        ConfigError: If even one picture does not fit.
    """
    model = task.model
    sums = StepSums(model)
    counter = SavedTensors({p.untyped_storage().data_ptr() for p in model.parameters()})
    device = next(model.parameters()).device
    try:
        (sample,) = Draws(task.source, 1, settings.seed)[Asked(0, settings.largest_size)]
        with (
            torch.autograd.graph.saved_tensors_hooks(counter.keep, lambda kept: kept.tensor),
            torch.autocast(device.type, torch.bfloat16, settings.precision == "bf16"),
        ):
            task.learn([sample], np.random.default_rng(0), 1.0)
    except (MemoryError, RuntimeError) as error:
        if not is_full(error):
            raise
        raise ConfigError(
            f"one picture at {settings.largest_size} pixels does not fit into the memory",
            hint="use smaller phases sizes, fewer sample.prompts, or a smaller model",
        ) from error
    finally:
        model.zero_grad(set_to_none=True)
        sums.put_back()
    return PROGRAM_BYTES + weights_bytes(model), int(SPARE_FACTOR * counter.peak)


def weights_bytes(model: nn.Module) -> int:
    """Give the bytes of weights, gradients, moments and average."""
    return sum(
        p.numel() * p.element_size() * (COPIES_LEARNING if p.requires_grad else COPIES_FROZEN)
        for p in model.parameters()
    )


def memory_free(device: torch.device) -> int | None:
    """Give the bytes a device has left, or None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def check_memory(
    fixed: int, picture: int, free: int | None, settings: TrainSettings, processes: int
) -> None:
    """Refuse a run that will not fit, and say what would.

    Args:
        fixed: Bytes a process needs whatever the batch.
        picture: Bytes for each picture of a batch.
        free: Bytes the device has left, or None.
        settings: The run.
        processes: Processes that share the device.

    Raises:
        ConfigError: If it does not fit.
    """
    needed = processes * (fixed + settings.batch * picture)
    if free is None or needed <= free:
        return
    fits = (free // processes - fixed) // max(picture, 1)
    sentence = f"the run needs about {needed / GB:.1f} GB, {free / GB:.1f} GB are free"
    if fits < 1:
        raise ConfigError(
            sentence, hint="use fewer processes, smaller phases sizes or fewer sample.prompts"
        )
    batch = min(int(fits), settings.batch)
    parts = -(-settings.batch * settings.accumulate // batch)
    raise ConfigError(sentence, hint=f"use --set batch={batch} --set accumulate={parts}")

"""Where a model computes."""

import re

import torch

from anymask.errors import ConfigError

_FORM = re.compile(r"(auto|cpu|mps|cuda)(?::(\d{1,3}))?")


def choose_device(name: str = "auto") -> torch.device:
    """Give the device of that name, if this machine has it.

    Args:
        name: "cpu", "cuda", "cuda:0" (the number counts from 0), "mps", or "auto": the first there
            is of cuda, mps, cpu.

    Returns:
        The device.

    Raises:
        ConfigError: If the name is unknown or the machine has no such device.
    """
    match = _FORM.fullmatch(name)
    if match is None or (match[2] and match[1] != "cuda"):
        raise ConfigError(
            f"device must be auto, cpu, cuda, cuda:<number> or mps, got {name!r}",
            hint="use auto to take the fastest there is",
        )
    kind, number = match[1], match[2]
    if kind == "auto":
        return torch.device(_fastest())
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device mps is not available on this machine", hint="use auto or cpu")
    if kind == "cuda":
        _check_cuda(name, int(number or 0))
    return torch.device(name)


def _fastest() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _check_cuda(name: str, number: int) -> None:
    if torch.version.cuda is None and torch.version.hip is None:
        raise ConfigError(
            f"device {name} needs a torch built for it, this one is {torch.__version__}",
            hint="install a CUDA build of torch, or use auto or cpu",
        )
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        raise ConfigError(
            f"device {name} is not available: torch finds no usable GPU",
            hint="check the driver with nvidia-smi, or use auto or cpu",
        )
    if number >= count:
        raise ConfigError(
            f"device {name} does not exist: this machine has {count}, counted from 0",
            hint=f"use cuda:{count - 1}",
        )

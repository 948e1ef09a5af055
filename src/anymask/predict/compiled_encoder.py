"""The image encoder compiled by torch: above all for GPUs, which replay it as a graph."""

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import torch
from torch import Tensor

from anymask.errors import ConfigError, StateError
from anymask.model.image_encoder import ImageFeatures
from anymask.model.reduced_linears import linears_in
from anymask.model.sam import Sam
from anymask.predict.exported_encoder import PlainEncoder
from anymask.weights.loaded import EncoderEngine

_COMPILERS = ("g++", "clang++", "c++", "cl")


def compiled_encoder(
    sam: Sam, dtype: torch.dtype, device: torch.device
) -> tuple[EncoderEngine, tuple[str, ...]]:
    """Give an image encoder that torch has compiled for single pictures; other sizes wait.

    Args:
        sam: The network, on the device in float32.
        dtype: Number format: float32 or bfloat16.
        device: Where it runs: a CPU or a CUDA device.

    Returns:
        The engine and notes.

    Raises:
        ConfigError: If there is no C++ compiler for it.
        StateError: If torch cannot compile it.
    """
    is_cpu = device.type == "cpu"
    if is_cpu:
        need_compiler()
    size = sam.config.input_size
    with warnings.catch_warnings():
        # The compiler uses names that torch will drop; a user cannot change that.
        warnings.simplefilter("ignore")
        run = _compile(sam, dtype, device)
        run(torch.zeros(1, 3, size, size, dtype=torch.float32, device=device))
    version = torch.__version__.partition("+")[0]
    engine = EncoderEngine(name="compile", version=version, run=run)
    return engine, ("the image encoder was compiled while loading, which takes long",)


def _compile(
    sam: Sam, dtype: torch.dtype, device: torch.device
) -> Callable[[Tensor], ImageFeatures]:
    reduced = dtype != torch.float32
    if reduced and device.type == "cpu" and linears_in(sam.image_encoder, dtype):
        reduced = False
    # One program a batch size: a graph that is replayed cannot change its shape.
    compiled = torch.compile(
        _own_function(PlainEncoder(sam.image_encoder).eval()),
        dynamic=False,
        mode="default" if device.type == "cpu" else "reduce-overhead",
    )

    # One program for callers with gradients and without.
    @torch.no_grad()
    def run(pixels: Tensor) -> ImageFeatures:
        rows = []
        for part in _parts(pixels):
            with torch.autocast(device.type, dtype) if reduced else nullcontext():
                outputs = _told_shortly(compiled, part)
            # A replayed graph writes its next answer over this one.
            rows.append([output.float().clone() for output in outputs])
        embedding, *high_res = (torch.cat(column) for column in zip(*rows, strict=True))
        return ImageFeatures(embedding, tuple(high_res))

    return run


def _own_function(
    encoder: Callable[[Tensor], tuple[Tensor, ...]],
) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """Wrap an encoder in code of its own: torch keeps a few programs a piece of code, no more."""

    def encode(pixels: Tensor) -> tuple[Tensor, ...]:
        return encoder(pixels)

    encode.__code__ = encode.__code__.replace()
    return encode


def _told_shortly(
    compiled: Callable[[Tensor], tuple[Tensor, ...]], pixels: Tensor
) -> tuple[Tensor, ...]:
    try:
        return compiled(pixels)
    except RuntimeError as error:
        # Of the errors that come this way only the compiler's own are pages long.
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise StateError(
            f"the image encoder cannot be compiled here: {reason}", hint="use engine torch"
        ) from error


def _parts(pixels: Tensor) -> Iterator[Tensor]:
    """Cut a batch so that few sizes occur: single pictures, on a GPU powers of two."""
    start = 0
    while start < len(pixels):
        left = len(pixels) - start
        size = 1 if pixels.device.type == "cpu" else 1 << (left.bit_length() - 1)
        yield pixels[start : start + size]
        start += size


def need_compiler() -> None:
    """Refuse to compile for a CPU where there is nothing to do it with.

    Raises:
        ConfigError: If there is no C++ compiler.
    """
    named = os.environ.get("CXX", "")
    if any(shutil.which(name) for name in (named, *_COMPILERS) if name):
        return
    raise ConfigError(
        f"engine compile needs a C++ compiler, and none of {', '.join(_COMPILERS)} is on the PATH",
        hint="install one, or use engine torch, openvino or onnxruntime",
    )

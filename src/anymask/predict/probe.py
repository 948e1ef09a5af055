"""Whether this device really is faster in bfloat16: measured, for names of processors lie."""

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

# The shape of an image encoder's products, small enough for a few milliseconds each.
_NUM_TOKENS = 512
_WIDTH = 768
_REPEATS = 4


def bfloat16_speedup(device: torch.device) -> float:
    """Give how many times faster a matrix product is in bfloat16 than in float32.

    Args:
        device: Where to measure; it takes some tens of milliseconds.

    Returns:
        Time in float32 over time in bfloat16, each the best of a few; below 1 where bfloat16 is
        slower.
    """
    products = [_product(device, dtype) for dtype in (torch.float32, torch.bfloat16)]
    for product in products:
        product()  # The first call chooses a kernel.
    # Interleaved, so that whatever else runs on the machine slows both.
    times = [[_seconds(product, device) for product in products] for _ in range(_REPEATS)]
    full, half = (min(column) for column in zip(*times, strict=True))
    return float(full / half)


def _product(device: torch.device, dtype: torch.dtype) -> Callable[[], object]:
    # Ones, because random numbers would move the caller's generator.
    tokens = torch.ones(_NUM_TOKENS, _WIDTH, device=device, dtype=dtype)
    weight = torch.ones(2 * _WIDTH, _WIDTH, device=device, dtype=dtype)
    return lambda: F.linear(tokens, weight)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    began = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()

"""Interleaved timing: A then B, B then A, so that a busy machine slows both alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What one variant took.

    Attributes:
        seconds: Median over the rounds.
        ratio: Median over the rounds of the first variant's time divided by this one's.
        spread: Smallest and largest such ratio.
    """

    seconds: float
    ratio: float
    spread: tuple[float, float]


def interleaved(
    variants: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 1
) -> dict[str, Timing]:
    """Time variants in turn, forwards and backwards.

    With one thread CPU seconds are taken, since other programs share the cores.

    Args:
        variants: Calls to time; ratios are against the first.
        rounds: How often each is called.
        warm_up: Calls before timing.
    """
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    names = list(variants)
    times: dict[str, list[float]] = {name: [] for name in names}
    with torch.inference_mode():
        for _ in range(warm_up):
            for name in names:
                variants[name]()
        for number in range(rounds):
            for name in names if number % 2 == 0 else reversed(names):
                began = clock()
                variants[name]()
                times[name].append(clock() - began)
    first = times[names[0]]
    result = {}
    for name in names:
        ratios = [a / b for a, b in zip(first, times[name], strict=True)]
        result[name] = Timing(
            seconds=statistics.median(times[name]),
            ratio=statistics.median(ratios),
            spread=(min(ratios), max(ratios)),
        )
    return result

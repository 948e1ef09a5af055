"""Interleaved timing: A then B, B then A, so that a busy machine slows both alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

Clock = Callable[[], float]
Calls = Mapping[str, Callable[[], object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What one variant took.

    Attributes:
        seconds: Median over the rounds.
        ratio: Median over the rounds of the first variant's time divided by this one's.
        spread: Smallest and largest such ratio.
        rounds: How often it was called.
    """

    seconds: float
    ratio: float
    spread: tuple[float, float]
    rounds: int


def interleaved(
    variants: Calls, rounds: int, warm_up: int = 1, clock: Clock | None = None
) -> dict[str, Timing]:
    """Time variants in turn, forwards and backwards.

    Args:
        variants: Calls to time; ratios are against the first.
        rounds: How often each is called.
        warm_up: Calls before timing.
        clock: Gives seconds; None for CPU seconds with one thread, since other programs share the
            cores, and for the wall's otherwise.
    """
    clock = clock or (time.process_time if torch.get_num_threads() == 1 else time.perf_counter)
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
    return {name: summary(times[names[0]], times[name]) for name in names}


def summary(first: list[float], times: list[float]) -> Timing:
    """Sum up the seconds of one variant, beside the first one's of the same rounds."""
    ratios = [a / b for a, b in zip(first, times, strict=True)]
    return Timing(
        seconds=statistics.median(times),
        ratio=statistics.median(ratios),
        spread=(min(ratios), max(ratios)),
        rounds=len(times),
    )

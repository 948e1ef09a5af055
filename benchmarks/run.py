"""Measure speed and memory against the published package and write `results/speed.json`."""

import argparse
from typing import Any

import torch
from comparisons import COMPARISONS, Comparison, largest_difference
from engines import COLUMNS as ENGINE_COLUMNS
from engines import ENGINES, engine_rows
from memory import in_own_process
from record import processor, write_record
from rich.console import Console
from timing import interleaved

COLUMNS = [
    "same random weights",
    "published",
    "anymask",
    "times faster (range)",
    "published adds",
    "anymask adds",
    "times less memory",
]


def main() -> None:
    """Measure everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds a measurement")
    parser.add_argument(
        "--quick", action="store_true", help="one round, no whole encoder: to see that it works"
    )
    flags = parser.parse_args()
    rounds = 1 if flags.quick else flags.rounds
    console = Console(stderr=True)
    torch.set_num_threads(1)
    measured = {}
    for comparison in COMPARISONS:
        if not (flags.quick and comparison.is_large):
            with console.status(comparison.title):
                measured[comparison.key] = measure(comparison, rounds)
    with console.status("engines"):
        few = tuple(title for title, engine, _ in ENGINES if engine == "torch")
        engines = engine_rows(rounds, console.print, few if flags.quick else None)
    path = write_record(
        "speed",
        "make bench" + (" (one quick round)" if flags.quick else f" (rounds={rounds})"),
        f"{processor()}, one thread where not stated",
        measured=measured,
        tables={
            "speed": {"columns": COLUMNS, "rows": [row(one) for one in measured.values()]},
            "engines": {"columns": ENGINE_COLUMNS, "rows": engines},
        },
    )
    console.print(f"wrote {path}")


def measure(comparison: Comparison, rounds: int) -> dict[str, Any]:
    """Give the figures of one comparison: seconds and megabytes."""
    made = comparison.make()
    found: dict[str, Any] = {"title": comparison.title}
    if comparison.rounds > 0:
        times = max(1, round(comparison.rounds * rounds))
        # A large call warms itself up: what is set up once is little of it.
        timings = interleaved(made.calls, times, warm_up=0 if comparison.is_large else 1)
        found |= {f"{name}_s": timing.seconds for name, timing in timings.items()}
        found |= {"ratio": timings["anymask"].ratio, "spread": timings["anymask"].spread}
        found |= {"rounds": times, "largest_difference": largest_difference(made)}
    del made
    if comparison.measures_memory:
        for name in ("published", "anymask"):
            found[f"{name}_mb"] = in_own_process(comparison.title, name)
    return found


def row(found: dict[str, Any]) -> list[str | None]:
    """Give a comparison's row of the table."""
    theirs, mine = (told(found.get(f"{name}_s"), 1000, "ms") for name in ("published", "anymask"))
    faster = less = None
    if "ratio" in found:
        low, high = found["spread"]
        faster = f"{found['ratio']:.2f}× ({low:.2f}–{high:.2f})"
    if "anymask_mb" in found:
        less = f"{found['published_mb'] / max(found['anymask_mb'], 1.0):.1f}×"
    sizes = [told(found.get(f"{name}_mb"), 1, "MB") for name in ("published", "anymask")]
    return [found["title"], theirs, mine, faster, *sizes, less]


def told(value: float | None, factor: float, unit: str) -> str | None:
    """Give a figure with its unit, small ones with one decimal."""
    if value is None:
        return None
    scaled = factor * value
    return f"{scaled:.1f} {unit}" if scaled < 9.95 else f"{scaled:.0f} {unit}"


if __name__ == "__main__":
    main()

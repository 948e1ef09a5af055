"""Measure run-length codes against pycocotools' C code and write `results/run_lengths.json`.

pycocotools takes and gives uint8 masks stored column by column; programs hold bool masks stored
row by row. Both are measured: its bare function, and the same with the change of form around it.
"""

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from pycocotools import mask as coco
from record import processor, write_record
from rich.console import Console
from timing import interleaved

from anymask.masks import rle

SIZES = ((512, 512), (1200, 1800))
KINDS = ("one object", "small object", "many parts", "noise", "empty")
COLUMNS = [
    "mask",
    "runs",
    "encode",
    "against bare C (range)",
    "against C from a bool mask",
    "decode",
    "against bare C (range)",
    "against C to a bool mask",
]
_SECONDS_A_ROUND = 0.01


def main() -> None:
    """Measure all masks and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21, help="interleaved rounds a measurement")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    console = Console(stderr=True)
    measured = []
    for size_hw in SIZES:
        for kind in KINDS:
            with console.status(f"{kind} {size_hw[1]}×{size_hw[0]}"):
                measured.append(measure(kind, size_hw, flags.rounds))
    path = write_record(
        "run_lengths",
        f"python benchmarks/run_lengths.py --rounds {flags.rounds}",
        f"{processor()}, one thread",
        measured=measured,
        tables={"run_lengths": {"columns": COLUMNS, "rows": [row(one) for one in measured]}},
    )
    console.print(f"wrote {path}")


def make_mask(kind: str, size_hw: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Give a mask of a kind, the same every time."""
    height, width = size_hw
    random = np.random.default_rng(0)
    if kind == "empty":
        return np.zeros(size_hw, dtype=np.bool_)
    if kind == "noise":
        return random.random(size_hw) < 0.5
    if kind == "many parts":
        rough = random.normal(size=size_hw).astype(np.float32)
        return np.asarray(cv2.GaussianBlur(rough, (0, 0), 12) > 0)
    y, x = np.mgrid[:height, :width]
    scale = 1.0 if kind == "one object" else 0.12
    down, right = (y - 0.5 * height) / (scale * height), (x - 0.45 * width) / (scale * width)
    angle, waves = np.arctan2(down, right), random.normal(0, 0.03, 8)
    radius = 0.3 + sum(wave * np.cos(n * angle + n) for n, wave in enumerate(waves, start=1))
    return np.asarray(np.hypot(down, right) < radius)


def measure(kind: str, size_hw: tuple[int, int], rounds: int) -> dict[str, Any]:
    """Give seconds and ratios of encoding and decoding one mask."""
    mask = make_mask(kind, size_hw)
    columns, code = np.asfortranarray(mask.view(np.uint8)), rle.encode(mask)
    theirs = {"size": code["size"], "counts": code["counts"].encode()}
    if coco.encode(columns) != theirs or not np.array_equal(rle.decode(theirs), mask):
        raise SystemExit(f"{kind}: the codes differ, so times mean nothing")
    encoding = {
        "bare": lambda: coco.encode(columns),
        "from_bool": lambda: coco.encode(np.asfortranarray(mask.view(np.uint8))),
        "anymask": lambda: rle.encode(mask),
    }
    decoding = {
        "bare": lambda: coco.decode(theirs),
        "from_bool": lambda: np.ascontiguousarray(coco.decode(theirs)).view(np.bool_),
        "anymask": lambda: rle.decode(theirs),
    }
    return {
        "mask": f"{kind}, {size_hw[1]}×{size_hw[0]}",
        "runs": len(rle.runs_of(code)),
        "encode": ratios(encoding, rounds),
        "decode": ratios(decoding, rounds),
    }


def ratios(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, Any]:
    """Give the seconds of a call of each, and how many times faster anymask's is."""
    repeats = {name: often(call) for name, call in calls.items()}
    fewest = min(repeats.values())
    timings = interleaved(
        {name: repeated(call, fewest) for name, call in calls.items()}, rounds, warm_up=2
    )
    ours = timings["anymask"]
    return {
        **{f"{name}_s": timing.seconds / fewest for name, timing in timings.items()},
        "ratio": ours.ratio,
        "spread": ours.spread,
        "ratio_from_bool": timings["from_bool"].seconds / ours.seconds,
        "rounds": rounds,
        "calls_a_round": fewest,
    }


def often(call: Callable[[], object]) -> int:
    """Say how many calls fill a round."""
    call()
    began = time.perf_counter()
    call()
    return max(1, math.ceil(_SECONDS_A_ROUND / max(time.perf_counter() - began, 1e-6)))


def repeated(call: Callable[[], object], times: int) -> Callable[[], object]:
    """Give a call that calls another several times."""

    def several() -> None:
        for _ in range(times):
            call()

    return several


def row(found: dict[str, Any]) -> list[str]:
    """Give the row of a mask in the table."""
    cells = [found["mask"], f"{found['runs']:,}"]
    for name in ("encode", "decode"):
        one = found[name]
        low, high = one["spread"]
        cells += [
            f"{1000 * one['anymask_s']:.2f} ms",
            f"{one['ratio']:.2f}× ({low:.2f}–{high:.2f})",
            f"{one['ratio_from_bool']:.2f}×",
        ]
    return cells


if __name__ == "__main__":
    main()

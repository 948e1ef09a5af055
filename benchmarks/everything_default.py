"""Measure everything mode of the default model and write `results/everything_default.json`.

A bundled photo resampled to 12 megapixels, in a process of its own, for time and peak memory; and
what adaptive prompting finds of the masks of exact prompting, on pictures it was not tuned on.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from record import processor, write_record
from rich.console import Console
from rich.progress import track

import anymask
from anymask.data.shards import read_shards
from anymask.evaluate.proposals import overlaps_of
from anymask.everything.generate import Found, find_all
from anymask.everything.memory import bytes_of, peak_bytes, resident_bytes
from anymask.everything.overrides import with_options
from anymask.everything.presets import preset_for
from anymask.image.photos import photo_path
from anymask.image.read import read_picture
from anymask.masks.overview import overview
from anymask.masks.rle import decompress

LARGE_HW = (2828, 4242)
PHOTO = "coffee.png"
BUDGET = "1GB"
SAME_IOU = 0.8
# COCO's bounds of small and large objects, pixels.
SIZES = (("small", 0, 32**2), ("medium", 32**2, 96**2), ("large", 96**2, 1 << 40))


def main() -> None:
    """Measure and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="coco128.tar or another archive")
    parser.add_argument("--pictures", type=int, default=24, help="pictures of the archive")
    parser.add_argument("--large", type=int, help="only this: the 12-megapixel photo, on N threads")
    flags = parser.parse_args()
    if flags.large is not None:
        torch.set_num_threads(flags.large)
        print(json.dumps(large_photo()))
        return
    console = Console(stderr=True)
    large = {}
    for threads in (1, 2):
        with console.status(f"12 megapixels, {threads} threads"):
            large[threads] = in_own_process(threads, flags.data)
    torch.set_num_threads(1)
    adaptive = adaptive_recall(flags.data, flags.pictures, console)
    path = write_record(
        "everything_default",
        f"python benchmarks/everything_default.py --data eval/{flags.data.name} "
        f"--pictures {flags.pictures}",
        processor(),
        large=large,
        adaptive=adaptive,
        tables={"everything_large": large_table(large), "adaptive": adaptive_table(adaptive)},
    )
    console.print(f"wrote {path}")


def large_photo() -> dict[str, Any]:
    """Find everything on the large photo: seconds by step and peak memory."""
    model = anymask.load(device="cpu")
    small = read_picture(photo_path(PHOTO)).pixels
    resized = cv2.resize(small, LARGE_HW[::-1], interpolation=cv2.INTER_CUBIC)
    pixels = np.asarray(resized, dtype=np.uint8)
    before = resident_bytes()
    began = time.perf_counter()
    embedding = model.embed(pixels, use_cache=False)
    encoded = time.perf_counter()
    settings = preset_for(model.loaded, "default")
    found = find_all(model.loaded, embedding, settings, budget_bytes=bytes_of(BUDGET))
    found_all = time.perf_counter()
    overview(pixels, [mask.rle for mask in found.masks])
    return {
        "seconds": {
            "encode": encoded - began,
            **found.seconds,
            "overview": time.perf_counter() - found_all,
        },
        "total_s": found_all - began,
        "masks": len(found.masks),
        "peak_mb": peak_bytes() / 1e6,
        "before_mb": before / 1e6,
    }


def in_own_process(threads: int, data: Path) -> dict[str, Any]:
    """Measure the large photo in a fresh process."""
    words = [sys.executable, __file__, "--data", str(data), "--large", str(threads)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def adaptive_recall(data: Path, number: int, console: Console) -> dict[str, Any]:
    """Say what adaptive prompting finds of exact prompting's masks, and what it costs."""
    loaded = anymask.load(device="cpu").loaded
    hits: list[NDArray[np.bool_]] = []
    areas: list[NDArray[np.int64]] = []
    prompts, seconds = {"exact": 0, "adaptive": 0}, {"exact": 0.0, "adaptive": 0.0}
    pictures = [picture for picture, _ in zip(read_shards([data]), range(number), strict=False)]
    for annotated in track(pictures, "adaptive", console=console):
        picture = read_picture(annotated.encoded)
        (embedding,) = [anymask.Model(loaded).embed(picture, use_cache=False)]
        made: dict[str, Found] = {}
        for mode in prompts:
            settings = with_options(preset_for(loaded, "default"), {"mode": mode})
            began = time.process_time()
            made[mode] = find_all(loaded, embedding, settings)
            seconds[mode] += time.process_time() - began
            prompts[mode] += made[mode].candidates.num_prompts
        hits.append(found_again(made["exact"], made["adaptive"]))
        areas.append(np.array([mask.area for mask in made["exact"].masks], np.int64))
    is_hit, area = np.concatenate(hits), np.concatenate(areas)
    bounds = (("all", 0, 1 << 40), *SIZES)
    chosen = {name: (area >= low) & (area < high) for name, low, high in bounds}
    return {
        "pictures": len(pictures),
        "prompts_share": prompts["adaptive"] / prompts["exact"],
        "times_faster": seconds["exact"] / seconds["adaptive"],
        "recall": {name: share(is_hit[which]) for name, which in chosen.items()},
        "masks": {name: int(which.sum()) for name, which in chosen.items()},
    }


def found_again(exact: Found, other: Found) -> NDArray[np.bool_]:
    """Say which of exact prompting's masks another run found too, bool (M,)."""
    wanted, given = (
        [decompress(mask.rle["counts"]) for mask in found.masks] for found in (exact, other)
    )
    if not wanted or not given:
        return np.zeros(len(wanted), np.bool_)
    return np.asarray(overlaps_of(given, wanted).max(axis=0) >= SAME_IOU)


def share(hits: NDArray[np.bool_]) -> float | None:
    """Give the share that is True; None of nothing."""
    return float(hits.mean()) if len(hits) else None


def large_table(large: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Give the table of the large photo."""
    steps = ("encode", "propose", "select", "overview")
    rows = [
        [
            f"{threads} thread" if threads == 1 else f"{threads} threads",
            *(f"{one['seconds'][step]:.1f} s" for step in steps),
            f"{one['peak_mb']:.0f} MB",
            one["masks"],
        ]
        for threads, one in large.items()
    ]
    title = "default model, 4242 × 2828 photo, 1024 points"
    columns = [title, "encode", "ask", "choose", "picture of all", "peak memory, whole program"]
    return {"columns": [*columns, "masks"], "rows": rows}


def adaptive_table(adaptive: dict[str, Any]) -> dict[str, Any]:
    """Give the table of adaptive prompting."""
    names = [name for name, *_ in SIZES]
    told = [adaptive["recall"][name] for name in ("all", *names)]
    row: list[Any] = [
        f"{adaptive['pictures']}, {adaptive['masks']['all']} masks",
        f"{100 * adaptive['prompts_share']:.0f} %",
        f"{adaptive['times_faster']:.2f}×",
        *(None if value is None else round(value, 3) for value in told),
    ]
    columns = ["pictures", "points asked", "times faster", "found again, all", *names]
    return {"columns": columns, "rows": [row]}


if __name__ == "__main__":
    main()

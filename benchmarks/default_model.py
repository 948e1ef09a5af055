"""What the default model takes for a photo and for a click, part by part.

Writes `results/default_speed.json`; a minute.
"""

import argparse
import time
from typing import Any

import torch
from part_times import PartTimes, median_parts
from record import processor, write_record

import anymask
from anymask.image.photos import photo_path
from anymask.masks import mask as mask_file
from anymask.predict import encode as encode_file

PHOTO = "astronaut.png"  # 512 × 512
CLICK = (220, 120)
ENCODE_PARTS = ("read the photo", "resize, normalise", "image encoder", "shared by its prompts")
CLICK_PARTS = (
    "prompt encoder",
    "click maps",
    "transformer",
    "upscaling, products",
    "mask scorer",
    "to the photo's size",
)

Split = dict[str, dict[str, float]]


def main() -> None:
    """Measure and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="a sixth of the calls")
    parser.add_argument("--quick", action="store_true", help="one round: to see that it works")
    flags = parser.parse_args()
    rounds = 1 if flags.quick else flags.rounds
    splits = {threads: default_split(threads, 1 + 6 * rounds) for threads in (1, 2)}
    path = write_record(
        "default_speed",
        f"python benchmarks/default_model.py --rounds {rounds}",
        f"{processor()}, CPU time with one thread",
        model={"sha256": anymask.load(device="cpu").loaded.sha256},
        default_model_ms=splits,
        tables={
            "default_speed": whole_table(splits),
            "default_encode": split_table(splits, "encode"),
            "default_click": split_table(splits, "click"),
        },
    )
    print(f"wrote {path}")


def default_split(threads: int, rounds: int) -> Split:
    """Give the milliseconds of encoding and of a click: each part and, as "whole", all.

    Args:
        threads: Threads of torch. With one, CPU time is taken, for others share the cores.
        rounds: Calls; medians are given.
    """
    torch.set_num_threads(threads)
    model = anymask.load(device="cpu")
    photo = photo_path(PHOTO).read_bytes()
    embedding = model.embed(photo, use_cache=False)
    parts = PartTimes(clock=time.process_time if threads == 1 else time.perf_counter)
    with_parts(parts, model)
    encode = median_parts(lambda: model.embed(photo, use_cache=False), parts, rounds)
    click = median_parts(lambda: model.predict(embedding, points=[CLICK]).arrays, parts, rounds)
    return {"encode": in_ms(encode), "click": in_ms(click)}


def with_parts(parts: PartTimes, model: anymask.Model) -> None:
    """Watch the parts of the default model."""
    sam = model.loaded.sam
    decoder: Any = sam.mask_decoder
    parts.watch("read the photo", anymask.api, "read_picture")
    parts.watch("resize, normalise", encode_file, "to_model_input")
    parts.watch("image encoder", sam, "encode")
    parts.watch("shared by its prompts", sam, "prepare")
    for method in ("sparse", "dense"):
        parts.watch("prompt encoder", sam.prompt_encoder, method)
    parts.watch("click maps", sam.click_maps)
    parts.watch("transformer", decoder.transformer)
    parts.watch("upscaling, products", decoder, "draw")
    parts.watch("mask scorer", decoder.mask_scorer)
    parts.watch("to the photo's size", mask_file, "full_resolution_mask")


def in_ms(seconds: dict[str, float]) -> dict[str, float]:
    """Give milliseconds, with their sum as "whole"."""
    found = {name: 1000 * value for name, value in seconds.items()}
    return found | {"whole": sum(found.values())}


def whole_table(splits: dict[int, Split]) -> dict[str, Any]:
    """Give the table of whole times by number of threads."""
    rows = [
        [threads_of(threads), *(f"{split[what]['whole']:.0f} ms" for what in ("encode", "click"))]
        for threads, split in splits.items()
    ]
    columns = ["default model, 512 × 512 photo", "encode", "click, three masks"]
    return {"columns": columns, "rows": rows}


def split_table(splits: dict[int, Split], what: str) -> dict[str, Any]:
    """Give the table of one split's parts by number of threads."""
    names = list(next(iter(splits.values()))[what])
    rows = [[name, *(f"{split[what][name]:.1f} ms" for split in splits.values())] for name in names]
    return {"columns": [what, *map(threads_of, splits)], "rows": rows}


def threads_of(number: int) -> str:
    """Give "1 thread" or "2 threads"."""
    return f"{number} thread{'' if number == 1 else 's'}"


if __name__ == "__main__":
    main()

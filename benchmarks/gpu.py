"""Measure on a CUDA device: pictures, prompts, all masks; write `results/gpu.json`."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import numpy as np
import torch
from comparisons import CLICK, clicks, photo, scattered
from gpu_everything import COLUMNS as EVERYTHING_COLUMNS
from gpu_everything import everything_rows
from record import write_record
from reference import Shape, config_of, loaded
from rich.console import Console

from anymask.errors import AnymaskError
from anymask.model.configs import SamConfig
from anymask.model.image_encoder import ImageFeatures
from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam
from anymask.predict.engines import EngineName, Precision, with_engine
from anymask.segment_anything import SamModel, SamPredictor

ENGINES: tuple[tuple[str, EngineName, Precision], ...] = (
    ("torch, float32", "torch", "float32"),
    ("torch, bfloat16", "torch", "bfloat16"),
    ("torch.compile, bfloat16", "compile", "bfloat16"),
)
SHAPES: tuple[Shape, ...] = ("vit_b", "vit_h")
BATCHES = (1, 4, 8)
PROMPTS = 1024
MB = 1024**2


def main() -> int:
    """Measure everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="calls a measurement")
    rounds = parser.parse_args().rounds
    if not torch.cuda.is_available():
        print("error: there is no CUDA device here; nothing was measured.", file=sys.stderr)
        return 2
    device, console = torch.device("cuda"), Console(stderr=True)
    encoders: list[list[str]] = []
    everything: list[list[str]] = []
    for shape in SHAPES:
        with console.status(shape):
            network = random_network(config_of(shape))
            encoders += encoder_rows(network, device, rounds, console.print)
            everything += everything_rows(network, device, rounds, measured)
    with console.status("decoder"):
        decoders = decoder_rows(random_network(config_of("vit_b", 1)), device, rounds)
    path = write_record(
        "gpu",
        f"make bench-gpu (rounds={rounds})",
        torch.cuda.get_device_name(device),
        tables={
            "gpu_encoder": {
                "columns": [
                    "pictures a second",
                    *(f"batch {size}" for size in BATCHES),
                    f"memory added at batch {BATCHES[-1]}",
                ],
                "rows": encoders,
            },
            "gpu_everything": {"columns": EVERYTHING_COLUMNS, "rows": everything},
            "gpu_decoder": {"columns": ["ViT-B", "time", "memory added"], "rows": decoders},
        },
    )
    console.print(f"wrote {path}")
    return 0


def encoder_rows(
    network: Sam, device: torch.device, rounds: int, tell: Callable[[str], object]
) -> list[list[str]]:
    """Give one row an engine: pictures a second by batch, and memory.

    Args:
        network: The network.
        device: Where it is measured.
        rounds: Calls a measurement.
        tell: Takes a sentence about an engine that is left out.
    """
    rows = []
    side = network.config.input_size
    for title, engine, precision in ENGINES:
        try:
            model = with_engine(loaded(deepcopy(network), device), engine, precision)
            speeds, memory = [], 0.0
            for size in BATCHES:
                pixels = torch.randn(size, 3, side, side, device=device)
                seconds, memory = measured(partial(model.encode, pixels), device, rounds)
                speeds.append(f"{size / seconds:.1f}")
        except (AnymaskError, RuntimeError) as error:
            tell(f"{title} is left out: {str(error).splitlines()[0]}")
            continue
        rows.append([f"{network.config.name}, {title}", *speeds, megabytes(memory, device)])
    return rows


def decoder_rows(
    network: Sam, device: torch.device, rounds: int, prompts: int = PROMPTS
) -> list[list[str]]:
    """Give a row each for many prompts and for one click with full-size masks.

    Args:
        network: The network.
        device: Where it is measured.
        rounds: Calls a measurement.
        prompts: How many are decoded.
    """
    network = network.to(device)
    predictor = SamPredictor(SamModel(network))
    predictor.set_image(photo())
    features = ImageFeatures(predictor.get_image_embedding())
    with torch.inference_mode():
        prepared = network.prepare(features)
    asked = clicks(scattered(prompts))
    asked = PromptBatch(asked.points.to(device), asked.labels.to(device))
    calls: dict[str, Callable[[], object]] = {
        f"{prompts} prompts, low-resolution logits": partial(
            network.decode, features, asked, prepared, slice(1, 4)
        ),
        "one click, three masks at 1800 × 1200": partial(
            predictor.predict, np.array([CLICK]), np.array([1])
        ),
    }
    rows = []
    for title, call in calls.items():
        seconds, memory = measured(call, device, rounds)
        rows.append([title, f"{1000 * seconds:.1f} ms", megabytes(memory, device)])
    return rows


def random_network(config: SamConfig) -> Sam:
    """Give a network with random weights."""
    torch.manual_seed(0)
    return Sam(config).eval().requires_grad_(False)


def measured(call: Callable[[], object], device: torch.device, rounds: int) -> tuple[float, float]:
    """Give the median seconds of a call, and the megabytes it adds at its peak; 0 on a CPU.

    Args:
        call: What is measured; called twice beforehand.
        device: What it runs on.
        rounds: How often it is measured.
    """
    is_cuda = device.type == "cuda"
    wait = partial(torch.cuda.synchronize, device) if is_cuda else nothing
    times = []
    with torch.inference_mode():
        for _ in range(2):
            call()
        wait()
        before = torch.cuda.memory_allocated(device) if is_cuda else 0
        if is_cuda:
            torch.cuda.reset_peak_memory_stats(device)
        for _ in range(rounds):
            began = time.perf_counter()
            call()
            wait()
            times.append(time.perf_counter() - began)
        peak = torch.cuda.max_memory_allocated(device) if is_cuda else 0
    return statistics.median(times), (peak - before) / MB


def nothing() -> None:
    """Wait for nothing: a CPU is done when a call is."""


def megabytes(value: float, device: torch.device) -> str:
    """Give a figure of memory; a dash where none is measured."""
    return f"{value:.0f} MB" if device.type == "cuda" else "–"


if __name__ == "__main__":
    sys.exit(main())

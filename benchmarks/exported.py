"""Measure exported files on ONNX Runtime beside torch and write `results/exported.json`."""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch
from record import processor, write_record
from reference import loaded, pair
from rich.console import Console
from run import told
from timing import Calls, interleaved

import anymask
from anymask.predict.onnx_check import Sitter, encode, masks_of, questions, shares_of, sit
from anymask.predict.onnx_decoder import MASKS
from anymask.predict.onnx_export import DECODER, ENCODER, ExportSettings, export_onnx
from anymask.predict.onnx_session import ExportedModel, open_files
from anymask.weights.loaded import LoadedModel

COLUMNS = [
    "exported to ONNX",
    "torch",
    "ONNX Runtime",
    "times as fast (range)",
    "equal pixels, of all masks",
    "of the worst mask",
]
QUANTIZED = "quantized.onnx"


def main() -> None:
    """Measure everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds a measurement")
    parser.add_argument("--quick", action="store_true", help="one round, the default model alone")
    flags = parser.parse_args()
    rounds = 1 if flags.quick else flags.rounds
    console = Console(stderr=True)
    torch.set_num_threads(1)
    models = {"default model": anymask.load(device="cpu").loaded}
    if not flags.quick:
        models["ViT-B, random weights"] = loaded(pair("vit_b")[1])
    measured = {}
    for title, model in models.items():
        with console.status(title):
            measured[title] = measure(model, rounds)
    path = write_record(
        "exported",
        f"python benchmarks/exported.py (rounds={rounds})",
        f"{processor()}, one thread",
        measured=measured,
        tables={"exported": {"columns": COLUMNS, "rows": rows(measured)}},
    )
    console.print(f"wrote {path}")


def measure(model: LoadedModel, rounds: int) -> dict[str, Any]:
    """Export a model and give the figures of its files.

    Args:
        model: The model.
        rounds: Interleaved rounds; a click is quick and gets ten times as many.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export_onnx(model, folder, ExportSettings(quantize_out=folder / QUANTIZED))
        sitter = sit(model)
        whole, small = (
            open_files(folder / ENCODER, folder / decoder, 1) for decoder in (DECODER, QUANTIZED)
        )
        features = whole.encode(sitter.pixels)
        click, frame = next(questions(sitter)), sitter.embedding.frame
        found = {
            "a new photo": timed(
                {
                    "torch": lambda: encode(sitter),
                    "onnx": lambda: whole.encode(sitter.pixels),
                },
                rounds,
            ),
        }
        for title, files in {"a click": whole, "a click, quantized": small}.items():
            calls: Calls = {
                "torch": lambda: masks_of(sitter, click),
                "onnx": lambda files=files: files.decode(features, click, frame)[MASKS] > 0,  # type: ignore[misc]
            }
            found[title] = timed(calls, 10 * rounds) | shares(sitter, files)
        sizes = {name: (folder / name).stat().st_size for name in (ENCODER, DECODER, QUANTIZED)}
    return {"parts": found, "num_bytes": sizes}


def timed(calls: Calls, rounds: int) -> dict[str, Any]:
    """Give seconds of both sides, and how much faster the second is."""
    timings = interleaved(calls, rounds)
    return {
        "torch_s": timings["torch"].seconds,
        "onnx_s": timings["onnx"].seconds,
        "ratio": timings["onnx"].ratio,
        "spread": timings["onnx"].spread,
        "rounds": rounds,
    }


def shares(sitter: Sitter, files: ExportedModel) -> dict[str, float]:
    """Give the share of equal pixels over all masks, and that of the worst one."""
    features = files.encode(sitter.pixels)
    found = [
        share
        for prompt in questions(sitter)
        for share in shares_of(sitter, files, features, prompt)
    ]
    return {"share": sum(found) / len(found), "worst_share": min(found), "num_masks": len(found)}


def rows(measured: dict[str, Any]) -> list[list[str | None]]:
    """Give the rows of the table."""
    made = []
    for model, figures in measured.items():
        for part, found in figures["parts"].items():
            low, high = found["spread"]
            times = [told(found[f"{side}_s"], 1000, "ms") for side in ("torch", "onnx")]
            agreement = [percent(found.get(key)) for key in ("share", "worst_share")]
            faster = f"{found['ratio']:.2f}× ({low:.2f}–{high:.2f})"
            made.append([f"{model}: {part}", *times, faster, *agreement])
    return made


def percent(share: float | None) -> str | None:
    """Give a share in percent, rounded down: what differs must not read as 100 %."""
    return None if share is None else f"{int(share * 1e5) / 1e3:.3f} %"


if __name__ == "__main__":
    main()

"""The image encoder on every engine that is installed, beside the published one."""

from collections.abc import Callable
from copy import deepcopy

import torch
from comparisons import PARTIAL_DEPTH, one_picture
from reference import loaded, pair
from timing import interleaved
from torch import Tensor

from anymask.errors import AnymaskError
from anymask.predict.engines import EngineName, Precision, with_engine

# What is measured; any of them may refuse, and its row is left out with the reason.
ENGINES: tuple[tuple[str, EngineName, Precision], ...] = (
    ("torch, float32", "torch", "float32"),
    ("torch, bfloat16 in the large linears", "torch", "bfloat16"),
    ("torch.compile, float32", "compile", "float32"),
    ("ONNX Runtime, float32", "onnxruntime", "float32"),
    ("OpenVINO, float32", "openvino", "float32"),
    ("OpenVINO, bfloat16", "openvino", "bfloat16"),
)
COLUMNS = ["ViT-B encoder, 3 of 12 blocks", "time", "times faster (range)", "rms difference"]


def engine_rows(
    rounds: int, tell: Callable[[str], object], engines: tuple[str, ...] | None = None
) -> list[list[str]]:
    """Time the engines on one thread and give the rows of their table.

    Args:
        rounds: Interleaved rounds.
        tell: Takes a sentence about an engine that is left out.
        engines: Titles of those wanted; None for all.
    """
    published, ours = pair("vit_b", PARTIAL_DEPTH)
    pixels = one_picture()
    calls: dict[str, Callable[[], Tensor]] = {"published": lambda: published.image_encoder(pixels)}
    with torch.inference_mode():
        expected = calls["published"]()
    differences = {}
    for title, engine, precision in ENGINES:
        if engines is not None and title not in engines:
            continue
        try:
            # A copy, for an engine may change the network it is given.
            model = with_engine(loaded(deepcopy(ours)), engine, precision)
            with torch.inference_mode():
                differences[title] = relative_rms(model.encode(pixels).embedding, expected)
        except (AnymaskError, RuntimeError, ImportError) as error:
            tell(f"{title} is left out: {str(error).splitlines()[0]}")
            continue
        calls[title] = lambda model=model: model.encode(pixels).embedding  # type: ignore[misc]
    timings = interleaved(calls, rounds)
    rows = [["published", f"{1000 * timings['published'].seconds:.0f} ms", "1", "0"]]
    for title, difference in differences.items():
        timing = timings[title]
        low, high = timing.spread
        faster = f"{timing.ratio:.2f}× ({low:.2f}–{high:.2f})"
        rows.append([title, f"{1000 * timing.seconds:.0f} ms", faster, f"{difference:.1g}"])
    return rows


def relative_rms(found: Tensor, expected: Tensor) -> float:
    """Give the root mean square of a difference, as a share of that of the expected values."""
    return float((found - expected).square().mean().sqrt() / expected.square().mean().sqrt())

"""The image encoder on OpenVINO: the fastest on Intel processors.

OpenVINO computes in bfloat16 wherever the processor can, unless told otherwise; here it is told.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anymask.errors import MissingExtra
from anymask.model.sam import Sam
from anymask.predict.exported_encoder import export_encoder, one_by_one
from anymask.predict.kept_conversion import converted
from anymask.weights.loaded import EncoderEngine

_FILE = "encoder.xml"


def import_openvino() -> Any:  # noqa: ANN401 - an optional package
    """Give the package.

    Raises:
        MissingExtra: If it is not installed.
    """
    try:
        with _nothing_sent():
            import openvino
    except ImportError as error:
        raise MissingExtra(
            "engine openvino needs the package openvino", hint='run pip install "anymask[openvino]"'
        ) from error
    return openvino


def openvino_encoder(
    sam: Sam, dtype: torch.dtype, folder: Path | None
) -> tuple[EncoderEngine, torch.dtype, tuple[str, ...]]:
    """Give an image encoder that runs on OpenVINO, on as many threads as torch is set to.

    Args:
        sam: The network, on the CPU in float32.
        dtype: Number format that is asked for: float32 or bfloat16.
        folder: Where the converted network is kept; None to keep nothing.

    Returns:
        The engine, the number format it computes in, and notes.

    Raises:
        MissingExtra: If OpenVINO is not installed.
    """
    openvino = import_openvino()
    threads = torch.get_num_threads()
    options = {
        "INFERENCE_PRECISION_HINT": "bf16" if dtype == torch.bfloat16 else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Processes that each pin a thread to the first core would wait for each other.
        "ENABLE_CPU_PINNING": False,
    }
    core = _core()
    compiled, notes = converted(
        folder,
        convert=lambda: _convert(openvino, sam),
        # By default it would store the weights in half precision.
        save=lambda made, place: openvino.save_model(made, place / _FILE, compress_to_fp16=False),
        read=lambda place: core.compile_model(core.read_model(place / _FILE), "CPU", options),
    )
    used = compiled.get_property("INFERENCE_PRECISION_HINT")
    chosen = torch.bfloat16 if used == openvino.Type.bf16 else torch.float32
    engine = EncoderEngine(
        name="openvino",
        version=openvino.__version__.partition("-")[0],
        threads=threads,
        run=one_by_one(_runner(compiled)),
    )
    return engine, chosen, notes


@cache
def _core() -> Any:  # noqa: ANN401 - an optional package
    """Give the one core of this process, which is never given back.

    On some processors its plugin lends the calling thread a signal stack and frees it with the
    last core, from whatever thread lets that go; the next Ctrl-C would end in a crash.
    """
    return import_openvino().Core()


def _runner(compiled: Any) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:  # noqa: ANN401
    def run(picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        # A request of its own for each call, so that threads may share the model.
        results = compiled.create_infer_request().infer([picture])
        return [results[index] for index in range(len(results))]

    return run


def _convert(openvino: Any, sam: Sam) -> Any:  # noqa: ANN401 - an optional package
    size = sam.config.input_size
    program = export_encoder(sam)
    with warnings.catch_warnings():
        # It uses names that torch will drop; a user cannot change that.
        warnings.simplefilter("ignore")
        model = openvino.convert_model(program)
    model.reshape([1, 3, size, size])
    return model


@contextmanager
def _nothing_sent() -> Iterator[None]:
    """Let OpenVINO be imported without the part that reports each use of it to its makers.

    It reports imports and conversions unless a user refused beforehand; anymask opens no
    connections. A program that imported OpenVINO itself has made its own choice.
    """
    reporter = "openvino_telemetry"
    if "openvino" in sys.modules or reporter in sys.modules:
        yield
        return
    # Importing what stands as None fails as if it were not installed.
    sys.modules[reporter] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[reporter]

"""The image encoder on ONNX Runtime: float32, on any processor it is built for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anymask.errors import MissingExtra
from anymask.model.sam import Sam
from anymask.predict.exported_encoder import export_encoder, one_by_one
from anymask.predict.kept_conversion import converted
from anymask.predict.onnx_program import onnx_program, open_session
from anymask.weights.loaded import EncoderEngine

_FILE = "encoder.onnx"
_INPUT = "pixels"


def import_onnxruntime(asker: str = "engine onnxruntime") -> Any:  # noqa: ANN401 - an optional package
    """Give the package.

    Args:
        asker: What needs it, for people.

    Raises:
        MissingExtra: If it, or what writes its files, is not installed.
    """
    try:
        import onnx  # noqa: F401 - the next one needs it
        import onnxruntime
        import onnxscript  # noqa: F401 - torch writes ONNX files with it
    except ImportError as error:
        raise MissingExtra(
            f"{asker} needs the package {error.name}",
            hint='run pip install "anymask[onnx]"',
        ) from error
    return onnxruntime


def onnxruntime_encoder(sam: Sam, folder: Path | None) -> tuple[EncoderEngine, tuple[str, ...]]:
    """Give an image encoder that runs on ONNX Runtime, on as many threads as torch is set to.

    Args:
        sam: The network, on the CPU in float32.
        folder: Where the converted network is kept; None to keep nothing.

    Returns:
        The engine and notes.

    Raises:
        MissingExtra: If ONNX Runtime is not installed.
    """
    onnxruntime = import_onnxruntime()
    threads = torch.get_num_threads()
    session, notes = converted(
        folder,
        convert=lambda: onnx_program(export_encoder(sam), [_INPUT]),
        save=lambda made, place: made.save(place / _FILE, external_data=True),
        read=lambda place: open_session(place / _FILE, threads),
    )
    engine = EncoderEngine(
        name="onnxruntime",
        version=onnxruntime.__version__,
        threads=threads,
        run=one_by_one(_runner(session)),
    )
    return engine, notes


def _runner(session: Any) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:  # noqa: ANN401
    return lambda picture: list(session.run(None, {_INPUT: picture}))

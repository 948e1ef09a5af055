"""The image encoder on ONNX Runtime: float32, on any processor it is built for."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

_FILE = "encoder.onnx"
_INPUT = "pixels"
# Severity in ONNX Runtime's terms: what it warns of is how it placed its own parts.
_ERRORS_ALONE = 3


def import_onnxruntime() -> Any:  # noqa: ANN401 - an optional package
    """Give the package.

    Raises:
        MissingExtra: If it, or what writes its files, is not installed.
    """
    try:
        import onnx  # noqa: F401 - the next one needs it
        import onnxruntime
        import onnxscript  # noqa: F401 - torch writes ONNX files with it
    except ImportError as error:
        raise MissingExtra(
            f"engine onnxruntime needs the package {error.name}",
            hint='run pip install "anymask[onnxruntime]"',
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
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ALONE
    # Threads that wait by spinning would take the processor from the decoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session, notes = converted(
        folder,
        convert=lambda: _convert(sam),
        save=lambda made, place: made.save(place / _FILE, external_data=True),
        read=lambda place: onnxruntime.InferenceSession(
            place / _FILE, options, providers=["CPUExecutionProvider"]
        ),
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


def _convert(sam: Sam) -> Any:  # noqa: ANN401 - torch names no type of its own for it
    program = export_encoder(sam)
    with warnings.catch_warnings(), _quiet_exporter():
        # It uses names that torch will drop; a user cannot change that.
        warnings.simplefilter("ignore")
        return torch.onnx.export(program, f=None, dynamo=True, input_names=[_INPUT], verbose=False)


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep the exporter from telling which packages it could use besides."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)

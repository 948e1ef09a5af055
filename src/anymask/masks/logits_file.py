"""An answer's low-resolution logits as a NumPy file, from which a later question can go on."""

import io
import os
from pathlib import Path

import numpy as np

from anymask.errors import InputError
from anymask.masks.atomic import shown_name
from anymask.masks.resize import FloatArray

SUFFIX = ".npy"
# Larger than any model's answer; what a damaged header may promise is not believed.
_MOST_BYTES = 1 << 26


def logits_bytes(low_res_logits: FloatArray) -> bytes:
    """Give the content of a file.

    Args:
        low_res_logits: The model's answer, float32 (h, w).
    """
    buffer = io.BytesIO()
    np.save(buffer, low_res_logits.astype(np.float32), allow_pickle=False)
    return buffer.getvalue()


def load_logits(path: str | os.PathLike[str]) -> FloatArray:
    """Read an answer's logits.

    Args:
        path: The file.

    Returns:
        The logits, float32 (h, w).

    Raises:
        InputError: If the file is missing, unreadable, too large, or holds anything but finite
            floats in two axes.
    """
    shown, hint = shown_name(path), "write it with segment --format logits"
    try:
        # Asked first: a pipe would be waited for without end.
        if Path(path).exists() and not Path(path).is_file():
            raise InputError(f"{shown}: is not a regular file", hint=hint)
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"{shown}: cannot be read ({error.strerror or error})", hint="check the path"
        ) from error
    if len(content) > _MOST_BYTES:
        raise InputError(f"{shown}: is too large for logits", hint=hint)
    try:
        logits = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{shown}: is no NumPy file of numbers", hint=hint) from error
    if not isinstance(logits, np.ndarray) or logits.ndim != 2 or logits.dtype.kind != "f":
        raise InputError(f"{shown}: holds no floats in two axes", hint=hint)
    if logits.size == 0 or not np.isfinite(logits).all():
        raise InputError(f"{shown}: holds no logits, or NaN or infinite ones", hint=hint)
    return logits.astype(np.float32)

"""Candidates in a file, so that thresholds can be chosen after the run.

One zip archive of arrays, as `numpy.savez` writes it, nothing pickled: `rows`, the run lengths one
after another in `codes` with their ends in `ends`, and `told`, JSON of everything else.
"""

import io
import json
import os
import tokenize
import zipfile
import zlib
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from anymask.configuration import from_mapping
from anymask.errors import AnymaskError, InputError
from anymask.everything.candidates import ROW, Candidates, Floors
from anymask.everything.settings import EverythingSettings
from anymask.masks.atomic import shown_name, write_bytes
from anymask.masks.boxes import IntBox
from anymask.masks.rle import runs_of

FORMAT = "anymask-candidates/1"
_HINT = "make it anew with --keep-candidates"
_LARGEST_BYTES = 8 << 30
# What numpy, json and the checks below raise on bytes that are not what they should be.
_DAMAGES = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, NotImplementedError,
    EOFError, RuntimeError, MemoryError, SyntaxError, zipfile.BadZipFile, zlib.error,
    tokenize.TokenError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOf:
    """Which picture candidates are of.

    Attributes:
        name: Its file's name, as it may be shown.
        sha256: Hash of its bytes, hexadecimal.
        model: Name and origin of the model.
        model_sha256: Hash of the weights, hexadecimal.
    """

    name: str
    sha256: str
    model: str
    model_sha256: str


def save_candidates(
    candidates: Candidates,
    picture: PictureOf,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = True,
) -> None:
    """Write candidates to a file.

    Args:
        candidates: What was found.
        picture: Of what, and by which model.
        path: The file.
        overwrite: Whether a file of that name may be replaced.

    Raises:
        OutputError: If it cannot be written or may not be replaced.
    """
    codes = [code.encode("ascii") for code in candidates.codes]
    told = {
        "format": FORMAT,
        "size_hw": candidates.size_hw,
        "crops": candidates.crops,
        "settings": asdict(candidates.settings),
        "floors": asdict(candidates.floors),
        "num_prompts": candidates.num_prompts,
        "left_out": dict(candidates.left_out),
        "picture": asdict(picture),
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        rows=candidates.rows,
        codes=np.frombuffer(b"".join(codes), np.uint8),
        ends=np.cumsum([len(code) for code in codes], dtype=np.int64),
        told=np.frombuffer(json.dumps(told).encode("ascii"), np.uint8),
    )
    write_bytes(path, buffer.getvalue(), overwrite=overwrite)


def load_candidates(path: str | os.PathLike[str]) -> tuple[Candidates, PictureOf]:
    """Read candidates from a file.

    Args:
        path: As `save_candidates` wrote it.

    Returns:
        The candidates, and of what they are.

    Raises:
        InputError: If it cannot be read or is no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST_BYTES:
                raise InputError("is too large")
        with np.load(Path(path), allow_pickle=False) as arrays:
            told = json.loads(arrays["told"].tobytes())
            return _candidates(arrays, told), from_mapping(PictureOf, told["picture"])
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{shown_name(path)}: {reason}", hint="check the name") from error
    except AnymaskError as error:
        raise InputError(f"{shown_name(path)}: {error.message}", hint=_HINT) from error
    except _DAMAGES as error:
        raise InputError(
            f"{shown_name(path)}: is no file of candidates, or damaged", hint=_HINT
        ) from error


def _box(numbers: list[object], size_hw: tuple[int, int]) -> IntBox:
    x0, y0, x1, y1 = (int(str(number)) for number in numbers)
    if not (0 <= x0 <= x1 <= size_hw[1] and 0 <= y0 <= y1 <= size_hw[0]):
        raise ValueError(numbers)
    return x0, y0, x1, y1


def _candidates(arrays: Any, told: dict[str, Any]) -> Candidates:  # noqa: ANN401 - numpy's archive
    if told["format"] != FORMAT:
        raise ValueError(told["format"])
    rows, ends, text = arrays["rows"], arrays["ends"], arrays["codes"].tobytes().decode("ascii")
    height, width = map(int, told["size_hw"])
    crops = tuple(_box(box, (height, width)) for box in told["crops"])
    is_sound = (
        rows.dtype == ROW
        and rows.ndim == ends.ndim == 1
        and len(rows) == len(ends)
        and (np.diff(ends, prepend=0, append=len(text)) >= 0).all()
        and (len(ends) == 0 or ends[-1] == len(text))
        and (rows["crop"] < len(crops)).all()
        and (rows["crop"] >= 0).all()
        and (rows["box"] >= 0).all()
        and (rows["box"][:, 2:] <= (width, height)).all()
        and (rows["area"] >= 0).all()
        and (rows["area"] <= height * width).all()
        and np.isfinite(rows["point"]).all()
        and np.isfinite(rows["predicted_iou"]).all()
    )
    if not is_sound:
        raise ValueError("arrays do not fit together")
    codes = tuple(text[a:b] for a, b in pairwise([0, *ends.tolist()]))
    for code in codes:
        runs_of({"size": (height, width), "counts": code})
    return Candidates(
        size_hw=(height, width),
        rows=rows,
        codes=codes,
        crops=crops,
        settings=from_mapping(EverythingSettings, told["settings"]),
        floors=from_mapping(Floors, told["floors"]),
        num_prompts=int(told["num_prompts"]),
        left_out={str(name): int(count) for name, count in told["left_out"].items()},
    )

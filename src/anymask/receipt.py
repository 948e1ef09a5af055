"""The receipt: a JSON file beside an output that says how it came to be.

It holds what another run needs to make the same bytes: the command with its arguments, which
picture, which model, which versions and device, the settings and the prompts; the hashes of what
was written, to compare with; and what a reader wants to know besides: notes about the input, and
the time spent.

In the arguments files are named by reference, so that they may have moved: "@input" is the input,
"@mask" the file called "mask" in `others`, "@output" the folder of the outputs.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anymask.configuration import from_mapping, to_mapping
from anymask.errors import InputError
from anymask.masks.atomic import shown_name, write_bytes
from anymask.vocabulary import Box, Point, Prompt

FORMAT = "anymask-receipt/2"
SUFFIX = ".receipt.json"

# Packages whose version can change a mask.
_PACKAGES = ("anymask", "numpy", "opencv-python-headless", "pillow", "torch")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStamp:
    r"""Which file it was.

    Attributes:
        name: File name without its folder; bytes that are not UTF-8 are written as `\xff`.
        sha256: Hash of the content, hexadecimal; "" where nobody looked into it.
        name_bytes: The name's bytes in hexadecimal where `name` cannot tell them, else None.
        folder: Where it lay, as a path from the receipt's folder, with "/"; None where that
            cannot be told.
    """

    name: str
    sha256: str
    name_bytes: str | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStamp:
    """What ran the image encoder.

    Attributes:
        name: "torch", "compile", "openvino" or "onnxruntime".
        version: Of the package that computed.
        precision: Number format ("float32", "bfloat16").
        threads: Threads it could use; None on a GPU.
    """

    name: str
    version: str
    precision: str
    threads: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayStamp:
    """Which array it was.

    Attributes:
        shape: Its axes.
        dtype: Its numpy type ("bool", "float32").
        sha256: Hash of the values in row order, hexadecimal.
    """

    shape: tuple[int, ...]
    dtype: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRecord:
    """A prompt in JSON's terms.

    Attributes:
        points: (x, y) pairs in pixels of the upright picture.
        labels: One label a point.
        box: Corners (x0, y0, x1, y1), or None.
        mask: The mask prompt's stamp, or None.
    """

    points: tuple[Point, ...] = ()
    labels: tuple[int, ...] = ()
    box: Box | None = None
    mask: ArrayStamp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How one output, or several of one input, came to be.

    Attributes:
        input: The picture, or whatever else was turned into the outputs.
        command: What `anymask` was told to do ("segment", "export onnx").
        arguments: The command's further words; files by reference, see this module's head.
        others: Further files that were read, by the name the arguments call them.
        outputs: What was written, in order.
        model: The weights; None where there is no model.
        device: Where the model ran ("cpu", "cuda:0").
        versions: Package or interpreter name to version.
        settings: Names and values that the output depends on, in JSON's terms.
        prompts: What was asked, in order.
        notes: Sentences about the input or the run that a reader should know.
        seconds: Step name to time spent.
        engine: What ran the image encoder.
        format: Which form of receipt this is.
    """

    input: FileStamp
    command: str
    arguments: tuple[str, ...] = ()
    others: Mapping[str, FileStamp] = field(default_factory=dict)
    outputs: tuple[FileStamp, ...] = ()
    model: FileStamp | None = None
    device: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    prompts: tuple[PromptRecord, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    engine: EngineStamp | None = None
    format: str = FORMAT


def stamp_bytes(name: str, content: bytes) -> FileStamp:
    """Give the stamp of a file whose content is at hand.

    Args:
        name: The file's name or path; only its last part is kept.
        content: The file's bytes.
    """
    return _stamp(Path(name), hashlib.sha256(content).hexdigest())


def stamp_file(path: Path) -> FileStamp:
    """Give the stamp of a file, read a piece at a time, or of a folder with all that is in it.

    Args:
        path: The file or folder; a folder's hash is over the names and hashes of its files, of
            JPEG photos, which may be many and hold no annotation, over names and sizes.
    """
    if not path.is_dir():
        return _stamp(path, _sha256_of(path))
    digest = hashlib.sha256()
    for file in sorted(found for found in path.rglob("*") if found.is_file()):
        is_photo = file.suffix.lower() in (".jpg", ".jpeg")
        try:
            told = str(file.stat().st_size) if is_photo else _sha256_of(file)
        except OSError:  # whoever needed it has said so
            told = "unreadable"
        digest.update(os.fsencode(file.relative_to(path)) + b"\0" + told.encode())
    return _stamp(path.resolve(), digest.hexdigest())


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def placed(stamp: FileStamp, path: Path, output: Path) -> FileStamp:
    """Add to a stamp where its file lies, as seen from an output's receipt.

    Args:
        stamp: The stamp.
        path: Its file.
        output: The output beside which the receipt will stand.
    """
    try:
        # "." and ".." have no name of their own.
        path = path.absolute() if path.name not in ("", "..") else path.resolve()
        folder = os.path.relpath(path.parent, output.absolute().parent)
        folder.encode("utf-8")
    except ValueError:  # another drive, or a name that is no text
        return stamp
    return replace(stamp, folder=Path(folder).as_posix())


def place_of(stamp: FileStamp, receipt: Path) -> Path | None:
    """Give the place where a receipt's file should lie.

    Args:
        stamp: The file.
        receipt: The receipt.

    Returns:
        The path; None where the receipt does not tell.
    """
    if stamp.folder is None:
        return None
    name = stamp.name
    if stamp.name_bytes is not None:
        try:
            name = os.fsdecode(bytes.fromhex(stamp.name_bytes))
        except ValueError:
            return None
    return receipt.parent / stamp.folder / name


def _stamp(path: Path, sha256: str) -> FileStamp:
    name = os.fsencode(path.name)
    text = name.decode("utf-8", errors="backslashreplace")
    is_told = text.encode("utf-8") == name
    return FileStamp(name=text, sha256=sha256, name_bytes=None if is_told else name.hex())


def stamp_array(array: NDArray[np.generic]) -> ArrayStamp:
    """Give the stamp of an array of any shape.

    Args:
        array: The values, any shape and type.
    """
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes())
    return ArrayStamp(shape=array.shape, dtype=str(array.dtype), sha256=digest.hexdigest())


def record_prompt(prompt: Prompt) -> PromptRecord:
    """Write a prompt in JSON's terms; of its mask only the stamp is kept."""
    return PromptRecord(
        points=tuple((float(x), float(y)) for x, y in prompt.points),
        labels=tuple(int(label) for label in prompt.labels),
        box=None if prompt.box is None else _plain_box(prompt.box),
        mask=None if prompt.mask is None else stamp_array(prompt.mask),
    )


def _plain_box(box: Box) -> Box:
    x0, y0, x1, y1 = box
    return float(x0), float(y0), float(x1), float(y1)


def versions_here() -> dict[str, str]:
    """Give the versions that a mask may depend on: the interpreter's and each package's.

    A package that runs from its source, without being installed, is left out.
    """
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def receipt_path(output: Path) -> Path:
    """Give the place of the receipt that belongs to an output file: beside it."""
    return output.with_name(output.name + SUFFIX)


def to_json(receipt: Receipt) -> str:
    """Write a receipt as JSON, one entry a line, the same text for the same receipt."""
    return json.dumps(to_mapping(receipt), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_receipt(output: Path, receipt: Receipt) -> Path:
    """Write a receipt beside the output it belongs to.

    Args:
        output: The output file.
        receipt: How it came to be.

    Returns:
        Where the receipt was written.
    """
    path = receipt_path(output)
    # Of a name that is no text, Python's code point for each bad byte is written as JSON's escape.
    write_bytes(path, to_json(receipt).encode("utf-8", "backslashreplace"))
    return path


def read_receipt(path: Path) -> Receipt:
    """Read a receipt.

    Args:
        path: The receipt itself, not the output it belongs to.

    Returns:
        The receipt that `write_receipt` wrote.

    Raises:
        InputError: If the file is missing, no JSON, or not a receipt of this form.
        ConfigError: If an entry is unknown, missing or of the wrong type.
    """
    name = shown_name(path.name)
    try:
        entries = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{name}: cannot be read ({error.strerror or error})", hint="check the path"
        ) from error
    except (ValueError, RecursionError) as error:
        place = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{name}: is not JSON{place}", hint="make the output anew") from error
    found = entries.get("format") if isinstance(entries, dict) else None
    if found != FORMAT:
        raise InputError(
            f"{name}: must be a receipt of the form {FORMAT!r}, got {found!r:.40}",
            hint=f"pass the file whose name ends in {SUFFIX}",
        )
    return from_mapping(Receipt, entries)

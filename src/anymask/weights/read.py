"""Checkpoint files opened by their content: torch's zip and older forms, and safetensors.

Nothing a file holds is ever run: pickles are searched for code first and then opened in torch's
weights-only mode.
"""

import hashlib
import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import safetensors
import torch
from torch import Tensor

from anymask.errors import WeightsError
from anymask.image.names import display_name
from anymask.weights.catalogue import by_file_name
from anymask.weights.pickled_code import find_code
from anymask.weights.unwrap import as_float32, unwrap

_LONGEST_HEADER = 100_000_000  # the safetensors format's own limit, bytes
_MOST_REPEATED = 4  # times that tied tensors may stand for the bytes of the whole file
_MAX_PICKLES = 5  # torch's older form: mark, version, machine, content, names of storages
# What readers raise over bytes that make no sense; the file could be opened before.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)
_AGAIN = "download it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFile:
    """What a checkpoint file holds.

    Attributes:
        tensors: By name; floating point numbers as float32, all finite.
        metadata: The file's own remarks about itself; empty where the form has none.
        notes: What was changed on the way, one sentence each.
    """

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    notes: tuple[str, ...]


def sha256_of(path: Path) -> str:
    """Give the sha256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_checkpoint(path: Path) -> CheckpointFile:
    """Read a checkpoint's tensors.

    Args:
        path: An existing file of any name; its content says what it is.

    Returns:
        The tensors, without the wrappers that training programs put around them.

    Raises:
        WeightsError: If the file is no checkpoint, is cut short or damaged, holds code, a tensor
            with NaN or infinite values, or things that are not tensors.
    """
    shown = display_name(path)
    content: object
    metadata: Mapping[str, str] = {}
    match container_of(path):
        case "safetensors":
            content, metadata = _read_safetensors(path, shown)
        case "zip":
            content = _read_zip(path, shown)
        case _:
            content = _read_pickle(path, shown)
    unwrapped = unwrap(content, shown)
    _check_amount(unwrapped, path.stat().st_size, shown)
    tensors, notes = as_float32(unwrapped, shown)
    return CheckpointFile(
        tensors=MappingProxyType(tensors), metadata=MappingProxyType(dict(metadata)), notes=notes
    )


def _check_amount(tensors: Mapping[str, Tensor], num_bytes: int, shown: str) -> None:
    """Refuse a small file whose tensors repeat few values until no memory holds them."""
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if claimed > _MOST_REPEATED * num_bytes:
        raise WeightsError(
            f"{shown}: unpacks from {num_bytes:,} to {claimed:,} bytes, refused",
            hint=f"{_AGAIN}, or save its tensors with clone() where you trust it",
        )


def container_of(path: Path) -> str:
    """Say which form a checkpoint file has, from its first bytes.

    Args:
        path: An existing file.

    Returns:
        "safetensors", "zip", or "pickle", which may turn out to be something unknown.

    Raises:
        WeightsError: If the file is known not to be a checkpoint.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise WeightsError(f"{display_name(path)}: is empty (0 bytes)", hint=_AGAIN)
    if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= _LONGEST_HEADER:
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head[257:262] == b"ustar":
        raise WeightsError(
            f"{display_name(path)}: is a tar archive; torch's checkpoints of that form can run code"
            ", refused",
            hint="unpack it, or save the tensors as safetensors where you trust the file",
        )
    _refuse_strangers(head, display_name(path))
    return "pickle"


def _refuse_strangers(head: bytes, shown: str) -> None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for marks, what, hint in (
        ((b"<!doctype", b"<html", b"<?xml", b"<head"), "a web page", "look at what it says; "),
        ((b"version https://git-lfs",), "a pointer of Git LFS", "run git lfs pull, or "),
        ((b"\x1f\x8b", b"7z\xbc\xaf", b"bzh"), "a compressed archive", "unpack it first, or "),
        ((b"\x89hdf",), "an HDF5 file", ""),
        ((b"\x89png", b"\xff\xd8\xff", b"gif8", b"riff"), "a picture", ""),
        ((b"{", b"["), "a text file", ""),
    ):
        if start.startswith(marks):
            raise WeightsError(
                f"{shown}: is {what}, not a checkpoint",
                hint=f"{hint}{_AGAIN}" if hint else "give a .pth or .safetensors file",
            )


# --- safetensors ---


def _read_safetensors(path: Path, shown: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    _check_safetensors_whole(path, shown)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            # What it gives lies in the file itself; a copy outlives a change of the file.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (safetensors.SafetensorError, *_DAMAGE) as error:
        raise _damaged(shown) from error


def _check_safetensors_whole(path: Path, shown: str) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        if size < start:
            raise _cut_short(shown, size, f"at least {start:,}")
        try:
            header = json.loads(file.read(start - 8))
            ends = [e["data_offsets"][1] for name, e in header.items() if name != "__metadata__"]
            expected = start + max(map(int, ends), default=0)
        except (*_DAMAGE, RecursionError) as error:
            raise _damaged(shown) from error
    if size < expected:
        raise _cut_short(shown, size, f"{expected:,}")


# --- torch ---


def _read_zip(path: Path, shown: str) -> object:
    if not _is_zip(path):
        published, size = by_file_name(path.name), path.stat().st_size
        if published is not None and size < published.num_bytes:
            raise _cut_short(shown, size, f"{published.num_bytes:,}")
        raise WeightsError(f"{shown}: is cut short after {size:,} bytes", hint=_AGAIN)
    try:
        with zipfile.ZipFile(path) as archive:
            pickled = _pickle_inside(archive, shown)
            with archive.open(pickled) as file:
                _refuse_code(find_code(file, 1), shown)
            with archive.open(pickled) as file:
                _check_protocol(file.read(2), shown)
    except _DAMAGE as error:
        raise _damaged(shown) from error
    return _open_weights_only(path, shown)


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # for an archive in several parts, the library does not say no
        return True


def _pickle_inside(archive: zipfile.ZipFile, shown: str) -> zipfile.ZipInfo:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    # Below the archive's own name, which is that of the file: a plain code.pth holds code/data.pkl.
    if any("/code/" in name for name in names):
        _refuse_code("a TorchScript program", shown)
    # torch stores and never compresses; a small file could otherwise unpack into a huge one.
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or not any(
        name.endswith("data.pkl") for name in names
    ):
        first = display_name(names[0]) if names else "nothing"
        raise WeightsError(
            f"{shown}: is a zip archive of other files (first {first}), not a checkpoint",
            hint="unpack it and give the checkpoint inside",
        )
    return next(entry for entry in entries if entry.filename.endswith("data.pkl"))


def _read_pickle(path: Path, shown: str) -> object:
    with path.open("rb") as file:
        try:
            code = find_code(file, _MAX_PICKLES)
        except ValueError as error:
            raise WeightsError(
                f"{shown}: is not a checkpoint", hint="give a .pth or .safetensors file"
            ) from error
        file.seek(0)
        _refuse_code(code, shown)
        _check_protocol(file.read(2), shown)
    return _open_weights_only(path, shown)


def _check_protocol(head: bytes, shown: str) -> None:
    if head != b"\x80\x02":  # the only protocol that torch opens without running code
        raise WeightsError(
            f"{shown}: is a pickle of another form than torch's checkpoints, refused",
            hint="save it again with torch.save and its default pickle_protocol",
        )


def _open_weights_only(path: Path, shown: str) -> object:
    try:
        with path.open("rb") as file:  # given a path, torch would look at the suffix
            content: Any = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{shown}: holds more than tensors, or is damaged; refused",
            hint=f"{_AGAIN}, or save its tensors as safetensors where you trust it",
        ) from error
    except _DAMAGE as error:
        raise _damaged(shown) from error
    return content


def _refuse_code(code: str | None, shown: str) -> None:
    if code is not None:
        raise WeightsError(
            f"{shown}: contains code ({display_name(code)[:80]}), refused",
            hint="save its tensors as safetensors where you trust it, and give that file",
        )


def _cut_short(shown: str, size: int, expected: str) -> WeightsError:
    return WeightsError(f"{shown}: is cut short: {size:,} of {expected} bytes", hint=_AGAIN)


def _damaged(shown: str) -> WeightsError:
    return WeightsError(f"{shown}: is damaged or cut short", hint=_AGAIN)

"""The file of an embedding: safetensors with a record and a checksum over both."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor

from anymask.errors import InputError
from anymask.image.names import display_name

FORMAT = "anymask-embedding-1"
# The one entry of the file's metadata: several would be written in an order that changes.
ENTRY = "anymask_embedding"


def pack(tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> bytes:
    """Give the bytes of a file, always the same for the same embedding.

    Args:
        tensors: Tensors of any shape, on any device.
        record: What else is known, in JSON's terms.
    """
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    written = json.dumps(record, sort_keys=True)
    entry = {"format": FORMAT, "checksum": checksum(on_cpu, written), "record": written}
    return to_safetensors(on_cpu, {ENTRY: json.dumps(entry)})


def read_file(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Give the tensors and the record of an embedding file.

    Raises:
        InputError: If the file is missing, is no embedding, or was damaged.
    """
    shown = display_name(path)
    tensors, metadata = _contents(path, shown)
    if ENTRY not in metadata:
        raise InputError(f"{shown}: is not an embedding", hint="make one with embed and save")
    try:
        entry = json.loads(metadata[ENTRY])
        written, expected, record = entry["format"], entry["checksum"], entry["record"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(shown) from error
    if written != FORMAT:
        raise InputError(
            f"{shown}: has the format {display_name(str(written))[:40]}, "
            f"this version reads {FORMAT}",
            hint="install a newer anymask, or make it again with embed",
        )
    if checksum(tensors, str(record)) != expected:
        raise _damaged(shown)
    return tensors, json.loads(record)


def _damaged(shown: str) -> InputError:
    return InputError(
        f"{shown}: is damaged, its checksum does not match", hint="make it again with embed"
    )


def checksum(tensors: Mapping[str, Tensor], record: str) -> str:
    """Give the hex digest of a record and of the tensors' names, types, shapes and bytes.

    Args:
        tensors: Tensors of any shape, on the CPU.
        record: The record as it is written.
    """
    digest = hashlib.sha256(record.encode())
    for name in sorted(tensors):
        array = tensors[name].numpy()
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _contents(path: Path, shown: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    if not path.is_file():
        is_there = "is no file" if path.exists() else "no such file"
        raise InputError(f"{shown}: {is_there}", hint="name a file written by save")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            # Copies: what is only mapped would change with the file.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(
            f"{shown}: cannot be read as an embedding", hint="make it again with embed and save"
        ) from error

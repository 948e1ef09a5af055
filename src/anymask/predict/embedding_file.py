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
OWN_PREFIX = "anymask-embedding-"


def pack(tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> bytes:
    """Give the bytes of a file.

    Args:
        tensors: Tensors of any shape, on any device.
        record: What else is known, in JSON's terms.
    """
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    written = json.dumps(record, sort_keys=True)
    metadata = {"format": FORMAT, "record": written, "checksum": checksum(on_cpu, written)}
    return to_safetensors(on_cpu, metadata)


def read_file(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Give the tensors and the record of an embedding file.

    Raises:
        InputError: If the file is missing, is no embedding, or was damaged.
    """
    shown = display_name(path)
    tensors, metadata = _contents(path, shown)
    written = metadata.get("format", "")
    if not written.startswith(OWN_PREFIX):
        raise InputError(f"{shown}: is not an embedding", hint="make one with embed and save")
    if written != FORMAT:
        raise InputError(
            f"{shown}: has the format {display_name(written)[:40]}, this version reads {FORMAT}",
            hint="install a newer anymask, or make it again with embed",
        )
    record = metadata.get("record", "")
    if checksum(tensors, record) != metadata.get("checksum"):
        raise InputError(
            f"{shown}: is damaged, its checksum does not match", hint="make it again with embed"
        )
    return tensors, json.loads(record)


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

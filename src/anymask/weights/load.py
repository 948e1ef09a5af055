"""A model from a name, a file, or the package itself."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import torch

from anymask.configuration import from_mapping
from anymask.errors import (
    ChecksumMismatch,
    ConfigError,
    KeysMismatch,
    WeightsError,
    WeightsNotFound,
)
from anymask.image.names import display_name
from anymask.model.configs import SamConfig
from anymask.weights.cache import expanded
from anymask.weights.catalogue import PUBLISHED, PublishedFile, by_file_name, by_sha256
from anymask.weights.device import choose_device
from anymask.weights.download import fetch
from anymask.weights.fit import fit
from anymask.weights.loaded import LoadedModel
from anymask.weights.read import CheckpointFile, container_of, read_checkpoint, sha256_of
from anymask.weights.recognise import describe, recognise, title
from anymask.weights.save import FORMAT
from anymask.weights.unwrap import as_released

ARCHITECTURES = ("tiny", "vit_b", "vit_l", "vit_h", "mobile_sam")
DEFAULT = "default"
_OWN_FORMAT = "anymask-"
# Above it a frame has a million cells, and the memory for them is nowhere.
_LARGEST_FRAME = 16_384
_NAME = re.compile(r"[\w.-]{1,60}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where to read.

    Attributes:
        path: The file.
        origin: What to call where it is from.
        is_known: Whether its bytes are ones somebody vouches for.
        published: The published file it must be.
    """

    path: Path
    origin: str
    is_known: bool = False
    published: PublishedFile | None = None


def load_model(
    source: str | Path | None = None,
    *,
    device: str = "auto",
    architecture: str | None = None,
    input_size: int | None = None,
) -> LoadedModel:
    """Load a model, whole or not at all.

    Args:
        source: None or "default" for the model inside the package; the name of a published one
            ("sam_vit_b", "sam_vit_l", "sam_vit_h", "mobile_sam"), fetched into the cache folder
            the first time; or a checkpoint file (.pth, .pt or .safetensors, told apart by content;
            names of tensors as in the release or as in transformers' SamModel).
        device: "auto", "cpu", "cuda", "cuda:0" or "mps".
        architecture: What the checkpoint must be: "tiny", "vit_b", "vit_l", "vit_h" or
            "mobile_sam". Without it, the tensors say.
        input_size: Side of the model's square input in pixels, a multiple of 32, where it should
            differ from the checkpoint's own; position tables are interpolated.

    Returns:
        The model with its origin; float32 on the device.

    Raises:
        WeightsNotFound: If there is no such file or name, or it cannot be fetched.
        OutputError: If a published checkpoint cannot be written into the cache folder.
        ChecksumMismatch: If a published checkpoint's bytes are not the published ones.
        KeysMismatch: If the tensors fit no known architecture, or not the one asked for.
        WeightsError: If the file is no checkpoint, damaged, or holds code or NaN.
        ConfigError: If the device, architecture or input size is unknown or not available.
    """
    target = choose_device(device)
    _check_architecture_name(architecture)
    if input_size is not None and input_size > _LARGEST_FRAME:
        raise ConfigError(
            f"input_size must be at most {_LARGEST_FRAME:,}, got {input_size:,}",
            hint="use 1024, or leave it away",
        )
    found = _default() if source is None else _find(source)
    shown = display_name(found.path)
    found, sha256, content = _read(found, shown)
    config = _settings(content, shown)
    if architecture is not None and architecture != config.name:
        raise KeysMismatch(
            f"{shown}: is a {describe(config)}, not a {title(architecture)}",
            hint=f"ask for {config.name}, or for no architecture",
        )
    sam = fit(config, content.tensors, shown)
    if input_size is not None:
        sam.config = replace(config, input_size=input_size)
    sam, side = sam.to(target), sam.config.input_size // 16
    with torch.no_grad():
        places = sam.place(side, side)
    return LoadedModel(
        sam=sam,
        places=places,
        name=config.name,
        sha256=sha256,
        origin=found.origin,
        device=target,
        dtype=torch.float32,
        metadata=_remarks(content.metadata),
        notes=_notes(found, content, config, input_size),
        source=None if source is None else str(source),
        input_size=input_size,
    )


# --- where ---


def _default() -> _Source:
    path = Path(str(files("anymask") / "weights" / "default.safetensors"))
    if not path.is_file():
        raise WeightsNotFound(
            "the default model is not in this installation (anymask/weights/default.safetensors)",
            hint="install anymask again, or name a checkpoint",
        )
    return _Source(path=path, origin="embedded default", is_known=True)


def _find(source: str | Path) -> _Source:
    if source == DEFAULT:
        return _default()
    if isinstance(source, str) and source in PUBLISHED:
        return _published(PUBLISHED[source])
    path = expanded(source)
    shown = display_name(path)
    try:
        is_file, is_there = path.is_file(), path.exists()
    except OSError as error:
        raise WeightsNotFound(
            f"{shown}: cannot be looked for ({error.strerror or error})",
            hint="check the path and its permissions",
        ) from error
    if is_file:
        return _Source(path=path, origin=display_name(path.name))
    if is_there:
        inside = path / "model.safetensors"
        hint = "give a .pth or .safetensors file, not its folder"
        raise WeightsNotFound(
            f"{shown}: is no file",
            hint=f"give {display_name(inside)}" if inside.is_file() else hint,
        )
    near = get_close_matches(str(source).lower(), PUBLISHED, n=1)
    hint = f"did you mean {near[0]}" if near else f"give a file, or {', '.join(PUBLISHED)}"
    raise WeightsNotFound(f"{shown}: no such file and no published model of that name", hint=hint)


def _published(published: PublishedFile) -> _Source:
    return _Source(path=fetch(published), origin=published.file_name, published=published)


def _refuse_hash(path: Path, published: PublishedFile, sha256: str) -> None:
    size = path.stat().st_size
    if size < published.num_bytes:
        raise WeightsError(
            f"{display_name(path)}: is cut short: {size:,} of {published.num_bytes:,} bytes",
            hint="download it again",
        )
    raise ChecksumMismatch(
        f"{display_name(path)}: has sha256 {sha256}, published is {published.sha256}",
        hint="download it again, or load it by its path as a file of unknown origin",
    )


# --- what ---


def _read(found: _Source, shown: str) -> tuple[_Source, str, CheckpointFile]:
    try:
        container_of(found.path)
        sha256 = sha256_of(found.path)
        if found.published is not None and sha256 != found.published.sha256:
            _refuse_hash(found.path, found.published, sha256)
        content = read_checkpoint(found.path)
    except OSError as error:
        raise WeightsError(
            f"{shown}: cannot be read ({error.strerror or error})", hint="check its permissions"
        ) from error
    if by_sha256(sha256) is not None:
        found = replace(found, origin=f"{found.origin}, as published", is_known=True)
    if not _is_own(content.metadata):
        tensors, notes = as_released(content.tensors)
        content = replace(
            content, tensors=MappingProxyType(tensors), notes=(*content.notes, *notes)
        )
    return found, sha256, content


def _check_architecture_name(architecture: str | None) -> None:
    if architecture is None or architecture in ARCHITECTURES:
        return
    near = get_close_matches(architecture.lower(), ARCHITECTURES, n=1)
    raise ConfigError(
        f"architecture {architecture!r} is unknown",
        hint=f"did you mean {near[0]}" if near else f"use one of {', '.join(ARCHITECTURES)}",
    )


def _settings(content: CheckpointFile, shown: str) -> SamConfig:
    """Give the architecture a file states, or the one its tensors show."""
    written = content.metadata.get("format", "")
    if not written.startswith(_OWN_FORMAT):
        return recognise(content.tensors, shown)
    if written != FORMAT:
        raise WeightsError(
            f"{shown}: has the format {display_name(written)[:40]}, this version reads {FORMAT}",
            hint="install a newer anymask",
        )
    try:
        config = from_mapping(SamConfig, json.loads(content.metadata["config"]), name="config")
    except (ArithmeticError, KeyError, RecursionError, ValueError) as error:
        said = error.message if isinstance(error, ConfigError) else "they are not whole"
        raise WeightsError(
            f"{shown}: its settings cannot be read: {said}", hint="save or download it again"
        ) from error
    if config.input_size > _LARGEST_FRAME or not _NAME.fullmatch(config.name):
        raise WeightsError(
            f"{shown}: its settings cannot be used: name {display_name(config.name)[:60]}, "
            f"frame of {config.input_size:,} pixels",
            hint="save or download it again",
        )
    return config


def _is_own(metadata: Mapping[str, str]) -> bool:
    return metadata.get("format", "").startswith(_OWN_FORMAT)


def _remarks(metadata: Mapping[str, str]) -> Mapping[str, str]:
    kept = {k: v for k, v in metadata.items() if k not in ("format", "config")}
    return MappingProxyType(kept if _is_own(metadata) else {})


def _notes(
    found: _Source, content: CheckpointFile, config: SamConfig, input_size: int | None
) -> tuple[str, ...]:
    # Our own files are stored in half precision on purpose.
    notes = [] if _is_own(content.metadata) else list(content.notes)
    if not found.is_known:
        name = display_name(found.path.name)
        known = by_file_name(found.path.name)
        notes.append(
            f"{name}: unknown origin" if known is None else f"{name}: not the published file"
        )
    if config.name not in ARCHITECTURES:
        notes.append(f"no published size: {describe(config)}")
    if input_size is not None and input_size != config.input_size:
        notes.append(f"frame of {input_size} instead of {config.input_size} pixels")
    return tuple(notes)

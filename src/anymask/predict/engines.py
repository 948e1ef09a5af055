"""What runs the image encoder: torch itself, or one of the engines that are faster on some machine.

Only the image encoder moves, for it takes nearly all of the time of a new picture; the decoder
stays in torch and in float32. Features of every engine are of the same model, so embeddings may be
mixed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import torch

from anymask.configuration import to_mapping
from anymask.errors import ConfigError
from anymask.model.reduced_linears import linears_in
from anymask.predict.compiled_encoder import compiled_encoder
from anymask.predict.onnxruntime_encoder import import_onnxruntime, onnxruntime_encoder
from anymask.predict.openvino_encoder import import_openvino, openvino_encoder
from anymask.predict.probe import bfloat16_speedup
from anymask.receipt import EngineStamp
from anymask.weights.cache import engines_folder
from anymask.weights.loaded import EncoderEngine, LoadedModel

EngineName = Literal["torch", "compile", "openvino", "onnxruntime"]
Precision = Literal["auto", "float32", "bfloat16"]

# Kinds of device that an engine computes on; the others compute on all.
_DEVICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"compile": ("cpu", "cuda"), "openvino": ("cpu",), "onnxruntime": ("cpu",)}
)
_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "torch": "torch",
        "compile": "compiled by torch",
        "openvino": "OpenVINO",
        "onnxruntime": "ONNX Runtime",
    }
)
# Bumped when what is written into the folder of a conversion changes.
_CONVERSION = 1


def check_engine(engine: str, precision: str) -> None:
    """Refuse an engine that is unknown or not installed, before anything is loaded for it.

    Args:
        engine: What should run the image encoder.
        precision: Number format it should compute in.

    Raises:
        ConfigError: If either is unknown, or they do not go together.
        MissingExtra: If the engine's package is not installed.
    """
    if engine not in get_args(EngineName):
        near = get_close_matches(str(engine).lower(), get_args(EngineName), n=1)
        hint = f"did you mean {near[0]}" if near else f"use {_listed(get_args(EngineName))}"
        raise ConfigError(f"engine {engine!r} is unknown", hint=hint)
    if precision not in get_args(Precision):
        raise ConfigError(
            f"precision {precision!r} is unknown", hint=f"use {_listed(get_args(Precision))}"
        )
    if engine == "onnxruntime":
        if precision == "bfloat16":
            raise ConfigError(
                "engine onnxruntime computes in float32 alone, and precision bfloat16 is asked",
                hint="use engine openvino or torch for bfloat16",
            )
        import_onnxruntime()
    if engine == "openvino":
        import_openvino()


def device_for(engine: str, device: str) -> str:
    """Give the device to load a model on: for engines of processors alone, "auto" is "cpu".

    Args:
        engine: What should run the image encoder.
        device: The device that is asked for.
    """
    is_for_cpu = _DEVICES.get(engine) == ("cpu",)
    return "cpu" if device == "auto" and is_for_cpu else device


def with_engine(
    loaded: LoadedModel, engine: EngineName = "torch", precision: Precision = "auto"
) -> LoadedModel:
    """Give the same model with its image encoder on an engine.

    Args:
        loaded: A model as loading gives it, its encoder in float32. Its weights may be changed:
            go on with the model that is given back.
        engine: "torch"; "compile", which torch compiles while loading; "openvino" or
            "onnxruntime", which are extras.
        precision: Number format of the encoder; "auto" is bfloat16 on GPUs that have it and
            float32 elsewhere.

    Returns:
        The model; its `notes` tell what was chosen, except for torch in float32.

    Raises:
        ConfigError: If the names are unknown or do not go together, or the engine cannot run on
            the model's device.
        MissingExtra: If the engine's package is not installed.
    """
    check_engine(engine, precision)
    device, dtype = loaded.device, encoder_dtype(precision, loaded.device)
    if device.type not in _DEVICES.get(engine, (device.type,)):
        raise ConfigError(
            f"engine {engine} does not run on the device {device}",
            hint="use device cpu, or another engine",
        )
    encoder: EncoderEngine | None = None
    notes: tuple[str, ...] = ()
    match engine:
        case "torch" if dtype == torch.bfloat16 and device.type == "cpu":
            if linears_in(loaded.sam.image_encoder, dtype):
                encoder = EncoderEngine(name="torch", version=_torch(), run=loaded.sam.encode)
            else:
                # Convolutions gain little from bfloat16, and lose more than the products of a ViT.
                dtype = torch.float32
                notes = ("its encoder has no large products for bfloat16: it stays in float32",)
        case "compile":
            encoder, notes = compiled_encoder(loaded.sam, dtype, device)
        case "openvino":
            folder = conversion_folder(loaded, engine, import_openvino().__version__)
            encoder, used, notes = openvino_encoder(loaded.sam, dtype, folder)
            if used != dtype:
                notes = ("OpenVINO has no bfloat16 on this processor", *notes)
                dtype = used
        case "onnxruntime":
            folder = conversion_folder(loaded, engine, import_onnxruntime().__version__)
            encoder, notes = onnxruntime_encoder(loaded.sam, folder)
    chosen = replace(loaded, dtype=dtype, encoder=encoder)
    if encoder is not None or precision == "bfloat16":
        notes = (_told(chosen), *notes)
    if dtype == torch.bfloat16 and precision == "bfloat16":
        notes += _slower(device)
    return replace(chosen, notes=(*loaded.notes, *notes))


def encoder_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Give the number format of the image encoder.

    Args:
        precision: What is asked; "auto" is bfloat16 on GPUs that have it and float32 elsewhere.
        device: Where the encoder runs.
    """
    if precision == "auto":
        is_safe = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if is_safe else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def stamp_engine(loaded: LoadedModel) -> EngineStamp:
    """Say in an output's record what ran the image encoder."""
    encoder = loaded.encoder
    threads = None if encoder is None else encoder.threads
    if threads is None and loaded.device.type == "cpu":
        threads = torch.get_num_threads()
    return EngineStamp(
        name=loaded.engine,
        version=_torch() if encoder is None else encoder.version,
        precision=loaded.precision,
        threads=threads,
    )


def conversion_folder(loaded: LoadedModel, engine: str, version: str) -> Path | None:
    """Give the folder in which a model's converted encoder is kept.

    Its name tells the weights apart, the frame, and every version that has a part in it. The
    number format has none: engines choose it as they load.

    Args:
        loaded: The model.
        engine: The engine.
        version: The version of its package.

    Returns:
        The folder, which need not exist; None for a network in memory, which no file names.
    """
    if not loaded.sha256.strip("0"):
        return None
    from anymask import __version__

    config = loaded.sam.config
    versions = [_CONVERSION, __version__, torch.__version__, engine, version]
    parts = [loaded.sha256, to_mapping(config), *versions]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    name = f"{loaded.sha256[:16]}-{engine}-{config.input_size}px-{digest[:16]}"
    return engines_folder() / name


def _torch() -> str:
    return torch.__version__.partition("+")[0]


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _told(loaded: LoadedModel) -> str:
    stamp = stamp_engine(loaded)
    threads = stamp.threads
    place = str(loaded.device)
    if threads is not None:
        place = "1 thread" if threads == 1 else f"{threads} threads"
    return f"image encoder: {_TITLES[stamp.name]} {stamp.version}, {stamp.precision}, {place}"


def _slower(device: torch.device) -> tuple[str, ...]:
    speedup = bfloat16_speedup(device)
    if speedup >= 1:
        return ()
    return (
        f"bfloat16 products take {1 / speedup:.1f} times as long as float32 here: "
        "precision float32 is faster",
    )

"""A model → files that ONNX Runtime and programs like it read, checked before they are left."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from anymask.errors import ConfigError, InputError, OutputError
from anymask.masks.atomic import shown_name, write_bytes
from anymask.model.configs import SamConfig
from anymask.predict.exported_encoder import export_encoder
from anymask.predict.onnx_check import PHOTO, Agreement, Sitter, compare, sit
from anymask.predict.onnx_decoder import EMBEDDING, MASKS, PROMPTS, DecoderOptions, export_decoder
from anymask.predict.onnx_folder import moved, room_in, writing
from anymask.predict.onnx_program import (
    DATA_SUFFIX,
    onnx_program,
    quantize,
    save_program,
    with_approximate_gelu,
)
from anymask.predict.onnx_session import PIXELS, open_files
from anymask.predict.onnxruntime_encoder import import_onnxruntime
from anymask.weights.loaded import LoadedModel

ENCODER, DECODER, RECORD = "encoder.onnx", "decoder.onnx", "model.json"
# The order in which files get their names: a graph never without its weights, the record last.
WEIGHTS_FIRST = (ENCODER + DATA_SUFFIX, ENCODER, DECODER + DATA_SUFFIX, DECODER, RECORD)
FORMAT = "anymask-onnx-1"
HIGH_RES = ("high_res_0", "high_res_1")
# The lowest that torch writes, and the highest that was tried.
OPSETS = range(18, 26)
# Share of equal pixels, of the worst mask, below which no file is left.
LEAST_AGREEMENT = 0.999
# Weights of 8 bits move edges; below this a mask is another one.
LEAST_QUANTIZED_AGREEMENT = 0.95

_FREE_SIDES: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "point_coords": MappingProxyType({1: "num_points"}),
        MASKS: MappingProxyType({2: "height", 3: "width"}),
    }
)

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """What is exported, and how.

    Attributes:
        opset: Version of the operators that the files use.
        gelu_approximate: The tanh formula in place of the exact GELU, for runtimes without the
            error function.
        quantize_out: Also write a decoder with 8-bit weights to this file.
        decoder: What the decoder gives.
    """

    opset: int = OPSETS[0]
    gelu_approximate: bool = False
    quantize_out: Path | None = None
    decoder: DecoderOptions = field(default_factory=DecoderOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        files: The files, the record last.
        agreement: How encoder and decoder compare with torch.
        quantized: The same with the decoder of 8-bit weights, where one was asked for.
    """

    files: tuple[Path, ...]
    agreement: Agreement
    quantized: Agreement | None


def refuse_export(folder: Path, settings: ExportSettings, *, overwrite: bool) -> None:
    """Find what cannot work before anything is loaded.

    Args:
        folder: Where the files should go.
        settings: What is exported.
        overwrite: Whether files of these names may be replaced.

    Raises:
        ConfigError: If the version of the operators is unknown.
        InputError: If the folder is a file, a file exists already, or the file for the quantized
            decoder has another suffix or the decoder's own name.
        MissingExtra: If a package is not installed.
    """
    if settings.opset not in OPSETS:
        raise ConfigError(
            f"opset {settings.opset} is not one of {OPSETS[0]} to {OPSETS[-1]}",
            hint=f"use {OPSETS[0]}, which most runtimes read",
        )
    import_onnxruntime("exporting to ONNX")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{shown_name(folder)}: is a file, not a folder", hint="name a folder")
    quantized = settings.quantize_out
    if quantized is not None and quantized.suffix != ".onnx":
        raise InputError(
            f"{shown_name(quantized)}: is not an .onnx file", hint="end its name in .onnx"
        )
    written = [folder / name for name in (ENCODER, DECODER, RECORD)]
    if quantized is not None and quantized.resolve() in [path.resolve() for path in written]:
        raise InputError(
            f"{shown_name(quantized)}: is the name of another file of this export",
            hint="name the quantized decoder otherwise",
        )
    existing = [path for path in [*written, *filter(None, [quantized])] if path.exists()]
    if existing and not overwrite:
        more = f", and so do {len(existing) - 1} more" if len(existing) > 1 else ""
        raise InputError(
            f"{shown_name(existing[0])}: exists already{more}",
            hint="allow overwriting, or choose another folder",
        )


def export_onnx(
    loaded: LoadedModel,
    folder: Path,
    settings: ExportSettings,
    *,
    overwrite: bool = False,
    tell: Tell = str,
) -> Exported:
    """Write encoder.onnx, decoder.onnx and model.json, which says how to use them.

    Weights of more than one file can hold lie beside it under ".data". The files are opened and
    compared with torch first; those that differ are not left.

    Args:
        loaded: The model, on the CPU with its encoder in torch and float32.
        folder: Where the files go; made where it is missing.
        settings: What is exported.
        overwrite: Whether files of these names may be replaced.
        tell: Takes what is being done, for people.

    Returns:
        The files, and how they compare.

    Raises:
        ConfigError: If the model is not on the CPU, or the version of the operators is unknown.
        InputError: If the folder is a file or a file exists already.
        MissingExtra: If a package is not installed.
        OutputError: If the files cannot be written, or answer otherwise than torch.
    """
    refuse_export(folder, settings, overwrite=overwrite)
    if loaded.device.type != "cpu" or loaded.encoder is not None:
        raise ConfigError(
            f"a model on {loaded.device} with the engine {loaded.engine} cannot be exported",
            hint="load it with device cpu and engine torch",
        )
    with writing(folder), room_in(folder) as room:
        tell("exporting the encoder")
        _write_encoder(loaded, room / ENCODER, settings)
        tell("exporting the decoder")
        _write_decoder(loaded, room / DECODER, settings)
        tell("comparing with torch")
        sitter = sit(loaded)
        agreement = _checked(sitter, room, DECODER, LEAST_AGREEMENT)
        quantized, small = None, room / "quantized" / DECODER
        if settings.quantize_out is not None:
            tell("quantizing the decoder")
            quantize(room / DECODER, small)
            least = LEAST_QUANTIZED_AGREEMENT
            quantized = _checked(sitter, room, str(small.relative_to(room)), least)
        record = _record(loaded, settings, agreement, quantized)
        (room / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        files = moved(room, folder, WEIGHTS_FIRST)
        if settings.quantize_out is not None:
            write_bytes(settings.quantize_out, small.read_bytes())
            files.insert(-1, settings.quantize_out)
    return Exported(files=tuple(files), agreement=agreement, quantized=quantized)


def feature_names(config: SamConfig) -> tuple[str, ...]:
    """Give the names of what the encoder gives and the decoder takes."""
    return (EMBEDDING, *HIGH_RES) if config.has_high_res else (EMBEDDING,)


def _write_encoder(loaded: LoadedModel, path: Path, settings: ExportSettings) -> None:
    program = export_encoder(loaded.sam)
    outputs = feature_names(loaded.sam.config)
    _write(program, path, settings, inputs=(PIXELS,), outputs=outputs)


def _write_decoder(loaded: LoadedModel, path: Path, settings: ExportSettings) -> None:
    program = export_decoder(loaded.sam, settings.decoder)
    inputs = (*feature_names(loaded.sam.config), *PROMPTS)
    _write(program, path, settings, inputs=inputs, outputs=settings.decoder.outputs)


def _write(
    program: torch.export.ExportedProgram,
    path: Path,
    settings: ExportSettings,
    *,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
) -> None:
    if settings.gelu_approximate:
        program = with_approximate_gelu(program)
    made = onnx_program(program, inputs, outputs, opset=settings.opset, free_sides=_FREE_SIDES)
    save_program(made, path)


def _checked(sitter: Sitter, room: Path, decoder: str, least: float) -> Agreement:
    try:
        exported = open_files(room / ENCODER, room / decoder, torch.get_num_threads())
        found = compare(sitter, exported)
    # ONNX Runtime has a class for each of its codes, all of them RuntimeError or Exception.
    except Exception as error:
        if isinstance(error, MemoryError | OSError):
            raise
        raise OutputError(
            f"ONNX Runtime cannot run what was exported: {' '.join(str(error).split())[:200]}",
            hint="use a lower opset, or a newer onnxruntime; nothing was left in the folder",
        ) from error
    if not found.share >= least:
        raise OutputError(
            f"{decoder} agrees with torch on {100 * found.share:.2f} % of a mask's pixels, "
            f"asked are {100 * least:g} %",
            hint="report it with what anymask info prints; nothing was left in the folder",
        )
    return found


def _shares(found: Agreement) -> dict[str, float]:
    """Give what is the same each time; how fast it was is not."""
    return {"share": found.share, "num_masks": found.num_masks}


def _record(
    loaded: LoadedModel,
    settings: ExportSettings,
    agreement: Agreement,
    quantized: Agreement | None,
) -> dict[str, Any]:
    """Give what a runner has to know, and where the files come from."""
    from anymask import __version__

    config, features = loaded.sam.config, feature_names(loaded.sam.config)
    return {
        "format": FORMAT,
        "model": loaded.name,
        "model_sha256": loaded.sha256,
        "input_size": config.input_size,
        "pixel_mean": list(config.pixel_mean),
        "pixel_std": list(config.pixel_std),
        "encoder": {"file": ENCODER, "inputs": [PIXELS], "outputs": list(features)},
        "decoder": {
            "file": DECODER,
            "inputs": [*features, *PROMPTS],
            "outputs": list(settings.decoder.outputs),
        },
        "settings": {
            "opset": settings.opset,
            "gelu_approximate": settings.gelu_approximate,
            **asdict(settings.decoder),
        },
        "compared_with_torch": {
            "photo": PHOTO,
            **_shares(agreement),
            "quantized": None if quantized is None else _shares(quantized),
        },
        "versions": {
            "anymask": __version__,
            "torch": torch.__version__,
            "onnxruntime": import_onnxruntime().__version__,
        },
    }

"""`anymask export`: a model for programs that have neither anymask nor torch."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.flags import with_flags, words_of
from anymask.cli.models import checkpoint_file, fetch_before
from anymask.cli.repeat import INPUT, output_in, repeatable
from anymask.cli.screen import make_screen
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.predict.onnx_check import Agreement
    from anymask.predict.onnx_export import Exported, ExportSettings
    from anymask.weights.loaded import LoadedModel

_DECODER = "Decoder"

export_app = typer.Typer()


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxFlags:
    """What `anymask export onnx` takes; each field is a flag."""

    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A published name or a checkpoint file; without it the default model.",
            show_default=False,
        ),
    ] = None
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the files go.")
    ]
    opset: Annotated[
        int, typer.Option(metavar="N", help="Version of the ONNX operators, 18 to 25.")
    ] = 18
    gelu_approximate: Annotated[
        bool,
        typer.Option(
            "--gelu-approximate",
            metavar="",
            help="The tanh formula for GELU, where a runtime has no erf.",
        ),
    ] = False
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace files of these names.")
    ] = False
    return_single_mask: Annotated[
        bool,
        typer.Option(
            "--return-single-mask",
            metavar="",
            help="Give the best mask alone, not all four.",
            rich_help_panel=_DECODER,
        ),
    ] = False
    use_stability_score: Annotated[
        bool,
        typer.Option(
            "--use-stability-score",
            metavar="",
            help="Score masks by how little they change with the cutoff.",
            rich_help_panel=_DECODER,
        ),
    ] = False
    return_extra_metrics: Annotated[
        bool,
        typer.Option(
            "--return-extra-metrics",
            metavar="",
            help="Also give stability and area of each mask.",
            rich_help_panel=_DECODER,
        ),
    ] = False
    quantize_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write a smaller decoder, with weights of 8 bits.",
            rich_help_panel=_DECODER,
        ),
    ] = None


def _onnx(flags: OnnxFlags) -> int:
    """Write a model as encoder.onnx and decoder.onnx, for ONNX Runtime and programs like it.

    The decoder takes what the published exporter's takes: prompts of any number of
    points, photos of any size. model.json says how photos are prepared. No files are
    left that answer otherwise than torch on a photo. Needs the extra onnx.

    [bold]Examples[/bold]
      anymask export onnx -o web/model
      anymask export onnx sam_vit_b -o vit_b --quantize-out vit_b/decoder.quint8.onnx
    """
    from anymask.predict.onnx_export import export_onnx, refuse_export

    settings = _settings(flags)
    refuse_export(flags.output, settings, overwrite=flags.overwrite)
    screen = make_screen()
    fetch_before(screen, flags.model)
    with screen.working("loading the model"):
        from anymask.api import load

        loaded = load(flags.model, device="cpu", precision="float32").loaded
    for note in loaded.notes:
        screen.note(note)
    exported = export_onnx(
        loaded, flags.output, settings, overwrite=flags.overwrite, tell=screen.note
    )
    _write_receipt(flags, loaded, exported)
    for path in exported.files:
        screen.say(f"wrote {shown_name(path)} ({_size(path)})")
    found, quantized = exported.agreement, exported.quantized
    screen.say(f"encoder and decoder: {_told(found)}, the encoder {found.encode_speedup:.2f} times")
    if quantized is not None:
        screen.say(f"quantized decoder: {_told(quantized)}")
    return 0


def _write_receipt(flags: OnnxFlags, loaded: "LoadedModel", exported: "Exported") -> None:
    """Write beside the folder how its files came to be."""
    from anymask.predict.engines import stamp_engine
    from anymask.receipt import (
        FileStamp,
        Receipt,
        placed,
        stamp_bytes,
        stamp_file,
        versions_here,
        write_receipt,
    )
    from anymask.weights.catalogue import PUBLISHED

    owner = flags.output.resolve()
    path = checkpoint_file(flags.model)
    words = words_of(flags, without={"model", "output", "overwrite", "quantize_out"})
    if flags.quantize_out is not None:
        words += ["--quantize-out", output_in(flags.quantize_out.name)]
    if flags.model in PUBLISHED:
        words.insert(0, str(flags.model))
    found = exported.agreement
    speeds = {"encode": found.encode_speedup, "click": found.click_speedup}
    receipt = Receipt(
        input=replace(stamp_bytes(flags.model or loaded.name, b""), sha256=loaded.sha256),
        command="export onnx",
        outputs=tuple(placed(stamp_file(one), one, owner) for one in exported.files),
        model=FileStamp(name=f"{loaded.name}, {loaded.origin}", sha256=loaded.sha256),
        device=str(loaded.device),
        versions=versions_here(),
        settings={
            "agreement": found.share,
            "masks": found.num_masks,
            "times_as_fast_as_torch": speeds,
        },
        notes=loaded.notes,
        engine=stamp_engine(loaded),
    )
    told = repeatable(
        receipt,
        owner,
        inputs={} if path is None else {INPUT: path},
        words=words,
        files={},
        hashes={},
        output=("-o", output_in(owner.name)),
    )
    write_receipt(owner, told)


def _size(path: Path) -> str:
    num_bytes = path.stat().st_size
    return f"{num_bytes / 1e6:,.1f} MB" if num_bytes >= 1e5 else f"{num_bytes / 1e3:.1f} kB"


def _settings(flags: OnnxFlags) -> "ExportSettings":
    from anymask.predict.onnx_decoder import DecoderOptions
    from anymask.predict.onnx_export import ExportSettings

    return ExportSettings(
        opset=flags.opset,
        gelu_approximate=flags.gelu_approximate,
        quantize_out=flags.quantize_out,
        decoder=DecoderOptions(
            return_single_mask=flags.return_single_mask,
            use_stability_score=flags.use_stability_score,
            return_extra_metrics=flags.return_extra_metrics,
        ),
    )


def _told(found: "Agreement") -> str:
    return (
        f"{found.num_masks} masks of a photo, each as in torch on {_percent(found.share)} of its "
        f"pixels; a click is {found.click_speedup:.2f} times as fast as in torch here"
    )


def _percent(share: float) -> str:
    # Rounded down: what differs must never read as 100 %.
    return "100 %" if share == 1 else f"at least {int(share * 1e5) / 1e3:.3f} %"


export_app.command("onnx")(with_flags(_onnx))


@export_app.callback()
def _group() -> None:
    """Write a model for programs that have neither anymask nor torch.

    [bold]Example[/bold]
      anymask export onnx -o exported
    """

"""What `anymask finetune` takes, checked before anything is opened."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name

PARTS = ("decoder", "decoder_and_lora", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneFlags:
    """What `anymask finetune` takes; each field is a flag."""

    data: Annotated[
        list[Path],
        typer.Option(
            metavar="PATH",
            help="Annotated pictures: folder, COCO or LVIS JSON, or tar archive; may be repeated.",
        ),
    ]
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Model to write, .safetensors.")
    ]
    base: Annotated[
        str,
        typer.Option(
            metavar="MODEL", help="default, a published name such as sam_vit_b, or a weights file."
        ),
    ] = "default"
    part: Annotated[
        str,
        typer.Option(metavar="PART", help="What learns: decoder, decoder_and_lora or all."),
    ] = "all"
    blend: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="How far to go from the base to the trained weights; less forgets less.",
        ),
    ] = 0.7
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="Length of the training; 5 without it.")
    ] = None
    validation: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Pictures to measure on; without it a third of --data is held out.",
        ),
    ] = None
    guard: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="General pictures that show what is forgotten, instead of the bundled photos.",
        ),
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; see --dry-run for all."),
    ] = None
    run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Checkpoints and log; without it, beside --out."),
    ] = None
    resume: Annotated[
        bool,
        typer.Option("--resume", metavar="", help="Go on with the run, or write it out again."),
    ] = False
    override: Annotated[
        bool,
        typer.Option("--override", metavar="", help="Go on although settings or data differ."),
    ] = False
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace an old model and its run.")
    ] = False
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            metavar="",
            help="Check everything, print settings and memory, draw one batch, and stop.",
        ),
    ] = False
    processes: Annotated[
        int, typer.Option(metavar="N", help="Processes: one a core, or one a GPU.")
    ] = 1
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = "auto"
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Prepared pictures; without it, in the run's folder."),
    ] = None
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", metavar="", help="Leave out up to 1 % of bad samples.")
    ] = False
    allow_overlap: Annotated[
        bool,
        typer.Option(
            "--allow-overlap", metavar="", help="Let pictures be both trained and measured on."
        ),
    ] = False
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of everything drawn.")] = None

    @property
    def run_folder(self) -> Path:
        """Where checkpoints and the log go."""
        return self.run or self.out.with_suffix(".run")

    @property
    def report(self) -> Path:
        """The record of what changed."""
        return self.out.with_suffix(".report.json")

    @property
    def sheet(self) -> Path:
        """The picture of what changed."""
        return self.out.with_suffix(".before-after.png")

    @property
    def batch_picture(self) -> Path:
        """What a dry run draws."""
        return self.out.with_suffix(".batch.png")


def check_finetune_flags(flags: FinetuneFlags) -> None:
    """Refuse what can be seen to be wrong without opening anything.

    Raises:
        ConfigError: If a flag cannot be used.
    """
    from anymask.train.processes import started_by_torchrun

    if started_by_torchrun():
        raise ConfigError("finetune starts its processes by itself", hint="use --processes")
    if flags.processes < 1:
        raise ConfigError(f"--processes must be 1 or more, got {flags.processes}", hint="use 2")
    if flags.part not in PARTS:
        raise ConfigError(
            f"--part must be {', '.join(PARTS[:-1])} or {PARTS[-1]}, got {flags.part!r}",
            hint="leave it out",
        )
    if flags.minutes is not None and not flags.minutes > 0:
        raise ConfigError(f"--minutes must be above 0, got {flags.minutes:g}", hint="use 5")
    if not 0 < flags.blend <= 1:
        raise ConfigError(
            f"--blend must be above 0 and at most 1, got {flags.blend:g}",
            hint="use 0.7, or 1 for the trained weights as they are",
        )
    if flags.out.suffix != ".safetensors":
        raise ConfigError(
            f"--out {shown_name(flags.out)}: is not a .safetensors file", hint="use that suffix"
        )
    _check_outputs(flags)


def _check_outputs(flags: FinetuneFlags) -> None:
    folder = flags.run_folder
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--run {shown_name(folder)}: is a file", hint="name a folder")
    has_run = any(folder.glob("step-*.pt"))
    if flags.out.is_dir():
        raise ConfigError(f"--out {shown_name(flags.out)}: is a folder", hint="name a file in it")
    if flags.dry_run or flags.overwrite or (flags.resume and has_run):
        return
    if has_run:
        raise ConfigError(
            f"--run {shown_name(folder)}: holds a run",
            hint="add --resume to go on with it, or --overwrite to begin anew",
        )
    for path in (flags.out, flags.report, flags.sheet):
        if path.exists():
            raise ConfigError(
                f"{shown_name(path)}: exists already",
                hint="choose another --out or add --overwrite",
            )

"""`anymask finetune`: fit a trained model to one's own pictures, and say what that changed."""

import json
import os
import platform
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from anymask.cli.finetune_data import FinetuneData, finetune_data
from anymask.cli.flags import with_flags
from anymask.cli.screen import Screen, make_screen
from anymask.cli.train_data import DataChoice
from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name, write_bytes

if TYPE_CHECKING:
    import torch

    from anymask.evaluate.compare import Comparison
    from anymask.train.finetune import Base, Measured, Verdict
    from anymask.train.recipes import Recipe

PARTS = ("decoder", "decoder_and_lora", "all")
RUN_FILES = ("step-*.pt", "log.jsonl", "failures.jsonl", "before.json")


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
    ] = 1.0
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


def _finetune(flags: FinetuneFlags) -> int:
    """Fit a trained model to your own pictures.

    Holds a third of the pictures out, trains on the others, and prints what the model could do
    before and after: on the held-out pictures, and on general photos, so that you see whether it
    forgot anything. A run that was stopped goes on with --resume.

    [bold]Example[/bold]
      anymask finetune --data my_coco.json --out my.safetensors
      anymask segment photo.jpg --point 320,240 --model my.safetensors
    """
    check_finetune_flags(flags)
    from anymask.train.finetune import load_base, measured_before
    from anymask.weights.device import choose_device

    screen = make_screen()
    device = choose_device(flags.device)
    with screen.working("loading the base"):
        base = load_base(flags.base, flags.device)
    recipe = chosen_recipe(flags, base)
    data = finetune_data(_data_choice(flags, recipe), flags.guard or (), screen)
    if not _rehearsed(flags, recipe, data, device, screen):
        return 0
    if flags.overwrite and not flags.resume:
        _remove_run(flags.run_folder)
    pictures = len(data.questions.held_out) + len(data.questions.general)
    with screen.bar(pictures, "measuring the base") as advance:
        before = measured_before(base, data.questions, flags.run_folder, advance)
    _train(flags, recipe, data, device)
    _write_and_compare(flags, base, data, before, screen)
    return 0


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
            f"--blend must be above 0 and at most 1, got {flags.blend:g}", hint="use 0.7"
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


def chosen_recipe(flags: FinetuneFlags, base: "Base") -> "Recipe":
    """Give the recipe with the settings of the command line.

    Args:
        flags: The command's flags.
        base: The model that training begins from.

    Raises:
        ConfigError: If a setting is unknown or out of range.
    """
    from anymask.cli.train_settings import with_changes
    from anymask.train.recipes import finetune

    recipe = finetune(base.path, base.loaded.sam.config, flags.part)  # type: ignore[arg-type]
    changes = [*(flags.settings or ())]
    changes += [f"minutes={flags.minutes}", "steps=0"] if flags.minutes is not None else []
    changes += [f"seed={flags.seed}"] if flags.seed is not None else []
    return replace(recipe, settings=with_changes(recipe.settings, changes))


def _data_choice(flags: FinetuneFlags, recipe: "Recipe") -> DataChoice:
    return DataChoice(
        train=flags.data,
        validation=flags.validation or (),
        cache=flags.cache or flags.run_folder / "data",
        folder=flags.run_folder,
        longest_px=max(1024, 2 * recipe.settings.largest_size)
        if recipe.settings.largest_size < 1024
        else 1500,
        measured=recipe.settings.check_masks,
        skip_bad=flags.skip_bad,
        allow_overlap=flags.allow_overlap,
    )


def _rehearsed(
    flags: FinetuneFlags,
    recipe: "Recipe",
    data: FinetuneData,
    device: "torch.device",
    screen: Screen,
) -> bool:
    """Try the run out; on a dry run, say everything. Gives whether the run is to begin."""
    from anymask.train.kept_features import kept_bytes
    from anymask.train.launch import about_run, check_resume, draw_batch, rehearse

    about = about_run(recipe, data.training, flags.processes)
    begins_anew = flags.overwrite and not flags.resume
    if not begins_anew:
        step = check_resume(flags.run_folder, about, override=flags.override)
        if flags.resume:
            screen.note(f"going on at step {step}" if step else "nothing to go on with")
    with screen.working("trying one picture"):
        rehearsal = rehearse(recipe, data.training, flags.processes, device)
    if not flags.dry_run:
        return True
    write_bytes(flags.batch_picture, draw_batch(recipe, data.training))
    needed = flags.processes * rehearsal.bytes_needed(recipe.settings.batch)
    free = rehearsal.free_bytes
    learnt_from = sum(len(group) for group in data.training.sets)
    record = {
        "recipe": recipe.name,
        "base": about.settings["start"],
        "part": flags.part,
        "out": shown_name(flags.out),
        "run": shown_name(flags.run_folder),
        "device": str(device),
        "processes": flags.processes,
        "pictures": {group.name: len(group) for group in data.training.sets},
        "held_out": [picture.name for picture in data.questions.held_out],
        "general": len(data.questions.general),
        "parameters_that_learn": rehearsal.learning,
        "memory_gb": {
            "needed": round(needed / 1e9, 2),
            "free": None if free is None else round(free / 1e9, 2),
        },
        "features_kept_gb": round(kept_bytes(recipe, learnt_from) / 1e9, 2),
        "batch_picture": shown_name(flags.batch_picture),
        "settings": about.settings,
    }
    screen.write(json.dumps(record, indent=2))
    return False


def _remove_run(folder: Path) -> None:
    for pattern in RUN_FILES:
        for path in folder.glob(pattern):
            with suppress(FileNotFoundError):
                path.unlink()


def _train(
    flags: FinetuneFlags, recipe: "Recipe", data: FinetuneData, device: "torch.device"
) -> None:
    from anymask.train.finetune import run_finetuning

    run_finetuning(
        recipe,
        data.training,
        flags.run_folder,
        processes=flags.processes,
        device=device,
        override=flags.override,
    )


def _write_and_compare(
    flags: FinetuneFlags, base: "Base", data: FinetuneData, before: "Measured", screen: Screen
) -> None:
    from PIL import Image

    from anymask.masks.png import png_bytes
    from anymask.train.finetune import before_after_sheet, judge, measure, write_model
    from anymask.weights.load import load_model

    hardware = f"{os.cpu_count()} cores, {platform.machine()}, {base.loaded.device}"
    made = write_model(flags.run_folder, base, flags.out, hardware, blend=flags.blend)
    trained = load_model(flags.out, device=flags.device)
    pictures = len(data.questions.held_out) + len(data.questions.general)
    with screen.bar(pictures, "measuring the result") as advance:
        after = measure(trained, data.questions, advance)
    verdict = judge(before, after)
    record = _record(flags, base, data, made, trained.sha256)
    _write_report(flags.report, record, verdict, before, after)
    drawn = before_after_sheet(base.loaded, trained, data.questions.held_out)
    write_bytes(flags.sheet, png_bytes(Image.fromarray(drawn)))
    _say(flags, data, verdict, screen)


def _record(
    flags: FinetuneFlags, base: "Base", data: FinetuneData, made: dict[str, Any], sha256: str
) -> dict[str, Any]:
    from datetime import UTC, datetime

    from anymask.receipt import versions_here

    return {
        "name": "finetune",
        "date": datetime.now(UTC).date().isoformat(),
        "device": made["hardware"],
        "versions": versions_here(),
        "base": {"name": shown_name(flags.base), "sha256": base.loaded.sha256},
        "model": {"name": shown_name(flags.out.name), "sha256": sha256},
        "part": flags.part,
        "blend": flags.blend,
        "steps": made["steps"],
        "picture_visits": made["picture_visits"],
        "minutes": made["minutes"],
        "processes": made["processes"],
        "data": {
            "fingerprint": data.training.fingerprint,
            "pictures": {group.name: len(group) for group in data.training.sets},
            "held_out": [f"{p.set_name}/{p.name}" for p in data.questions.held_out],
            "measured_on_training_pictures": data.is_self_measured,
        },
    }


def _write_report(
    path: Path,
    record: dict[str, Any],
    verdict: "Verdict",
    before: "Measured",
    after: "Measured",
) -> None:
    from anymask.train.finetune import report

    content = record | report(verdict, before, after)
    write_bytes(path, (json.dumps(content, indent=1) + "\n").encode())


def _say(flags: FinetuneFlags, data: FinetuneData, verdict: "Verdict", screen: Screen) -> None:
    where = "the training pictures" if data.is_self_measured else "held-out pictures"
    for title, compared in ((where, verdict.held_out), ("general pictures", verdict.general)):
        screen.say(
            f"{title}: mean IoU of {compared['masks']} masks, {compared['pictures']} pictures"
        )
        _print_table(screen, compared)
    if data.is_self_measured:
        _warn(screen, "measured on what was learnt: this says nothing about other pictures")
    for sentence in (verdict.worse, verdict.forgotten):
        if sentence is not None:
            _warn(screen, sentence)
    names = ", ".join(map(shown_name, (flags.out, flags.report, flags.sheet)))
    screen.say(f"wrote {names}")


def _warn(screen: Screen, sentence: str) -> None:
    screen.err.print(Text.assemble(("warning: ", "bold yellow"), sentence))


def _print_table(screen: Screen, compared: "Comparison") -> None:
    table = Table(box=None, padding=(0, 1))
    for number, title in enumerate(compared["columns"]):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for row in compared["rows"]:
        table.add_row(*row)
    screen.out.print(table, soft_wrap=False)


finetune = with_flags(_finetune)

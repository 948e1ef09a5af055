"""`anymask train self`: a model annotates pictures, and learns from people and itself."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from anymask.cli.flags import with_flags
from anymask.cli.models import fetch_before
from anymask.cli.screen import Screen, make_screen
from anymask.cli.train_data import DataChoice, longest_kept_px, prepare
from anymask.cli.train_run import CHECKPOINTS
from anymask.cli.train_self_report import (
    annotation_record,
    counting_steps,
    say_annotated,
    say_change,
    self_training_record,
)
from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name, write_bytes

if TYPE_CHECKING:
    from anymask.data.packed import PackedSet
    from anymask.train.finetune import Base
    from anymask.train.pseudo_masks import PseudoSettings
    from anymask.train.recipes import Recipe
    from anymask.train.self_training import SelfTrainingData

REPORT, RUN, FOUND_SHEET, MODEL = "report.json", "run", "found.png", "model.safetensors"


class Limits(TypedDict):
    """How much is done, and by how many."""

    most_pictures: int | None
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfFlags:
    """What `anymask train self` takes; each field is a flag."""

    data: Annotated[
        list[Path],
        typer.Option(
            metavar="PATH",
            help="Pictures, annotated or not: folder, COCO JSON, tar archive; may be repeated.",
        ),
    ]
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where annotated sets, run, report and model go.")
    ]
    base: Annotated[
        str,
        typer.Option(
            metavar="MODEL", help="default, a published name such as sam_vit_b, or a weights file."
        ),
    ] = "default"
    pseudo: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Which masks of the model are good enough, e.g. least_score=0.8.",
        ),
    ] = None
    pictures: Annotated[
        int | None, typer.Option(metavar="N", help="Pictures that the model annotates, at most.")
    ] = None
    only_annotate: Annotated[
        bool, typer.Option("--only-annotate", metavar="", help="Write annotated sets and stop.")
    ] = False
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the training."),
    ] = None
    minutes: Annotated[float | None, typer.Option(metavar="N", help="Length of the training.")] = (
        None
    )
    validation: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Pictures to measure on; without it a tenth of --data is held back by name.",
        ),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", metavar="", help="Go on with what is in --out.")
    ] = False
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            metavar="",
            help="Print settings, annotate one picture, say how long all take, and stop.",
        ),
    ] = False
    processes: Annotated[
        int, typer.Option(metavar="N", help="Processes: one a core, or one a GPU.")
    ] = 1
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = "auto"
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Prepared pictures; without it, in --out.")
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


def _self(flags: SelfFlags) -> int:
    """Let a model annotate pictures, then train it on its own masks and those of people.

    The model's confident, stable masks of things nobody labelled are written beside the labels,
    marked as its own; then it trains on both, and is compared with what it was, on pictures that
    were held back from all of this. Look at found.png before you trust it. What was stopped goes
    on with --resume.

    [bold]Example[/bold]
      anymask train self --data data/train --out runs/self --only-annotate
    """
    check_self_flags(flags)
    from anymask.train.processes import tiny_numbers_are_zero

    with tiny_numbers_are_zero():
        return _self_checked(flags)


def check_self_flags(flags: SelfFlags) -> None:
    """Refuse what can be seen to be wrong without opening anything.

    Raises:
        ConfigError: If a flag cannot be used.
    """
    from anymask.train.processes import started_by_torchrun
    from anymask.train.pseudo_records import RECORDS

    if started_by_torchrun():
        raise ConfigError("train self starts its processes by itself", hint="use --processes")
    if flags.processes < 1:
        raise ConfigError(f"--processes must be 1 or more, got {flags.processes}", hint="use 2")
    if flags.pictures is not None and flags.pictures < 1:
        raise ConfigError(f"--pictures must be 1 or more, got {flags.pictures}", hint="use 100")
    if flags.minutes is not None and not flags.minutes > 0:
        raise ConfigError(f"--minutes must be above 0, got {flags.minutes:g}", hint="use 15")
    shown = f"--out {shown_name(flags.out)}"
    if flags.out.exists() and not flags.out.is_dir():
        raise ConfigError(f"{shown}: is a file", hint="name a folder")
    place = flags.out.resolve()
    around = [p for p in flags.data if p.is_dir() and place.is_relative_to(p.resolve())]
    if around:
        raise ConfigError(
            f"{shown}: lies inside the data {shown_name(around[0])}",
            hint="choose a folder beside it",
        )
    has_run = (flags.out / RECORDS).exists() or any((flags.out / RUN).glob(CHECKPOINTS))
    if has_run and not (flags.resume or flags.dry_run):
        raise ConfigError(
            f"{shown}: holds a self-training",
            hint="add --resume to go on with it, or choose another folder",
        )


def pseudo_settings(changes: list[str] | None) -> "PseudoSettings":
    """Give the settings of pseudo-masks with those of the command line.

    Args:
        changes: Each "key=value", values as in JSON.

    Raises:
        ConfigError: If a change has no value, names no setting, or its value does not fit.
    """
    from anymask.configuration import from_mapping
    from anymask.train.pseudo_masks import PseudoSettings

    mapping: dict[str, Any] = {}
    for change in changes or ():
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"--pseudo must be key=value, got {change!r}",
                hint="write --pseudo least_score=0.8",
            )
        try:
            mapping[key] = json.loads(text)
        except ValueError:
            mapping[key] = text
    return from_mapping(PseudoSettings, mapping)


def chosen_recipe(flags: SelfFlags, base: "Base") -> "Recipe":
    """Give the training that goes on from a base, with the settings of the command line.

    Args:
        flags: The command's flags.
        base: The base: a small model is finished as the default model is, others are fine-tuned.

    Raises:
        ConfigError: If a setting is unknown or out of range.
    """
    from anymask.cli.train_settings import typed, with_changes
    from anymask.train.recipes import default_model, finetune

    architecture = base.loaded.sam.config
    if architecture.lite is not None:
        recipe = replace(default_model(base.path), architecture=architecture)
    else:
        recipe = finetune(base.path, architecture, "all")
    changes = typed(flags.settings, flags.minutes, flags.seed)
    return replace(recipe, settings=with_changes(recipe.settings, changes))


def _self_checked(flags: SelfFlags) -> int:
    from anymask.train.finetune import load_base
    from anymask.train.self_training import annotate, self_training

    screen = make_screen()
    settings = pseudo_settings(flags.pseudo)
    fetch_before(screen, flags.base)
    with screen.working("loading the base"):
        base = load_base(flags.base, flags.device)
    recipe = chosen_recipe(flags, base)
    data = _data(flags, recipe, screen)
    if flags.dry_run:
        screen.write(json.dumps(_rehearsed(flags, base, recipe, data, settings), indent=2))
        return 0
    limits: Limits = {"most_pictures": flags.pictures, "processes": flags.processes}
    with counting_steps(screen) as on_progress:
        if flags.only_annotate:
            sets = annotate(base, data, flags.out, settings, **limits, on_progress=on_progress)
            found, record = sets, annotation_record(sets, base, settings)
        else:
            trained = self_training(
                base, recipe, data, flags.out, settings, **limits, on_progress=on_progress
            )
            found, record = trained.annotated, self_training_record(trained, base, settings)
            say_change(trained.verdict, screen)
    say_annotated(found, screen)
    write_bytes(flags.out / REPORT, (json.dumps(record, indent=1) + "\n").encode())
    written = (REPORT, FOUND_SHEET) if flags.only_annotate else (REPORT, FOUND_SHEET, MODEL)
    screen.say(f"wrote {', '.join(shown_name(flags.out / name) for name in written)}")
    return 0


def _data(flags: SelfFlags, recipe: "Recipe", screen: Screen) -> "SelfTrainingData":
    from anymask.data.prepare import check_overlap, refuse_overlap
    from anymask.train.self_training import self_training_data

    choice = DataChoice(
        train=flags.data,
        validation=flags.validation or (),
        cache=flags.cache or flags.out / "pictures",
        folder=flags.out,
        longest_px=longest_kept_px(recipe.settings.largest_size),
        measured=recipe.settings.check_masks,
        skip_bad=flags.skip_bad,
        allow_overlap=flags.allow_overlap,
        needs_masks=False,
    )
    prepared = prepare(flags.data, choice, "failures.jsonl", screen)
    validation: tuple[PackedSet, ...] = ()
    if flags.validation:
        measured = prepare(flags.validation, choice, "failures-validation.jsonl", screen)
        shared = check_overlap(prepared.sets, measured.sets)
        refuse_overlap(shared, is_allowed=flags.allow_overlap)
        validation = measured.sets
    return self_training_data(prepared.sets, validation)


def _rehearsed(
    flags: SelfFlags,
    base: "Base",
    recipe: "Recipe",
    data: "SelfTrainingData",
    settings: "PseudoSettings",
) -> dict[str, Any]:
    """Let the model annotate one picture, and say what all of them will take."""
    import time

    from anymask.configuration import to_mapping
    from anymask.train.pseudo_masks import find_pseudo_masks
    from anymask.train.pseudo_search import asked_about

    asked = asked_about(data.sets, data.held_back | data.alike, flags.pictures)
    if not asked.rows:
        raise ConfigError("--data holds no picture to annotate", hint="name a folder of pictures")
    number, row = asked.rows[0]
    began = time.perf_counter()
    choice = find_pseudo_masks(base.loaded, asked.sets[number][row], settings)
    seconds = time.perf_counter() - began
    return {
        "out": shown_name(flags.out),
        "base": shown_name(flags.base),
        "pictures": {group.name: len(group) for group in data.sets},
        "annotated": len(asked.rows),
        "held_back": len(data.held_back),
        "alike": len(data.alike),
        "first_picture": {"masks": len(choice.masks), "seconds": round(seconds, 1)},
        "hours": round(seconds * len(asked.rows) / 3600 / flags.processes, 1),
        "pseudo": to_mapping(settings),
        "recipe": recipe.name,
        "settings": to_mapping(recipe.settings),
    }


train_self = with_flags(_self)

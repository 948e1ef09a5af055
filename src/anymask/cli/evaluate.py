"""`anymask evaluate`: how good a model's masks are."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.table import Table

from anymask.cli.flags import with_flags
from anymask.cli.models import fetch_before
from anymask.cli.photo_flags import ENGINE_HELP, PRECISION_HELP
from anymask.cli.screen import Screen, make_screen
from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name, write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anymask.data.picture import AnnotatedPicture
    from anymask.evaluate.selection import Question
    from anymask.predict.engines import EngineName, Precision
    from anymask.weights.loaded import LoadedModel

    Questions = dict[str, list[Question]]

TASKS = ("prompts", "proposals")
MASKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateFlags:
    """What `anymask evaluate` takes; each field is a flag."""

    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of tar archives in the SA-1B layout.")
    ]
    task: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="prompts: clicks and boxes; proposals: objects that everything mode finds.",
        ),
    ] = "prompts"
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME", help="Only this archive; may be given again."),
    ] = None
    model: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="Checkpoint; default: the one inside.")
    ] = None
    input_size: Annotated[
        int | None, typer.Option(metavar="PX", help="Side of the model frame; default: the file's.")
    ] = None
    engine: Annotated[str, typer.Option(metavar="NAME", help=ENGINE_HELP)] = "torch"
    precision: Annotated[str, typer.Option(metavar="NAME", help=PRECISION_HELP)] = "auto"
    pictures: Annotated[int, typer.Option(metavar="N", help="Most pictures a set.")] = 40
    masks: Annotated[
        int, typer.Option(metavar="N", help="Most masks a picture; proposals are held against all.")
    ] = 3
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the draw.")] = 0
    validation: Annotated[
        bool,
        typer.Option(
            "--validation", metavar="", help="Only pictures that training holds back, by name."
        ),
    ] = False
    classical: Annotated[
        bool,
        typer.Option("--classical/--no-classical", help="Ask Felzenszwalb and GrabCut as well."),
    ] = True
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="JSON file to write.")
    ] = None


def _evaluate(flags: EvaluateFlags) -> int:
    """Measure a model: one click, the best of three guesses, three clicks, a box.

    Prints the mean IoU of every set; --out keeps every mask's figures. With --task proposals:
    how many of all objects everything mode finds without being told where (average recall).

    [bold]Example[/bold]
      anymask evaluate --data data/eval --set balloon --pictures 10
    """
    _check(flags)
    from anymask.api import load
    from anymask.evaluate.selection import choose_questions
    from anymask.predict.engines import check_engine

    screen = make_screen()
    check_engine(flags.engine, flags.precision)
    fetch_before(screen, flags.model)
    with screen.working("reading the data"):
        per_picture = sys.maxsize if flags.task == "proposals" else flags.masks
        questions = choose_questions(_pictures(flags), flags.pictures, per_picture, flags.seed)
        loaded = load(
            flags.model,
            engine=cast("EngineName", flags.engine),
            precision=cast("Precision", flags.precision),
            input_size=flags.input_size,
        ).loaded
    for note in loaded.notes:
        screen.note(note)
    measure = _proposals if flags.task == "proposals" else _prompts
    record = measure(flags, screen, loaded, questions)
    _print_table(screen, next(iter(record["tables"].values())))
    if flags.out is not None:
        write_bytes(flags.out, (json.dumps(record, indent=1) + "\n").encode())
        screen.say(f"wrote {shown_name(flags.out)}")
    return 0


def _check(flags: EvaluateFlags) -> None:
    if flags.task not in TASKS:
        raise ConfigError(f"--task {flags.task} is unknown", hint=f"use {' or '.join(TASKS)}")
    if flags.pictures < 1 or flags.masks < 1:
        raise ConfigError("--pictures and --masks must be 1 or more", hint="use 40 and 3")
    if flags.task == "proposals" and flags.masks != MASKS:
        raise ConfigError(
            "--masks is for --task prompts",
            hint="leave it out; proposals are held against all masks",
        )


def _prompts(
    flags: EvaluateFlags, screen: Screen, loaded: "LoadedModel", questions: "Questions"
) -> dict[str, Any]:
    from datetime import UTC, datetime

    from anymask.evaluate.record import Protocol, evaluation_record
    from anymask.evaluate.run import evaluate

    with screen.bar(_number(questions)) as advance:
        rows = evaluate(
            loaded,
            questions,
            with_classical=flags.classical,
            on_progress=lambda _done, _total: advance(),
        )
    protocol = Protocol(
        data=flags.data.name,
        per_set=flags.pictures,
        per_picture=flags.masks,
        seed=flags.seed,
        commit=_commit(),
    )
    return evaluation_record(loaded, protocol, rows, datetime.now(UTC).date())


def _proposals(
    flags: EvaluateFlags, screen: Screen, loaded: "LoadedModel", questions: "Questions"
) -> dict[str, Any]:
    from datetime import UTC, datetime

    from anymask.evaluate.proposal_report import proposal_record
    from anymask.evaluate.tasks.proposals import evaluate_proposals

    with screen.bar(_number(questions), "finding objects") as advance:
        rows = evaluate_proposals(
            loaded,
            questions,
            with_classical=flags.classical,
            on_progress=lambda _done, _total: advance(),
        )
    command = f"anymask evaluate --task proposals --data {flags.data.name} "
    command += f"--pictures {flags.pictures} --seed {flags.seed}"
    day = datetime.now(UTC).date()
    return proposal_record(loaded, rows, command, day=day, commit=_commit())


def _number(questions: "Questions") -> int:
    return sum(len(group) for group in questions.values())


def _pictures(flags: EvaluateFlags) -> "Iterable[AnnotatedPicture]":
    from anymask.data.shards import find_shards, read_shards
    from anymask.data.splits import is_validation

    shards = find_shards(flags.data)
    known = {path.stem: path for path in shards}
    for name in flags.sets or ():
        if name not in known:
            nearest = ", ".join(sorted(known)[:5])
            raise ConfigError(
                f"--set {name}: {shown_name(flags.data)} has no such archive",
                hint=f"it holds {nearest}",
            )
    chosen = [known[name] for name in flags.sets] if flags.sets else shards
    pictures = read_shards(chosen)
    return (p for p in pictures if not flags.validation or is_validation(f"{p.name}.jpg"))


def _commit() -> str:
    """Give the state of the checkout the program runs in, or "unknown" outside one."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def _print_table(screen: Screen, content: dict[str, Any]) -> None:
    table = Table(box=None, padding=(0, 1))
    for title in content["columns"]:
        table.add_column(title, overflow="fold", no_wrap=title == "set")
    for row in content["rows"]:
        table.add_row(*(cell or "–" for cell in row))
    screen.out.print(table, soft_wrap=False)


evaluate_command = with_flags(_evaluate)

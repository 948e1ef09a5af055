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
    from collections.abc import Iterable, Sequence

    from anymask.data.picture import AnnotatedPicture
    from anymask.evaluate.selection import Question
    from anymask.predict.engines import EngineName, Precision
    from anymask.weights.loaded import LoadedModel

    Questions = dict[str, list[Question]]

TASKS = ("prompts", "proposals", "scores")
MASKS = 3
# Columns that tell rows apart.
NEVER_FOLDED = ("set", "prompt", "share of the picture")


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
            help="prompts: clicks and boxes; proposals: objects that everything mode finds; "
            "scores: how far predicted IoU can be believed.",
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
    plain: Annotated[
        bool,
        typer.Option(
            "--plain", metavar="", help="Ask once, without the usual care; for --task prompts."
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

    Prints the mean IoU of every set and of each size of objects; --out keeps every mask's
    figures. Asks with the usual care, as segment does (--zoom, --flip there); --plain asks once.

    With --task proposals: how many of all objects everything mode finds without being
    told where (average recall). With --task scores: mean score and mean IoU in each
    tenth of the scale, and for each kind of prompt.

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
        pictures = chosen_pictures(flags.data, flags.sets, only_validation=flags.validation)
        questions = choose_questions(pictures, flags.pictures, per_picture, flags.seed)
        loaded = load(
            flags.model,
            engine=cast("EngineName", flags.engine),
            precision=cast("Precision", flags.precision),
            input_size=flags.input_size,
        ).loaded
    for note in loaded.notes:
        screen.note(note)
    measure = {"prompts": _prompts, "proposals": _proposals, "scores": _scores}[flags.task]
    record = measure(flags, screen, loaded, questions)
    for table in _tables_to_print(flags, record["tables"]):
        print_table(screen, table)
    if flags.out is not None:
        write_bytes(flags.out, (json.dumps(record, indent=1) + "\n").encode())
        screen.say(f"wrote {shown_name(flags.out)}")
    return 0


def _check(flags: EvaluateFlags) -> None:
    if flags.task not in TASKS:
        raise ConfigError(f"--task {flags.task} is unknown", hint=f"use {', '.join(TASKS)}")
    if flags.pictures < 1 or flags.masks < 1:
        raise ConfigError("--pictures and --masks must be 1 or more", hint="use 40 and 3")
    if flags.task == "proposals" and flags.masks != MASKS:
        raise ConfigError(
            "--masks is not for --task proposals",
            hint="leave it out; proposals are held against all masks",
        )
    if flags.plain and flags.task != "prompts":
        raise ConfigError(
            f"--plain is not for --task {flags.task}",
            hint="leave it out; only --task prompts takes more care than to ask once",
        )


def _tables_to_print(
    flags: EvaluateFlags, tables: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Give all tables of scores; of other tasks the first, and that of sizes if there is one."""
    if flags.task == "scores":
        return list(tables.values())
    names = [next(iter(tables)), "default_model_sizes"]
    return [tables[name] for name in names if name in tables]


def _prompts(
    flags: EvaluateFlags, screen: Screen, loaded: "LoadedModel", questions: "Questions"
) -> dict[str, Any]:
    from datetime import UTC, datetime

    from anymask.evaluate.record import Protocol, evaluation_record
    from anymask.evaluate.run import evaluate
    from anymask.predict.care import AS_USUAL, PLAIN

    with screen.bar(_number(questions)) as advance:
        rows = evaluate(
            loaded,
            questions,
            with_classical=flags.classical,
            on_progress=lambda _done, _total: advance(),
            care=PLAIN if flags.plain else AS_USUAL,
        )
    protocol = Protocol(
        data=flags.data.name,
        per_set=flags.pictures,
        per_picture=flags.masks,
        seed=flags.seed,
        commit=commit_here(),
        is_validation=flags.validation,
        is_plain=flags.plain,
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
    return proposal_record(loaded, rows, command, day=day, commit=commit_here())


def _scores(
    flags: EvaluateFlags, screen: Screen, loaded: "LoadedModel", questions: "Questions"
) -> dict[str, Any]:
    from datetime import UTC, datetime

    from anymask.evaluate.score_record import score_record
    from anymask.evaluate.tasks.scores import ask_for_scores

    with screen.bar(_number(questions)) as advance:
        answers = ask_for_scores(loaded, questions, flags.seed, advance)
    command = f"anymask evaluate --task scores --data {flags.data.name} "
    command += f"--pictures {flags.pictures} --masks {flags.masks} --seed {flags.seed}"
    day = datetime.now(UTC).date()
    return score_record(loaded, answers, command, day=day, commit=commit_here())


def _number(questions: "Questions") -> int:
    return sum(len(group) for group in questions.values())


def chosen_pictures(
    data: Path, sets: "Sequence[str] | None", *, only_validation: bool
) -> "Iterable[AnnotatedPicture]":
    """Give the pictures of a folder's archives.

    Args:
        data: The folder.
        sets: Names of the archives; None for all.
        only_validation: Whether pictures that training may learn from are left out.

    Raises:
        ConfigError: If there is no archive of a name.
        DataError: If the folder holds no archive.
    """
    from anymask.data.shards import find_shards, read_shards
    from anymask.data.splits import is_validation

    shards = find_shards(data)
    known = {path.stem: path for path in shards}
    for name in sets or ():
        if name not in known:
            nearest = ", ".join(sorted(known)[:5])
            raise ConfigError(
                f"--set {name}: {shown_name(data)} has no such archive",
                hint=f"it holds {nearest}",
            )
    chosen = [known[name] for name in sets] if sets else shards
    pictures = read_shards(chosen)
    return (p for p in pictures if not only_validation or is_validation(f"{p.name}.jpg"))


def commit_here() -> str:
    """Give the state of the checkout the program runs in, or "unknown" outside one."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def print_table(screen: Screen, content: dict[str, Any]) -> None:
    """Print columns and rows of text."""
    table = Table(box=None, padding=(0, 1))
    for title in content["columns"]:
        table.add_column(title, overflow="fold", no_wrap=title in NEVER_FOLDED)
    for row in content["rows"]:
        table.add_row(*(cell or "–" for cell in row))
    screen.out.print(table, soft_wrap=False)


evaluate_command = with_flags(_evaluate)

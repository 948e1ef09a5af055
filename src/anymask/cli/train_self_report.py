"""What self-training found and changed: for people on the screen, for programs in a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from anymask.cli.screen import Screen, counted
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.train.annotated_sets import AnnotatedSets
    from anymask.train.before_after import Verdict
    from anymask.train.finetune import Base
    from anymask.train.pseudo_masks import PseudoSettings
    from anymask.train.self_training import OnProgress, SelfTrained

_SHOWN = 3


@contextmanager
def counting_steps(screen: Screen) -> "Iterator[OnProgress]":
    """Show on a terminal how far each step is; a step that is done leaves the screen to others.

    Args:
        screen: Where.

    Yields:
        What to call with a step's name, how much of it is done, and how much there is.
    """
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=screen.err,
        disable=not screen.err.is_terminal,
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    def tell(what: str, done: int, total: int | None) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=total)
            progress.start()
        progress.update(tasks[what], completed=done, total=total)
        if done == total:
            progress.remove_task(tasks.pop(what))
            progress.stop()  # training has a bar of its own

    try:
        yield tell
    finally:
        progress.stop()


def say_annotated(annotated: "AnnotatedSets", screen: Screen) -> None:
    """Print what a model found, set by set.

    Args:
        annotated: The written sets.
        screen: Where to print.
    """
    table = Table(box=None, padding=(0, 1))
    for number, title in enumerate(("set", "pictures", "annotated", "labelled", "found")):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for name, counts in annotated.counts.items():
        numbers = (counts.pictures, counts.asked, counts.labelled, counts.pseudo)
        table.add_row(Text(name), *(f"{number:,}" for number in numbers))
    screen.out.print(table, soft_wrap=False)
    found = sum(counts.pseudo for counts in annotated.counts.values())
    asked = sum(counts.asked for counts in annotated.counts.values())
    screen.say(
        f"{counted(found, 'mask')} of things nobody labelled, on {counted(asked, 'picture')}"
    )
    for name, sentence in list(annotated.failed.items())[:_SHOWN]:
        screen.failed(shown_name(name), sentence)
    if len(annotated.failed) > _SHOWN:
        screen.note(f"{len(annotated.failed) - _SHOWN} more pictures failed, see the report")


def say_change(verdict: "Verdict", screen: Screen) -> None:
    """Print the figures before and after, and what a person must know of them.

    Args:
        verdict: What changed.
        screen: Where to print.
    """
    for title, compared in (
        ("held-back pictures", verdict.held_out),
        ("general pictures", verdict.general),
    ):
        screen.say(
            f"{title}: mean IoU of {compared['masks']} masks, {compared['pictures']} pictures"
        )
        table = Table(box=None, padding=(0, 1))
        for number, column in enumerate(compared["columns"]):
            table.add_column(column, justify="right" if number else "left", no_wrap=True)
        for row in compared["rows"]:
            table.add_row(*row)
        screen.out.print(table, soft_wrap=False)
    for sentence in (verdict.worse, verdict.forgotten):
        if sentence is not None:
            screen.err.print(Text.assemble(("warning: ", "bold yellow"), sentence))


def annotation_record(
    annotated: "AnnotatedSets", base: "Base", settings: "PseudoSettings"
) -> dict[str, Any]:
    """Give what a model found, in JSON's terms.

    Args:
        annotated: The written sets.
        base: The model.
        settings: Which masks were good enough.
    """
    from datetime import UTC, datetime

    from anymask.configuration import to_mapping
    from anymask.receipt import versions_here

    return {
        "name": "self_training",
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions_here(),
        "base": {"name": shown_name(base.path.name), "sha256": base.loaded.sha256},
        "pseudo": to_mapping(settings),
        "sets": {name: asdict(counts) for name, counts in annotated.counts.items()},
        "left_out": annotated.left_out,
        "failed": annotated.failed,
    }


def self_training_record(
    trained: "SelfTrained", base: "Base", settings: "PseudoSettings"
) -> dict[str, Any]:
    """Give everything that a self-training found and changed, in JSON's terms.

    Args:
        trained: What came out.
        base: The model that it began from.
        settings: Which masks were good enough.
    """
    from anymask.train.before_after import report
    from anymask.weights.read import sha256_of

    model = {"name": shown_name(trained.model.name), "sha256": sha256_of(trained.model)}
    measured = report(trained.verdict, trained.before, trained.after)
    return annotation_record(trained.annotated, base, settings) | {"model": model} | measured

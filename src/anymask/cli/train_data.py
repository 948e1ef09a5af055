"""Annotated pictures for a run: prepared, split, and checked against each other."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from anymask.cli.screen import Screen, counted
from anymask.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from anymask.data.prepare import PreparedData
    from anymask.train.launch import TrainingData


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChoice:
    """Which pictures a run gets.

    Attributes:
        train: Files and folders to learn from.
        validation: Files and folders to measure on; without them, pictures are held back by name.
        cache: Folder of prepared pictures.
        folder: Folder of the run; the lists of failures go there.
        longest_px: Larger pictures are shrunk to this, pixels.
        measured: Pictures to measure on, at most.
        skip_bad: Whether up to 1 % of bad samples may be left out.
        allow_overlap: Whether pictures may be both learnt from and measured on.
        needs_masks: Whether pictures without masks are of no use.
    """

    train: Sequence[Path]
    validation: Sequence[Path]
    cache: Path
    folder: Path
    longest_px: int
    measured: int
    skip_bad: bool
    allow_overlap: bool
    needs_masks: bool = True


def longest_kept_px(frame_px: int) -> int:
    """Give the side to which larger pictures are shrunk, for frames of a size, pixels.

    Small frames zoom in, so twice their side is kept; SA-1B's 1500 pixels are enough for large.
    """
    return max(1024, 2 * frame_px) if frame_px < 1024 else 1500


def training_data(choice: DataChoice, screen: Screen) -> "TrainingData":
    """Prepare a run's pictures.

    Args:
        choice: Which.
        screen: Where progress and notes go.

    Raises:
        ConfigError: If there are none, too many are bad, or some would be measured on as well.
    """
    from anymask.data.prepare import check_overlap, refuse_overlap
    from anymask.data.splits import split_by_name, spread
    from anymask.train.launch import TrainingData

    prepared = prepare(choice.train, choice, "failures.jsonl", screen)
    if choice.validation:
        measured = prepare(choice.validation, choice, "failures-validation.jsonl", screen)
        shared = check_overlap(prepared.sets, measured.sets)
        refuse_overlap(shared, is_allowed=choice.allow_overlap)
        return TrainingData(
            sets=prepared.sets,
            held_back=spread(measured.sets, choice.measured, needs_masks=choice.needs_masks),
            fingerprint=prepared.fingerprint,
        )
    training, held_back = split_by_name(prepared.sets)
    kept = tuple(part for part in training if len(part))
    if not kept:
        return TrainingData(sets=prepared.sets, held_back=(), fingerprint=prepared.fingerprint)
    return TrainingData(
        sets=kept,
        held_back=spread(held_back, choice.measured, needs_masks=choice.needs_masks),
        fingerprint=prepared.fingerprint,
    )


def prepare(
    paths: Sequence[Path], choice: DataChoice, failures: str, screen: Screen
) -> "PreparedData":
    """Prepare some files and folders, with a bar, and say what was found.

    Args:
        paths: Files and folders.
        choice: How.
        failures: Name of the list of failures in the run's folder.
        screen: Where progress and notes go.

    Raises:
        ConfigError: If they hold nothing, or too many samples are bad.
    """
    from anymask.data.layouts import recognise_all, recognise_pictures
    from anymask.data.prepare import prepare_data

    try:
        with counting(screen, "reading pictures") as on_progress:
            prepared = prepare_data(
                paths,
                choice.cache,
                longest_px=choice.longest_px,
                skip_bad=choice.skip_bad,
                needs_masks=choice.needs_masks,
                failures=choice.folder / failures,
                on_progress=on_progress,
                read=recognise_all if choice.needs_masks else recognise_pictures,
            )
    except DataError as error:
        raise ConfigError(error.message, hint=error.hint) from error
    for note in prepared.notes:
        screen.note(note)
    counts = prepared.counts
    screen.note(
        f"{counted(counts.pictures, 'picture')}, {counted(counts.masks, 'mask')} in "
        f"{counted(len(prepared.sets), 'set')}; {counted(counts.without_masks, 'picture')} "
        f"without masks, {counted(counts.bad, 'bad sample')}"
    )
    return prepared


@contextmanager
def counting(screen: Screen, what: str) -> "Iterator[Callable[[int, int | None], None]]":
    """Show on a terminal how many are done, of a number that may not be known."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=screen.err,
        disable=not screen.err.is_terminal,
        transient=True,
    )
    with progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)

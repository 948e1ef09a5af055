"""What a run tells: one JSON line at a time, a live bar, and TensorBoard where it is asked for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from anymask.errors import MissingExtra, OutputError
from anymask.masks.atomic import shown_name, write_bytes
from anymask.train.settings import TrainSettings

LOG = "log.jsonl"
FAILED_SAMPLES = "failures-steps.jsonl"
PLAIN_LINE_EVERY = 0.05  # of the run


class RunLog:
    """The log of one run in its folder.

    Args:
        folder: The run's folder.
        step: Step the run goes on from; later lines of an earlier try are taken out.
        is_written: Whether this process writes at all: the first one does.
        tensorboard: Whether TensorBoard gets the figures too.

    Raises:
        MissingExtra: If TensorBoard is asked for and not installed.
        OutputError: Here and later, if the folder does not take the log.
    """

    def __init__(
        self, folder: Path, step: int, *, is_written: bool = True, tensorboard: bool = False
    ) -> None:
        self.folder, self.is_written = folder, is_written
        self.writer: Any = None
        if not is_written:
            return
        with _refusing(folder / LOG):
            folder.mkdir(parents=True, exist_ok=True)
            if tensorboard:
                self.writer = _tensorboard(folder, step)
            if (folder / LOG).exists():
                kept = [line for at, line in _whole_lines(folder / LOG) if at <= step]
                write_bytes(folder / LOG, "".join(f"{line}\n" for line in kept).encode())

    def write(self, step: int, figures: Mapping[str, object]) -> None:
        """Append one line, numbers rounded to four places."""
        if not self.is_written:
            return
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
        with _refusing(self.folder / LOG):
            with (self.folder / LOG).open("a") as log:
                log.write(json.dumps({"step": step, **rounded}) + "\n")
            if self.writer is not None:
                for name, value in figures.items():
                    if isinstance(value, int | float):
                        self.writer.add_scalar(name, value, step)

    def bad_samples(self, step: int, names: Sequence[str], reason: str) -> None:
        """Append samples that could not be used to the list of failures."""
        if not (self.is_written and names):
            return
        path = self.folder / FAILED_SAMPLES
        with _refusing(path), path.open("a") as log:
            for name in names:
                row = {"step": step, "input": name, "code": "not-usable", "message": reason}
                log.write(json.dumps(row) + "\n")

    def close(self) -> None:
        """Bring what was written to the disk."""
        if self.writer is not None:
            self.writer.close()


def _whole_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Give step and text of lines that are whole: a killed run may leave half of its last."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                yield row["step"], line


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn what a disk or folder refuses into a sentence that names the file."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"{shown_name(path)}: cannot be written ({error.strerror or error})",
            hint="make room or choose a folder you can write to, then add --resume",
        ) from error


def _tensorboard(folder: Path, step: int) -> Any:  # noqa: ANN401 - the package is optional
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtra(
            "TensorBoard is not installed", hint='run pip install "anymask[tensorboard]"'
        ) from error
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step)


@contextmanager
def run_log(
    folder: Path, step: int, settings: TrainSettings, *, is_written: bool
) -> Iterator[RunLog]:
    """Keep a run's log while it goes on; see `RunLog`."""
    log = RunLog(folder, step, is_written=is_written, tensorboard=settings.tensorboard)
    try:
        yield log
    finally:
        log.close()


class LiveBar:
    """How far a run is, what it reaches, and the time left; plain lines without a terminal.

    Args:
        console: Where it is shown.
        is_shown: Whether this process speaks at all.
    """

    def __init__(self, console: Console, *, is_shown: bool) -> None:
        self.console, self.is_shown, self.told = console, is_shown, 0.0
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:.0f} %"),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not (is_shown and console.is_terminal),
        )
        self.task = self.progress.add_task("training", total=1.0, figures="")

    def show(self, done: float, text: str) -> None:
        """Show the progress, in [0, 1], and a text."""
        self.progress.update(self.task, completed=done, figures=text)
        if not self.console.is_terminal and done >= self.told + PLAIN_LINE_EVERY:
            self._print(f"training {done:.0%} · {text}")
            self.told = done

    def note(self, sentence: str) -> None:
        """Say something a person should know, above the bar."""
        self._print(f"note: {sentence}")

    def _print(self, line: str) -> None:
        if self.is_shown:
            self.console.print(line)


@contextmanager
def live_bar(*, is_shown: bool) -> Iterator[LiveBar]:
    """Keep a run's bar on the screen while it goes on; see `LiveBar`."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    bar = LiveBar(console, is_shown=is_shown)
    with bar.progress:
        yield bar


def in_words(figures: Mapping[str, float]) -> str:
    """Give the figures of a live bar: loss, IoU after 1, 3 and 8 clicks, speed."""
    words = [f"loss {figures['loss']:.3f}"] if "loss" in figures else []
    clicks = [figures.get(name) for name in ("click", "clicks_3", "clicks_8")]
    if all(value is not None for value in clicks):
        words.append("IoU at 1/3/8 clicks " + "/".join(f"{value:.2f}" for value in clicks))
    if "pictures_per_second" in figures:
        words.append(f"{figures['pictures_per_second']:.1f} pictures/s")
    return " · ".join(words)

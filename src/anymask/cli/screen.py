"""What people see: data on standard output, everything else on standard error.

Names from outside are never read as markup, never wrapped, and reach these functions escaped.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The two streams of a program.

    Attributes:
        out: Data.
        err: Messages and progress.
    """

    out: Console
    err: Console

    def say(self, text: Text | str = "") -> None:
        """Print a line of data; beside a running bar, where the bar will not overwrite it."""
        is_shared = self.out.is_terminal and self.err.is_terminal
        (self.err if is_shared else self.out).print(text)

    def write(self, line: str) -> None:
        """Print a line for programs, as it is, at once."""
        self.out.file.write(f"{line}\n")
        self.out.file.flush()

    def note(self, text: str) -> None:
        """Print something a person should know."""
        self.err.print(Text.assemble(("note: ", "yellow"), text))

    def error(self, text: str) -> None:
        """Print a text of an error as it is."""
        self.err.print(Text(text))

    def refuse(self, message: str, hint: str | None) -> None:
        """Print what is wrong and what to do."""
        self.err.print(Text.assemble(("error: ", "bold red"), message))
        if hint:
            self.err.print(Text.assemble(("hint: ", "bold"), hint))

    def failed(self, name: str, sentence: str) -> None:
        """Print that one input of many failed."""
        self.err.print(Text.assemble(("failed: ", "bold red"), f"{name}: {sentence}"))

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show on a terminal that something is going on."""
        if not self.err.is_terminal:
            yield
            return
        with self.err.status(what):
            yield

    @contextmanager
    def bar(
        self, total: int, what: str = "segmenting", *, is_shown: bool = True
    ) -> Iterator[Callable[[], None]]:
        """Show on a terminal how many of some inputs are done.

        Args:
            total: How many there are.
            what: What is done with them.
            is_shown: Whether to show it at all.

        Yields:
            A function to call after each.
        """
        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.err,
            disable=not (is_shown and self.err.is_terminal),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with progress:
            task = progress.add_task(what, total=total)
            yield lambda: progress.advance(task)


def counted(number: int, noun: str) -> str:
    """Give a number with its noun: "1 mask", "2 masks"."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def make_screen(*, is_silent: bool = False) -> Screen:
    """Give the screen of the program's present streams.

    Args:
        is_silent: Whether nothing is to be shown: another process speaks.
    """
    return Screen(
        out=_console(is_error=False, is_silent=is_silent),
        err=_console(is_error=True, is_silent=is_silent),
    )


def _console(*, is_error: bool, is_silent: bool) -> Console:
    return Console(
        quiet=is_silent,
        file=sys.stderr if is_error else sys.stdout,
        soft_wrap=True,
        markup=False,
        emoji=False,
        highlight=False,
    )

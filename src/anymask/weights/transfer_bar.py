"""How far a transfer is, for people who watch a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich import console, progress

from anymask.weights.catalogue import PublishedFile
from anymask.weights.transfer import Progress


@contextmanager
def shown_progress(published: PublishedFile, on_progress: Progress | None) -> Iterator[Progress]:
    """Give what takes progress: what was given, or a bar where standard error is a terminal.

    Args:
        published: What is fetched.
        on_progress: What was given.

    Yields:
        A function that takes the bytes that are there and the size of the whole.
    """
    if on_progress is not None:
        yield on_progress
        return
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
    )
    speed = (progress.TransferSpeedColumn(), progress.TimeRemainingColumn())
    with progress.Progress(
        *columns, *speed, console=console.Console(stderr=True), transient=True
    ) as bars:
        task = bars.add_task(f"fetching {published.file_name}", total=published.num_bytes)
        yield lambda done, total: bars.update(task, completed=done, total=total)

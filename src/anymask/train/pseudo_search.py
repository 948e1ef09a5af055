"""A model asked about every picture of some sets: what it finds is kept picture by picture."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from anymask.data.mixing import PictureSet
from anymask.data.splits import NamedSet
from anymask.errors import DataError, ImageError
from anymask.train.processes import World, run_in_processes, tiny_numbers_are_zero
from anymask.train.pseudo_masks import PseudoChoice, PseudoSettings, find_pseudo_masks
from anymask.train.pseudo_records import PseudoRecord, read_record, write_record
from anymask.train.stop import stop_requests
from anymask.weights.load import load_model

SECONDS_BETWEEN_COUNTS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which pictures a model is asked about.

    Attributes:
        sets: The sets.
        rows: Number of the set and row of the picture, in the order in which they are asked.
    """

    sets: tuple[PictureSet, ...]
    rows: tuple[tuple[int, int], ...]


def asked_about(
    sets: Sequence[NamedSet], passed_over: Set[str], most_pictures: int | None = None
) -> Asked:
    """Choose which pictures a model is asked about: from all sets in turn, always the same ones.

    Args:
        sets: Sets of pictures, with or without masks.
        passed_over: Pictures that are not asked about, "set/picture".
        most_pictures: How many at most; None for all.
    """
    wanted = [
        [row for row, name in enumerate(group.names) if f"{group.name}/{name}" not in passed_over]
        for group in sets
    ]
    rows = [
        (number, own[turn])
        for turn in range(max(map(len, wanted), default=0))
        for number, own in enumerate(wanted)
        if turn < len(own)
    ]
    return Asked(sets=tuple(sets), rows=tuple(rows[:most_pictures]))


def search(
    model: Path,
    device: torch.device,
    asked: Asked,
    records: Path,
    settings: PseudoSettings,
    *,
    processes: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Ask a model about pictures, and keep what it finds; what was found before is not asked again.

    Args:
        model: Weights file.
        device: Kind of device.
        asked: The pictures.
        records: Where answers are kept, see `records_folder`.
        settings: What is good enough.
        processes: How many share the work.
        on_progress: Told pictures done and pictures in all.

    Raises:
        WeightsError: If the model cannot be loaded.
        OutputError: If an answer cannot be written.
        KeyboardInterrupt: If Ctrl-C stopped it; SIGTERM likewise. What was found is kept.
    """
    work = partial(_search_share, model, asked, records, settings)
    with _counting(records, len(asked.rows), on_progress):
        run_in_processes(work, processes, device)


def _search_share(
    model: Path, asked: Asked, records: Path, settings: PseudoSettings, world: World
) -> None:
    with tiny_numbers_are_zero(), stop_requests(world.parent) as request:
        loaded = load_model(model, device=str(world.device))
        for number, row in asked.rows[world.rank :: world.processes]:
            picture = asked.sets[number][row]
            if read_record(records, picture) is None:
                try:
                    record = PseudoRecord(choice=find_pseudo_masks(loaded, picture, settings))
                except (ImageError, DataError) as error:
                    nothing = PseudoChoice(masks=(), left_out=Counter())
                    record = PseudoRecord(choice=nothing, failed=error.message)
                write_record(records, picture, record)
            if request.number:
                break
    request.leave()


@contextmanager
def _counting(
    records: Path, total: int, on_progress: Callable[[int, int], None] | None
) -> Iterator[None]:
    """Tell how many answers are there, whichever process wrote them."""
    if on_progress is None:
        yield
        return
    over = threading.Event()

    def count() -> None:
        while not over.wait(SECONDS_BETWEEN_COUNTS):
            tell()

    def tell() -> None:
        on_progress(min(total, sum(1 for _ in records.rglob("*.json"))), total)

    counter = threading.Thread(target=count, daemon=True)
    counter.start()
    try:
        yield
    finally:
        over.set()
        counter.join()
        tell()

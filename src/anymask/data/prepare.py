"""The first pass over training data: everything is opened once, and found again the next time."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anymask.data.cached_set import cached_set
from anymask.data.failures import check_bad, read_failures, write_failures
from anymask.data.fingerprints import similar_pairs
from anymask.data.packed import PackedSet
from anymask.data.packing import PackSettings, SetLayout
from anymask.data.sample_record import BadSample
from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name

Recognise = Callable[[Path], Sequence[SetLayout]]
OnProgress = Callable[[int, int | None], None]

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCounts:
    """How much there is.

    Attributes:
        pictures: Pictures that can be used.
        masks: Their masks.
        without_masks: Pictures among them that have none.
        bad: Rows of the list of failures.
        checked: Pictures that were opened in the first pass.
    """

    pictures: int
    masks: int
    without_masks: int
    bad: int
    checked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedData:
    """Training data, ready to be drawn from.

    Attributes:
        sets: One a data set, each with a name of its own.
        fingerprint: SHA-256 over names, sizes and times of the files and the settings; another one
            when the data has changed.
        counts: How much there is.
        bad: What cannot be used.
        notes: What a person should know, one clause each.
    """

    sets: tuple[PackedSet, ...]
    fingerprint: str
    counts: DataCounts
    bad: tuple[BadSample, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPicture:
    """One picture that is in two collections of data.

    Attributes:
        train: Its set and name in the one, "set/name".
        other: Its set and name in the other.
        bits: Bits of the fingerprint that differ; 0 for the same pixels.
        is_mirrored: Whether one is the other's mirror image.
    """

    train: str
    other: str
    bits: int
    is_mirrored: bool


def prepare_data(
    paths: Sequence[Path],
    cache: Path,
    *,
    longest_px: int = 1024,
    skip_bad: bool = False,
    needs_masks: bool = True,
    failures: Path,
    on_progress: OnProgress | None = None,
    read: Recognise,
) -> PreparedData:
    """Open every picture and mask once, and give sets that training can draw from.

    What was done before is found again, as long as the files are the same by name, size and time.
    A set appears in the cache whole or not at all.

    Args:
        paths: Files and folders that hold annotated pictures.
        cache: Folder of the prepared sets; made if missing.
        longest_px: Larger pictures are shrunk to this, pixels.
        skip_bad: Whether up to 1 % of bad samples may be left out.
        needs_masks: Whether pictures without a single mask among them are of no use.
        failures: List of everything that cannot be used, written anew.
        on_progress: Called with how many pictures are done and how many there are, or None.
        read: Recognises the sets of a path.

    Raises:
        ConfigError: If samples are bad (all are in the list by then), nothing can be used, the
            cache lies inside the data, or longest_px is less than 32.
        DataError: If a path holds nothing a reader knows.
        OutputError: If the cache cannot be written.
    """
    if longest_px < 32:
        raise ConfigError(f"longest_px must be 32 or more, got {longest_px}", hint="use 1024")
    settings = PackSettings(longest_px=longest_px)
    layouts = _distinct(layout for path in paths for layout in read(path))
    _check_outside(cache, paths)
    done = _Counter(on_progress)
    made = [(layout, cached_set(layout, cache, settings, done.add)) for layout in layouts]
    sets = _named([folder for _, folder in made])
    bad = tuple(row for _, folder in made for row in read_failures(folder / "bad.jsonl"))
    facts = [packed.facts for packed in sets]
    totals = {
        key: sum(int(fact[key]) for fact in facts)
        for key in ("pictures", "masks", "without_masks", "checked")
    }
    counts = DataCounts(bad=len(bad), **totals)
    write_failures(failures, bad)
    check_bad(bad, counts.pictures + len(bad), failures, skip_bad=skip_bad)
    _check_not_empty(paths, counts, needs_masks=needs_masks)
    digest = hashlib.sha256()
    for packed in sets:
        digest.update(json.dumps([packed.name, packed.facts["stamp"]]).encode("ascii"))
    return PreparedData(
        sets=tuple(packed for packed in sets if len(packed)),
        fingerprint=digest.hexdigest(),
        counts=counts,
        bad=bad,
        notes=tuple(_notes(sets)),
    )


def distinct_names(names: Sequence[str]) -> list[str]:
    """Give every set a name of its own: the second of a name becomes name-2.

    Args:
        names: Names of sets, in order.
    """
    given: list[str] = []
    for told in names:
        number, name = 1, told
        while name in given or (number > 1 and name in names):
            number += 1
            name = f"{told}-{number}"
        given.append(name)
    return given


def check_overlap(
    train: Iterable[PackedSet], other: Iterable[PackedSet]
) -> tuple[SharedPicture, ...]:
    """Find pictures that are in both, also re-encoded, resized or mirrored.

    Args:
        train: Sets to learn from.
        other: Sets to be measured on.

    Returns:
        Pairs, nearest first.
    """
    names, prints = _all_prints(train)
    other_names, other_prints = _all_prints(other)
    return tuple(
        SharedPicture(
            train=names[pair.first],
            other=other_names[pair.second],
            bits=pair.bits,
            is_mirrored=pair.is_mirrored,
        )
        for pair in similar_pairs(prints, other_prints)
    )


def refuse_overlap(shared: Sequence[SharedPicture], *, is_allowed: bool) -> None:
    """Refuse data that is learned from and measured on.

    Args:
        shared: What `check_overlap` found.
        is_allowed: Whether to let it pass.

    Raises:
        ConfigError: If there is any and it is not allowed; the first five are named.
    """
    if not shared or is_allowed:
        return
    first = ", ".join(
        f"{pair.train} = {pair.other}{' mirrored' if pair.is_mirrored else ''}"
        for pair in shared[:_SHOWN]
    )
    which = "the first five" if len(shared) > _SHOWN else "namely"
    raise ConfigError(
        f"{len(shared)} pairs of training and evaluation pictures are the same, {which}: {first}",
        hint="remove them from one side, or add --allow-overlap",
    )


def _all_prints(sets: Iterable[PackedSet]) -> tuple[list[str], Any]:
    names: list[str] = []
    prints = [np.empty((0, 3), dtype=np.uint64)]
    for packed in sets:
        names += [f"{packed.name}/{name}" for name in packed.names]
        prints.append(packed.fingerprints)
    return names, np.concatenate(prints)


@dataclass(slots=True)
class _Counter:
    """Pictures done so far."""

    on_progress: OnProgress | None
    done: int = 0

    def add(self, number: int = 1) -> None:
        self.done += number
        if self.on_progress is not None:
            self.on_progress(self.done, None)


def _check_outside(cache: Path, paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir() and cache.resolve().is_relative_to(path.resolve()):
            raise ConfigError(
                f"the cache {shown_name(cache)} lies inside the data {shown_name(path)}",
                hint="choose a folder beside it",
            )


def _distinct(layouts: Iterable[SetLayout]) -> list[SetLayout]:
    """Give each set once, though it may be named twice."""
    found = {(layout.kind, str(layout.path.resolve())): layout for layout in layouts}
    return list(found.values())


def _named(folders: Sequence[Path]) -> list[PackedSet]:
    names = distinct_names([PackedSet(folder).name for folder in folders])
    return [PackedSet(folder, name=name) for folder, name in zip(folders, names, strict=True)]


def _check_not_empty(paths: Sequence[Path], counts: DataCounts, *, needs_masks: bool) -> None:
    if counts.masks or (counts.pictures and not needs_masks):
        return
    what = "no mask" if counts.pictures else "no annotated picture"
    where = ", ".join(shown_name(path) for path in paths) or "no path"
    raise ConfigError(f"{where}: holds {what}", hint="name the folder of pictures and masks")


def _notes(sets: Sequence[PackedSet]) -> Iterable[str]:
    for packed in sets:
        pictures, checked = int(packed.facts["pictures"]), int(packed.facts["checked"])
        if checked < pictures:
            yield f"{packed.name}: {checked} of {pictures} pictures were opened, an even sample"
        for kind, number in packed.facts["left_out"].items():
            yield f"{packed.name}: {number} records were left out on purpose ({kind})"

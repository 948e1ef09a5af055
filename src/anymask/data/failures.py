"""The list of samples that cannot be used, and how many of them are too many."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from anymask.data.sample_record import BadSample
from anymask.errors import ConfigError, OutputError
from anymask.masks.atomic import shown_name, write_bytes

MOST_SHARE_PERCENT = 1
SHOWN = 5
# Recorded, and nobody's mistake: there is nothing to mend.
HARMLESS = frozenset({"mask-vanishes"})


def write_failures(path: Path, bad: Iterable[BadSample]) -> None:
    """Write the list anew, whole or not at all: one JSON record a line.

    Without bad samples an old list is emptied, and no new one is made.

    Args:
        path: The list.
        bad: What cannot be used.

    Raises:
        OutputError: If it cannot be written.
    """
    text = "".join(f"{_row(sample)}\n" for sample in bad)
    if text or path.exists():
        write_bytes(path, text.encode("ascii"))


def add_failure(path: Path, sample: BadSample) -> None:
    """Add one bad sample to the end of the list; earlier lines stay.

    Args:
        path: The list.
        sample: What cannot be used.

    Raises:
        OutputError: If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write of one line: lines of several processes do not mix.
        with path.open("ab", buffering=0) as file:
            file.write(f"{_row(sample)}\n".encode("ascii"))
    except OSError as error:
        raise OutputError(
            f"{shown_name(path)}: cannot be written ({error.strerror or error})",
            hint="choose a folder you can write to",
        ) from error


def read_failures(path: Path) -> tuple[BadSample, ...]:
    """Give the samples of a list that `write_failures` wrote; none if there is no list.

    Args:
        path: The list.
    """
    if not path.exists():
        return ()
    rows = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]
    return tuple(BadSample(**{"set_name": row.pop("set"), **row}) for row in rows)


def check_bad(
    bad: Sequence[BadSample], num_samples: int, failures: Path, *, skip_bad: bool
) -> None:
    """Refuse to go on with bad samples, or with too many of them.

    Args:
        bad: What cannot be used.
        num_samples: How many samples there are, the bad ones among them.
        failures: The list they are in.
        skip_bad: Whether up to one in a hundred, rounded up, may be left out.

    Raises:
        ConfigError: If there are more than that; the first five are named.
    """
    counted = [sample for sample in bad if sample.code not in HARMLESS]
    allowed = -(-num_samples * MOST_SHARE_PERCENT // 100) if skip_bad else 0
    if len(counted) <= allowed:
        return
    first = "; ".join(f"{sample.input}: {sample.message}" for sample in counted[:SHOWN])
    which = "the first five" if len(counted) > SHOWN else "namely"
    more = f", more than {MOST_SHARE_PERCENT} %" if skip_bad else ""
    remedy = "mend or remove them" if skip_bad else "mend them, or add --skip-bad"
    verb = "is" if len(counted) == 1 else "are"
    raise ConfigError(
        f"{len(counted)} of {num_samples} samples {verb} bad{more}, {which}: {first}",
        hint=f"{remedy}; all are listed in {shown_name(failures)}",
    )


def _row(sample: BadSample) -> str:
    row = asdict(sample)
    return json.dumps({"set": row.pop("set_name"), **row})

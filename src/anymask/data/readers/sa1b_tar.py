"""SA-1B in a tar shard: members `name.jpg` and `name.json`, read one pair at a time."""

import os
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from anymask.data.readers.listing import PICTURE_SUFFIXES, split_suffix
from anymask.data.readers.naming import leaves_folder, picture_name, set_name_of
from anymask.data.readers.problem import bad_row
from anymask.data.readers.sa1b_record import (
    NO_PICTURE,
    NO_RECORD,
    TWO_OF_A_NAME,
    annotated_pair,
    picture_without_masks,
)
from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.errors import DataError
from anymask.image import display_name
from anymask.masks.problem import Problem

_LEAVES = Problem(
    code="path-leaves-folder",
    message="its name leads out of the archive",
    hint="pack the archive again with plain names",
)
_CUT = Problem(
    code="cut-shard",
    message="ends in the middle of a member",
    hint="download it again",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """One file of the archive: its name, and where its bytes are."""

    name: str
    offset: int
    num_bytes: int

    @property
    def is_record(self) -> bool:
        return split_suffix(self.name)[1] == ".json"


def read_sa1b_tar(path: Path) -> Iterator[AnnotatedFile | BadSample]:
    """Read the pairs of a tar shard; only one of them is in memory at a time.

    Args:
        path: The tar file, not compressed; its members may lie in folders.

    Yields:
        Pictures with their bytes, as their pairs become complete; and what cannot be used: codes
        "no-annotation", "no-picture", "ambiguous-pair", "path-leaves-folder", "cut-shard", and
        those of `annotated_pair`.

    Raises:
        DataError: If the file is missing, unreadable or no tar file.
    """
    set_name, shown = set_name_of(path), display_name(path)
    waiting: dict[str, _Member] = {}
    finished: set[str] = set()
    try:
        with path.open("rb") as file:
            for member in _members(path):
                if isinstance(member, Problem):
                    yield bad_row(member, set_name, shown)
                    continue
                place = f"{shown}: {display_name(member.name)}"
                stem = PurePosixPath(split_suffix(member.name)[0]).as_posix()
                other = waiting.pop(stem, None)
                if leaves_folder(member.name):
                    yield bad_row(_LEAVES, set_name, place)
                elif stem in finished:
                    yield bad_row(TWO_OF_A_NAME, set_name, place)
                elif other is None:
                    waiting[stem] = member
                elif other.is_record == member.is_record:
                    waiting[stem] = other
                    yield bad_row(TWO_OF_A_NAME, set_name, place)
                else:
                    finished.add(stem)
                    pair = (member, other) if member.is_record else (other, member)
                    text, encoded = (_bytes_of(file.fileno(), one) for one in pair)
                    picture = picture_without_masks(
                        set_name, picture_name(stem), encoded, _place(shown, pair[1])
                    )
                    yield from annotated_pair(text, picture, _place(shown, pair[0]))
    except (tarfile.TarError, OSError) as error:
        raise DataError(
            f"{shown}: is not a readable tar shard ({error})", hint="download it again"
        ) from error
    for member in waiting.values():
        yield bad_row(
            NO_PICTURE if member.is_record else NO_RECORD, set_name, _place(shown, member)
        )


def _members(path: Path) -> Iterator[_Member | Problem]:
    """Give the pictures and records of an archive, and say if it is cut short."""
    num_bytes = path.stat().st_size
    with closing(tarfile.open(path, "r:")) as shard:
        while True:
            try:
                found = shard.next()
            except tarfile.ReadError:
                if shard.offset == 0:
                    raise
                yield _CUT
                return
            if found is None:
                break
            # The archive would remember every member it has given.
            shard.members.clear()  # type: ignore[attr-defined]  # not in the stubs
            suffix = split_suffix(found.name)[1]
            is_hidden = PurePosixPath(found.name).name.startswith(".")
            if not found.isfile() or is_hidden or suffix not in (".json", *PICTURE_SUFFIXES):
                continue
            if found.offset_data + found.size > num_bytes:
                yield _CUT
                return
            yield _Member(name=found.name, offset=found.offset_data, num_bytes=found.size)
        with path.open("rb") as file:
            # A damaged header in the middle looks like an end to the tar reader.
            if file.seek(shard.offset) < num_bytes and any(file.read(tarfile.BLOCKSIZE)):
                yield _CUT


def _bytes_of(file: int, member: _Member) -> bytes:
    return os.pread(file, member.num_bytes, member.offset)


def _place(shown: str, member: _Member) -> str:
    return f"{shown}: {display_name(member.name)}"

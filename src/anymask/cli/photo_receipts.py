"""Receipts of commands about photos: beside each photo's outputs, and beside sets of all photos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from anymask.cli.annotation_sets import OpenSet
from anymask.cli.outputs import Plan
from anymask.cli.photos import STDIN, Photo
from anymask.cli.repeat import INPUT, output_in, repeatable

if TYPE_CHECKING:
    from anymask.receipt import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What a command was told, in a receipt's terms.

    Attributes:
        words: The flags that matter, "--flag" or "--flag=value".
        files: Flag's name without dashes → the file it named.
        hashes: SHA-256 of those of the files that were hashed already, by name.
    """

    words: Sequence[str]
    files: Mapping[str, Path] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)


def write_photo_receipt(receipt: "Receipt", photo: Photo, plan: Plan, typed: Typed) -> Path:
    """Write the receipt of one photo's outputs.

    Args:
        receipt: How they came to be.
        photo: The photo.
        plan: What was written.
        typed: What was typed, without the sets: they have receipts of their own.

    Returns:
        Where it is.

    Raises:
        OutputError: If it cannot be written.
    """
    from anymask.receipt import write_receipt

    owner = plan.receipt_owner(photo)
    output = output_in() if plan.file is None else output_in(plan.file.name)
    told = repeatable(
        receipt,
        owner,
        inputs={INPUT: _path_of(photo)},
        words=typed.words,
        files=typed.files,
        hashes=typed.hashes,
        output=("-o", output),
    )
    return write_receipt(owner, told)


def write_set_receipt(one: OpenSet, receipt: "Receipt", plan: Plan, typed: Typed) -> Path:
    """Write the receipt of a set for all photos.

    Args:
        one: The set, finished.
        receipt: How it came to be; its input is the first photo.
        plan: What was written.
        typed: What was typed, with this set as the only format.

    Returns:
        Where it is.

    Raises:
        OutputError: If it cannot be written.
    """
    from anymask.receipt import placed, stamp_file, write_receipt

    owner = one.output.place
    names = [INPUT, *(f"photo-{number}" for number in range(2, len(one.photos) + 1))]
    outputs = tuple(placed(stamp_file(path), path, owner) for path in one.written)
    is_file = owner.parent == plan.folder and owner.suffix.lower() == ".json"
    told = repeatable(
        replace(receipt, outputs=outputs),
        owner,
        inputs={name: _path_of(photo) for name, (photo, _) in zip(names, one.photos, strict=True)},
        words=typed.words,
        files=typed.files,
        hashes={
            **typed.hashes,
            **{name: sha for name, (_, sha) in zip(names, one.photos, strict=True)},
        },
        output=("-o", output_in(owner.name) if is_file else output_in()),
    )
    return write_receipt(owner, told)


def _path_of(photo: Photo) -> Path | None:
    return None if photo.path == STDIN else Path(photo.path)

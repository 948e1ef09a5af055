"""The receipts of `anymask segment`: beside each photo's outputs, and beside sets of all photos."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from anymask.cli.annotation_sets import OpenSet
from anymask.cli.flags import words_of
from anymask.cli.models import checkpoint_file
from anymask.cli.outputs import Plan
from anymask.cli.photos import STDIN, Photo
from anymask.cli.repeat import INPUT, output_in, repeatable
from anymask.cli.segment_flags import SegmentFlags

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.receipt import Receipt

# Told by reference, or not at all as they do not change what comes out.
_LEFT_OUT = frozenset({"photos", "output", "overwrite", "json", "mask", "boxes"})


def write_photo_receipt(
    receipt: "Receipt", photo: Photo, flags: SegmentFlags, plan: Plan, model: "Model"
) -> Path:
    """Write the receipt of one photo's outputs.

    Args:
        receipt: How they came to be.
        photo: The photo.
        flags: What was typed.
        plan: What was written.
        model: The model.

    Returns:
        Where it is.

    Raises:
        OutputError: If it cannot be written.
    """
    from anymask.receipt import write_receipt

    owner = plan.receipt_owner(photo)
    kept = [form.name for form in plan.formats]
    if plan.sets:  # they have receipts of their own
        flags = replace(flags, format=kept)
    output = output_in() if plan.file is None else output_in(plan.file.name)
    told = repeatable(
        receipt,
        owner,
        inputs={INPUT: _path_of(photo)},
        words=_words(flags),
        files=_files(flags),
        hashes={"model": model.loaded.sha256},
        output=("-o", output),
    )
    return write_receipt(owner, told)


def write_set_receipt(one: OpenSet, flags: SegmentFlags, plan: Plan, model: "Model") -> Path:
    """Write the receipt of a set for all photos.

    Args:
        one: The set, finished.
        flags: What was typed.
        plan: What was written.
        model: The model.

    Returns:
        Where it is.

    Raises:
        OutputError: If it cannot be written.
    """
    from anymask.cli.records import receipt_of
    from anymask.receipt import placed, stamp_file, write_receipt

    owner = one.output.place
    names = [INPUT, *(f"photo-{number}" for number in range(2, len(one.photos) + 1))]
    stamps = {path: stamp_file(path) for path in one.written}
    outputs = tuple(placed(stamp, path, owner) for path, stamp in stamps.items())
    photo, sha256 = one.photos[0]
    is_half = one.forms == {"float16"}
    is_mixed = "float16" in one.forms and not is_half
    notes = ("kept embeddings in float16 among others",) if is_mixed else ()
    receipt = replace(receipt_of(photo, sha256, model), outputs=outputs, notes=notes)
    is_file = owner.parent == plan.folder and owner.suffix.lower() == ".json"
    told = repeatable(
        receipt,
        owner,
        inputs={name: _path_of(photo) for name, (photo, _) in zip(names, one.photos, strict=True)},
        words=_words(replace(flags, format=[one.output.name], half=is_half)),
        files=_files(flags),
        hashes={
            "model": model.loaded.sha256,
            **{name: sha for name, (_, sha) in zip(names, one.photos, strict=True)},
        },
        output=("-o", output_in(owner.name) if is_file else output_in()),
    )
    return write_receipt(owner, told)


def _words(flags: SegmentFlags) -> list[str]:
    # A kept embedding may be gone by then, or one be there that was not; fresh ones are the same.
    flags = replace(flags, no_cache=True)
    return words_of(flags, without={*_LEFT_OUT, *_files(flags)})


def _files(flags: SegmentFlags) -> dict[str, Path]:
    named = {"mask": flags.mask, "boxes": flags.boxes, "model": checkpoint_file(flags.model)}
    return {name: Path(path) for name, path in named.items() if path is not None}


def _path_of(photo: Photo) -> Path | None:
    return None if photo.path == STDIN else Path(photo.path)

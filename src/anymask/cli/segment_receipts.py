"""What `anymask segment` was told, as its receipts repeat it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from anymask.cli.annotation_sets import OpenSet
from anymask.cli.flags import words_of
from anymask.cli.models import checkpoint_file
from anymask.cli.outputs import Plan
from anymask.cli.photo_receipts import Typed
from anymask.cli.segment_flags import SegmentFlags

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.receipt import Receipt

# Told by reference, or not at all as they do not change what comes out.
_LEFT_OUT = frozenset({"photos", "output", "overwrite", "json", "mask", "boxes"})


def typed_for_photo(flags: SegmentFlags, plan: Plan, model: "Model") -> Typed:
    """Give what repeats the outputs of one photo.

    Args:
        flags: What was typed.
        plan: What was written.
        model: The model.
    """
    if plan.sets:  # they have receipts of their own
        flags = replace(flags, format=[form.name for form in plan.formats])
    return _typed(flags, model)


def typed_for_set(one: OpenSet, flags: SegmentFlags, model: "Model") -> Typed:
    """Give what repeats a set of all photos.

    Args:
        one: The set.
        flags: What was typed.
        model: The model.
    """
    is_half = one.forms == {"float16"}
    return _typed(replace(flags, format=[one.output.name], half=is_half), model)


def set_receipt(one: OpenSet, model: "Model") -> "Receipt":
    """Say how a set came to be.

    Args:
        one: The set; it holds a photo or more.
        model: The model.

    Returns:
        The receipt, without its outputs.
    """
    from anymask.cli.records import receipt_of

    is_mixed = "float16" in one.forms and len(one.forms) > 1
    notes = ("kept embeddings in float16 among others",) if is_mixed else ()
    photo, sha256 = one.photos[0]
    return replace(receipt_of(photo, sha256, model, "segment"), notes=notes)


def _typed(flags: SegmentFlags, model: "Model") -> Typed:
    named = {"mask": flags.mask, "boxes": flags.boxes, "model": checkpoint_file(flags.model)}
    files = {name: Path(path) for name, path in named.items() if path is not None}
    # A kept embedding may be gone by then, or one be there that was not; fresh ones are the same.
    flags = replace(flags, no_cache=True)
    return Typed(
        words=words_of(flags, without={*_LEFT_OUT, *files}),
        files=files,
        hashes={"model": model.loaded.sha256},
    )

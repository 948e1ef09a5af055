"""Everything on a photo in JSON's terms: the line for programs, and the receipt."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from anymask.cli.everything_found import FoundOnPhoto
from anymask.cli.photos import Photo
from anymask.cli.records import receipt_of
from anymask.masks.part_tree import part_tree

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.masks.mask import Mask
    from anymask.receipt import Receipt


def everything_receipt(
    one: FoundOnPhoto, photo: Photo, model: "Model", settings: Mapping[str, object]
) -> "Receipt":
    """Say how everything on a photo was found.

    Args:
        one: What was found.
        photo: The photo.
        model: The model.
        settings: What else changes the result, in JSON's terms.

    Returns:
        The receipt, with the effective settings of everything mode.
    """
    return replace(
        receipt_of(photo, one.source.sha256, model, "everything"),
        settings={**asdict(one.found.settings), **settings},
        notes=(*one.notes, *model.loaded.notes),
        seconds={
            "encode": round(one.encode_seconds, 4),
            **{step: round(seconds, 4) for step, seconds in one.found.seconds.items()},
        },
    )


def found_record(one: FoundOnPhoto) -> dict[str, object]:
    """Give what was found, for a line of JSON.

    Args:
        one: What was found.

    Returns:
        The masks in the order of the result, each with its place in the tree of parts; and how
        many candidates there were, and which setting dropped how many.
    """
    masks = one.found.masks
    tree = part_tree([mask.rle for mask in masks])
    height, width = one.size_hw
    return {
        "width": width,
        "height": height,
        "num_masks": len(masks),
        "num_candidates": one.num_candidates,
        "num_prompts": one.found.candidates.num_prompts,
        "dropped": one.dropped(),
        "masks": [
            {**_mask_record(mask), "parent": tree.parents[i], "level": tree.levels[i]}
            for i, mask in enumerate(masks)
        ],
    }


def _mask_record(mask: "Mask") -> dict[str, Any]:
    record: dict[str, Any] = {
        "score": round(mask.score, 6),
        "box": list(mask.box),
        "area": mask.area,
        "rle": mask.rle,
    }
    if mask.finding is not None:
        record["stability_score"] = round(mask.finding.stability_score, 6)
        record["point"] = list(mask.finding.point)
        record["crop_box"] = list(mask.finding.crop_box)
    return record

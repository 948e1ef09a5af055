"""An answer in JSON's terms: the receipt beside the outputs, and the line for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anymask.cli.answer import Answer
from anymask.cli.photos import Photo
from anymask.errors import AnymaskError
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.image.picture import Picture
    from anymask.masks.mask import Mask
    from anymask.receipt import Receipt


def make_receipt(
    answer: Answer, photo: Photo, model: "Model", settings: Mapping[str, object]
) -> "Receipt":
    """Say how an answer came to be.

    Args:
        answer: The answer.
        photo: The photo it is about.
        model: The model that gave it.
        settings: Flags that change the result, in JSON's terms.

    Returns:
        The receipt.
    """
    from anymask.receipt import record_prompt

    return replace(
        receipt_of(photo, answer.picture.sha256 or "", model, "segment"),
        settings=settings,
        prompts=tuple(record_prompt(prompt) for prompt in answer.prompts),
        notes=(*answer.picture.notes, *model.loaded.notes, *answer.warnings),
        seconds={
            "encode": round(answer.encode_seconds, 4),
            "decode": round(answer.decode_seconds, 4),
        },
    )


def receipt_of(photo: Photo, sha256: str, model: "Model", command: str) -> "Receipt":
    """Say which photo and model an output comes from, and on what it was computed.

    Args:
        photo: The photo.
        sha256: Of the bytes that were decoded.
        model: The model.
        command: The command.
    """
    from anymask.predict.engines import stamp_engine
    from anymask.receipt import FileStamp, Receipt, stamp_bytes, versions_here

    loaded = model.loaded
    return Receipt(
        # The name as a receipt writes names.
        input=replace(stamp_bytes(photo.path, b""), sha256=sha256),
        command=command,
        model=FileStamp(name=f"{loaded.name}, {loaded.origin}", sha256=loaded.sha256),
        device=str(loaded.device),
        versions=versions_here(),
        engine=stamp_engine(loaded),
    )


def answer_line(answer: Answer, photo: Photo, receipt: "Receipt", outputs: Sequence[Path]) -> str:
    """Give an answer as one line of JSON.

    Args:
        answer: The answer.
        photo: The photo it is about.
        receipt: How it came to be.
        outputs: The files that were written.

    Returns:
        The line, ASCII only, without its end.
    """
    return photo_line(
        answer.picture,
        photo,
        receipt,
        outputs,
        {
            "prompts": asdict(receipt)["prompts"],
            "masks": [_mask_record(answer, number, mask) for number, mask in answer.masks],
            "warnings": list(answer.warnings),
        },
    )


def photo_line(
    picture: "Picture",
    photo: Photo,
    receipt: "Receipt",
    outputs: Sequence[Path],
    found: Mapping[str, object],
) -> str:
    """Give what was made of a photo as one line of JSON.

    Args:
        picture: The photo's pixels.
        photo: The photo.
        receipt: How it came to be.
        outputs: The files that were written.
        found: What the command found, in JSON's terms.

    Returns:
        The line, ASCII only, without its end.
    """
    height, width = picture.size_hw
    made = asdict(receipt)
    return _line(
        {
            "ok": True,
            "picture": photo.shown,
            "sha256": receipt.input.sha256,
            "name_bytes": receipt.input.name_bytes,
            "width": width,
            "height": height,
            "format": picture.format,
            "orientation": picture.orientation,
            **found,
            "outputs": [shown_name(path) for path in outputs],
            "notes": list(picture.notes),
            "seconds": made["seconds"],
            "model": made["model"],
            "device": receipt.device,
            "engine": made["engine"],
            "versions": made["versions"],
            "settings": made["settings"],
        }
    )


def coco_records(answer: Answer) -> list[dict[str, Any]]:
    """Give each mask of an answer as COCO's result files hold them.

    Args:
        answer: The answer.

    Returns:
        Object's number from 0, score, bbox (x, y, width, height), area and segmentation.
    """
    from anymask.masks import rle

    return [
        {
            "object": number,
            **_found_record(answer, number),
            "score": round(mask.score, 6),
            "bbox": list(rle.bbox(mask.rle)),
            "area": mask.area,
            "segmentation": mask.rle,
        }
        for number, mask in answer.masks
    ]


def error_line(photo: Photo, error: AnymaskError, message: str, hint: str | None) -> str:
    """Give a failure as one line of JSON.

    Args:
        photo: The photo that failed.
        error: Why.
        message: The error's message as people read it.
        hint: What to do, or None.

    Returns:
        The line, ASCII only, without its end.
    """
    code = type(error).__name__
    return _line(
        {
            "ok": False,
            "picture": photo.shown,
            "error": {"code": code, "message": message, "hint": hint},
        }
    )


def _mask_record(answer: Answer, number: int, mask: "Mask") -> dict[str, Any]:
    return {
        "object": number,
        **_found_record(answer, number),
        "score": round(mask.score, 6),
        "box": list(mask.box),
        "area": mask.area,
        "rle": mask.rle,
    }


def _found_record(answer: Answer, number: int) -> dict[str, Any]:
    """Give what a detector said of an object."""
    if not answer.labels:
        return {}
    return {"label": answer.labels[number], "box_score": answer.found_scores[number]}


def _line(entries: Mapping[str, object]) -> str:
    return json.dumps(entries, allow_nan=False)

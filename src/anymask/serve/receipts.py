"""The receipt of a picture's objects: which picture and model, and how each mask came to be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from anymask.api import Model
from anymask.image.picture import Picture
from anymask.masks.rle import area, bbox
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.engines import stamp_engine
from anymask.receipt import SUFFIX, FileStamp, Receipt, stamp_bytes, to_json, versions_here
from anymask.serve.coding import MaskCode
from anymask.serve.download_names import safe_name
from anymask.serve.exporting import JSON_TYPE, Exported
from anymask.serve.sent_objects import SentObject

_COMMAND: Final = "serve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """An object and what gives it again.

    Attributes:
        one: The object.
        code: The code, or None where nobody knows where the object comes from.
        problem: Why there is none, or None.
    """

    one: SentObject
    code: MaskCode | None = None
    problem: str | None = None


def export_receipt(
    model: Model,
    picture: Picture,
    picture_name: str,
    embedding: ImageEmbedding | None,
    objects: Sequence[Coded],
) -> Exported:
    """Write the receipt.

    Args:
        model: The model.
        picture: The picture.
        picture_name: Its name.
        embedding: What the model made of it; None where it was not needed.
        objects: The objects.
    """
    loaded = model.loaded
    kept_as = None if embedding is None else embedding.kept_as
    receipt = Receipt(
        input=replace(stamp_bytes(picture_name, b""), sha256=picture.sha256 or ""),
        command=_COMMAND,
        model=FileStamp(name=f"{loaded.name}, {loaded.origin}", sha256=loaded.sha256),
        device=str(loaded.device),
        versions=versions_here(),
        engine=stamp_engine(loaded),
        settings={
            "size": list(picture.size_hw),
            "input_size": loaded.sam.config.input_size,
            "embedding": "fresh" if kept_as is None else f"kept, {kept_as}",
            "objects": [_told(coded) for coded in objects],
        },
        notes=(*picture.notes, *loaded.notes),
    )
    missing = sum(coded.code is None for coded in objects)
    note = f"Of {missing} of {len(objects)} objects nobody knows how they were made."
    return Exported(
        name=f"{safe_name(picture_name)}{SUFFIX}",
        media_type=JSON_TYPE,
        content=to_json(receipt).encode("utf-8", "backslashreplace"),
        notes=(note,) if missing else (),
    )


def _told(coded: Coded) -> dict[str, object]:
    one, code = coded.one, coded.code
    x, y, width, height = bbox(one.rle)
    return {
        "name": one.name,
        "score": one.score,
        "area": area(one.rle),
        "box": [x, y, x + width, y + height],
        "colour": list(one.colour),
        "rle": {"size": list(one.rle["size"]), "counts": one.rle["counts"]},
        "source": None if one.source is None else dict(one.source),
        "python": None if code is None else code.python,
        "command": None if code is None else code.command,
        "files": [] if code is None else [file.name for file in code.files],
        "problem": coded.problem,
    }

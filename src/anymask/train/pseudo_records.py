"""What a model found on each picture: one small file a picture, so that no work is done twice."""

import hashlib
import json
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from anymask.data.picture import AnnotatedPicture
from anymask.masks.atomic import write_bytes
from anymask.masks.finding import Finding
from anymask.masks.rle import compress, decompress
from anymask.train.pseudo_masks import PseudoChoice, PseudoMask, PseudoSettings

RECORDS = "records"
_DAMAGES = (OSError, ValueError, LookupError, TypeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoRecord:
    """What a model found on one picture.

    Attributes:
        choice: The masks, and how many others were left out and why.
        failed: Why nothing could be found, or None.
    """

    choice: PseudoChoice
    failed: str | None = None


def records_folder(folder: Path, model_sha256: str, settings: PseudoSettings) -> Path:
    """Give the folder of what one model found with some settings; others have folders of their own.

    Args:
        folder: Folder of the self-training.
        model_sha256: Hash of the weights, hexadecimal.
        settings: What was good enough.
    """
    told = json.dumps([model_sha256, asdict(settings)])
    return folder / RECORDS / hashlib.sha256(told.encode("ascii")).hexdigest()[:12]


def write_record(records: Path, picture: AnnotatedPicture, record: PseudoRecord) -> None:
    """Write what was found on a picture, whole or not at all.

    Args:
        records: What `records_folder` gave.
        picture: The picture.
        record: What was found.

    Raises:
        OutputError: If the file cannot be written.
    """
    masks = [
        {
            "counts": compress(mask.runs),
            "score": mask.score,
            "finding": None if mask.finding is None else asdict(mask.finding),
        }
        for mask in record.choice.masks
    ]
    told = {
        "picture": _key(picture),
        "masks": masks,
        "left_out": dict(record.choice.left_out),
        "failed": record.failed,
    }
    write_bytes(_path(records, picture), f"{json.dumps(told)}\n".encode("ascii"))


def read_record(records: Path, picture: AnnotatedPicture) -> PseudoRecord | None:
    """Give what was found on a picture.

    Args:
        records: What `records_folder` gave.
        picture: The picture.

    Returns:
        The record; None if there is none, it is damaged, or picture or labels have changed since.
    """
    with suppress(*_DAMAGES):
        told = json.loads(_path(records, picture).read_bytes())
        if told["picture"] != _key(picture):
            return None
        masks = tuple(
            PseudoMask(
                runs=decompress(mask["counts"]),
                score=float(mask["score"]),
                finding=_finding(mask["finding"]),
            )
            for mask in told["masks"]
        )
        choice = PseudoChoice(masks=masks, left_out=Counter(told["left_out"]))
        return PseudoRecord(choice=choice, failed=told["failed"])
    return None


def _finding(told: dict[str, object] | None) -> Finding | None:
    if told is None:
        return None
    return Finding(**{key: tuple(v) if isinstance(v, list) else v for key, v in told.items()})  # type: ignore[arg-type]  # as `asdict` wrote it


def _path(records: Path, picture: AnnotatedPicture) -> Path:
    return records / picture.set_name / f"{picture.name}.json"


def _key(picture: AnnotatedPicture) -> str:
    """Give a digest of a picture and of the masks that people made of it."""
    digest = hashlib.sha256(picture.encoded)
    for index, runs in enumerate(picture.runs):
        if not picture.is_pseudo(index):
            digest.update(np.ascontiguousarray(runs, np.int64).tobytes())
    return digest.hexdigest()

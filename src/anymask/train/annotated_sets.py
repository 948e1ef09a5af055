"""Pictures with the masks of people and of a model side by side: tar archives as SA-1B has them.

A mask that a model made is marked "pseudo": true, with its scores and how it was found.
"""

import hashlib
import io
import json
import os
import tarfile
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anymask.data.picture import AnnotatedPicture
from anymask.data.readers.sa1b_record import PSEUDO
from anymask.data.splits import NamedSet
from anymask.errors import OutputError
from anymask.masks.atomic import shown_name
from anymask.masks.forms.scores import finding_record
from anymask.masks.rle import area, bbox, encode_runs
from anymask.train.pseudo_masks import PseudoMask
from anymask.train.pseudo_records import read_record

SETS = "annotated"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCounts:
    """What one annotated set holds.

    Attributes:
        pictures: Pictures with a mask.
        asked: Pictures the model was asked about.
        labelled: Masks that people made.
        pseudo: Masks that the model made.
    """

    pictures: int = 0
    asked: int = 0
    labelled: int = 0
    pseudo: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedSets:
    """Sets with the masks of people and of a model.

    Attributes:
        paths: Their archives.
        counts: What they hold, by name of the set.
        left_out: Masks of the model that were not taken, by what stood against them.
        failed: Why the model could not be asked, by "set/picture".
    """

    paths: tuple[Path, ...]
    counts: dict[str, SetCounts]
    left_out: dict[str, int]
    failed: dict[str, str]


def write_annotated_sets(
    sets: Sequence[NamedSet], records: Path, folder: Path, passed_over: Set[str]
) -> AnnotatedSets:
    """Write each set anew, with what the model found on its pictures.

    Pictures without any mask are left out. An archive that would stay the same is not touched, so
    that a run that learns from it can go on.

    Args:
        sets: Pictures and the masks that people made; masks a model made before are dropped.
        records: What the model found, see `records_folder`.
        folder: Where the archives go.
        passed_over: Pictures that get no masks of the model, "set/picture".

    Raises:
        DataError: If a picture cannot be read.
        OutputError: If an archive cannot be written.
    """
    left_out: Counter[str] = Counter()
    failed: dict[str, str] = {}
    counts: dict[str, SetCounts] = {}
    paths = []
    for group in sets:
        path = folder / f"{group.name}.tar"
        members = _members(group, records, passed_over, _Tally(left_out, failed, counts))
        counts[group.name] = SetCounts()
        if _write_tar(path, members):
            paths.append(path)
    return AnnotatedSets(paths=tuple(paths), counts=counts, left_out=dict(left_out), failed=failed)


@dataclass(frozen=True, slots=True)
class _Tally:
    """Counted while sets are written."""

    left_out: Counter[str]
    failed: dict[str, str]
    counts: dict[str, SetCounts]


def _members(
    group: NamedSet, records: Path, passed_over: Set[str], tally: _Tally
) -> Iterator[tuple[str, bytes]]:
    """Give name and content of an archive's members, a picture and its annotation in turn."""
    for row in range(len(group)):
        picture = group[row]
        name = f"{group.name}/{picture.name}"
        found = None if name in passed_over else read_record(records, picture)
        masks: tuple[PseudoMask, ...] = ()
        counts = tally.counts[group.name]
        if found is not None:
            masks = found.choice.masks
            tally.left_out.update(found.choice.left_out)
            if found.failed is not None:
                tally.failed[name] = found.failed
        labelled = labelled_only(picture)
        tally.counts[group.name] = SetCounts(
            pictures=counts.pictures + bool(labelled.runs or masks),
            asked=counts.asked + (found is not None and found.failed is None),
            labelled=counts.labelled + len(labelled.runs),
            pseudo=counts.pseudo + len(masks),
        )
        if labelled.runs or masks:
            yield f"{picture.name}.jpg", picture.encoded
            yield f"{picture.name}.json", annotation(labelled, masks, row)


def labelled_only(picture: AnnotatedPicture) -> AnnotatedPicture:
    """Give a picture with those of its masks that people made."""
    kept = tuple(runs for i, runs in enumerate(picture.runs) if not picture.is_pseudo(i))
    return replace(picture, runs=kept, pseudo=None)


def annotation(picture: AnnotatedPicture, masks: Sequence[PseudoMask], number: int) -> bytes:
    """Give the annotation of a picture in the SA-1B layout.

    Args:
        picture: The picture with the masks that people made.
        masks: Those that a model made.
        number: Number of the picture.

    Returns:
        A JSON file's bytes.
    """
    height, width = picture.size_hw
    codes = [encode_runs(runs, picture.size_hw) for runs in picture.runs]
    codes += [encode_runs(mask.runs, picture.size_hw) for mask in masks]
    annotations: list[dict[str, Any]] = [
        {
            "id": place,
            "segmentation": {"size": [height, width], "counts": code["counts"]},
            "bbox": [float(side) for side in bbox(code)],
            "area": area(code),
        }
        for place, code in enumerate(codes)
    ]
    for entry, mask in zip(annotations[len(picture.runs) :], masks, strict=True):
        entry |= {PSEUDO: True, "predicted_iou": mask.score} | finding_record(mask.finding)
    image = {
        "image_id": number,
        "width": width,
        "height": height,
        "file_name": f"{picture.name}.jpg",
    }
    return json.dumps({"image": image, "annotations": annotations}).encode("ascii")


def _write_tar(path: Path, members: Iterator[tuple[str, bytes]]) -> bool:
    """Write an archive, whole or not at all; say whether it holds anything."""
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    number = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                for name, data in members:
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
                    archive.members.clear()  # type: ignore[attr-defined]  # not in the stubs
                    number += 1
            file.flush()
            os.fsync(file.fileno())
        if number and not (path.exists() and _sha256(path) == _sha256(part)):
            part.replace(path)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"{shown_name(path)}: cannot be written ({error.strerror or error})",
            hint="free some space or choose another folder",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()
    return number > 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""One picture of SA-1B: what its JSON says.

One field is our own: "pseudo" is true where a model made the mask and nobody has seen it.

Source: the published SA-1B data set: {"image": {"width", "height", …}, "annotations":
[{"id", "segmentation": {"size": [H, W], "counts": text}, …}]}.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anymask.data.readers.problem import bad_row
from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.masks.forms.sa1b import annotation_place, sa1b_record
from anymask.masks.problem import Problem
from anymask.masks.segmentation import image_size, segmentation_runs

NO_RECORD = Problem(
    code="no-annotation",
    message="has no JSON of the same name",
    hint="add the JSON or remove the picture",
)
NO_PICTURE = Problem(
    code="no-picture",
    message="has no picture of the same name",
    hint="add the picture or remove the JSON",
)
PSEUDO = "pseudo"
TWO_OF_A_NAME = Problem(
    code="ambiguous-pair",
    message="there are several files of the same name",
    hint="keep one picture and one JSON",
)


def annotated_pair(
    text: bytes, picture: AnnotatedFile, record_shown: str
) -> Iterator[AnnotatedFile | BadSample]:
    """Put a picture and its record together.

    Args:
        text: The JSON.
        picture: The picture, as yet without size and masks.
        record_shown: Where the JSON is, for people.

    Yields:
        What is wrong with single masks (the codes of `segmentation_runs`), then the picture with
        the others; or one row with code "bad-json" or "bad-record".
    """
    set_name = picture.set_name
    record = sa1b_record(text)
    if isinstance(record, Problem):
        yield bad_row(record, set_name, record_shown)
        return
    size_hw = image_size(record["image"])
    runs: list[NDArray[np.int64]] = []
    pseudo: list[bool] = []
    for number, annotation in enumerate(record["annotations"]):
        is_record = isinstance(annotation, Mapping)
        segmentation = annotation.get("segmentation") if is_record else None
        found = segmentation_runs(segmentation, size_hw)
        if isinstance(found, Problem):
            place = annotation_place(annotation, number)
            yield bad_row(found, set_name, f"{record_shown}: {place}")
            continue
        counts, size_hw = found
        runs.append(counts)
        pseudo.append(annotation.get(PSEUDO) is True)
    yield AnnotatedFile(
        set_name=set_name,
        name=picture.name,
        source=picture.source,
        shown=picture.shown,
        size_hw=size_hw,
        runs=tuple(runs),
        pseudo=tuple(pseudo) if any(pseudo) else None,
    )


def picture_without_masks(
    set_name: str, name: str, source: Path | bytes, shown: str
) -> AnnotatedFile:
    """Give a picture of which nothing is known yet.

    Args:
        set_name: Name of the data set.
        name: Name inside the set.
        source: The file, or its bytes.
        shown: Where it is, for people.
    """
    return AnnotatedFile(
        set_name=set_name, name=name, source=source, shown=shown, size_hw=None, runs=()
    )


def unreadable(error: OSError) -> Problem:
    """Say that a file cannot be opened.

    Args:
        error: What the system said.
    """
    return Problem(
        code="unreadable",
        message=f"cannot be read ({error.strerror or error})",
        hint="check the file and its permissions",
    )

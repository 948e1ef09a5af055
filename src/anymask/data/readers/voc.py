"""Pascal VOC: `JPEGImages/x.jpg` and `SegmentationObject/x.png`, a palette image, 255 void.

Source: The Pascal Visual Object Classes Challenge, development kit, segmentation of objects.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from anymask.data.readers.label_image import read_label_image
from anymask.data.readers.label_pairs import files_by_key
from anymask.data.readers.listing import PICTURE_SUFFIXES
from anymask.data.readers.naming import picture_name, set_name_of
from anymask.data.readers.problem import bad_row
from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.image import display_name
from anymask.masks.label_image import VOID, label_runs
from anymask.masks.problem import Problem

PICTURES, OBJECTS = "JPEGImages", "SegmentationObject"

_NO_PICTURE = Problem(
    code="no-picture",
    message=f"has no picture of its name in {PICTURES}",
    hint="add the picture or remove the label image",
)


def read_voc(
    path: Path, *, left_out: Counter[str] | None = None
) -> Iterator[AnnotatedFile | BadSample]:
    """Read the objects of a VOC tree.

    Args:
        path: The folder that holds JPEGImages and SegmentationObject.
        left_out: Is told how many pictures belong to VOC's other tasks and have no label image:
            key "no-labels".

    Yields:
        The pictures that have a label image, by name; and what cannot be used: codes
        "no-picture" and those of `read_label_image`.

    Raises:
        DataError: If a folder is missing or cannot be listed.
    """
    set_name = set_name_of(path)
    pictures = files_by_key(path / PICTURES, PICTURE_SUFFIXES)
    objects = files_by_key(path / OBJECTS, (".png",))
    num_others = len(pictures.keys() - objects.keys())
    if left_out is not None and num_others:
        left_out["no-labels"] += num_others
    for key, (file,) in objects.items():
        image = read_label_image(file) if key in pictures else _NO_PICTURE
        if isinstance(image, Problem):
            yield bad_row(image, set_name, display_name(file))
            continue
        labels = np.where(image.labels == VOID, 0, image.labels)
        picture = pictures[key][0]
        yield AnnotatedFile(
            set_name=set_name,
            name=picture_name(key),
            source=picture,
            shown=display_name(picture),
            size_hw=(labels.shape[0], labels.shape[1]),
            runs=label_runs(labels),
        )

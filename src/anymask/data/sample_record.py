"""What a reader of annotated pictures gives: good samples, and rows for the bad ones."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedFile:
    """A picture's file and its masks; the picture itself has not been opened.

    Attributes:
        set_name: Name of the data set, safe as a file name.
        name: Name of the picture inside the set: unique, without a suffix, "/" between folders.
        source: The picture's file, or its bytes where it lies inside an archive.
        shown: Where it is, for people: escaped, one line.
        size_hw: Size in pixels that the annotation says, or None where it says none.
        runs: One array of column-major run lengths a mask, starting with zeros, for `size_hw`.
        pseudo: Whether each mask was made by a model and seen by nobody; None where people made
            all of them.
    """

    set_name: str
    name: str
    source: Path | bytes
    shown: str
    size_hw: tuple[int, int] | None
    runs: tuple[NDArray[np.int64], ...]
    pseudo: tuple[bool, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSample:
    """A picture, a mask or an annotation that cannot be used: one row of failures.jsonl.

    Attributes:
        set_name: Name of the data set.
        input: File, and record inside it, for people: escaped, one line.
        code: Short reason for programs, lower case with dashes: "size-differs", "no-picture", …
        message: What is wrong, one sentence without a final stop.
        hint: What to do, imperative.
    """

    set_name: str
    input: str
    code: str
    message: str
    hint: str

"""BSDS500: pictures and `.mat` files with the regions that several people drew.

Source: Contour Detection and Hierarchical Image Segmentation (Arbeláez et al., 2011), data set.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anymask.data.readers.label_pairs import files_by_key
from anymask.data.readers.listing import PICTURE_SUFFIXES
from anymask.data.readers.naming import picture_name, set_name_of
from anymask.data.readers.problem import bad_row
from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.errors import MissingExtra
from anymask.image import display_name
from anymask.masks.label_image import label_runs
from anymask.masks.problem import Problem

PICTURES, REGIONS = "images", "groundTruth"

_NO_PICTURE = Problem(
    code="no-picture",
    message="has no picture of its name",
    hint="add the picture or remove the .mat file",
)
_NO_REGIONS = Problem(
    code="no-labels",
    message="has no .mat file of its name",
    hint="add the .mat file or remove the picture",
)
_AMBIGUOUS = Problem(
    code="ambiguous-pair",
    message="there are several pictures of the same name",
    hint="keep the one the regions were drawn on",
)


def read_bsds(path: Path) -> Iterator[AnnotatedFile | BadSample]:
    """Read a BSDS tree, or a folder of pictures beside their `.mat` files.

    Args:
        path: The folder that holds images/ and groundTruth/, or pictures and `.mat` files.

    Yields:
        Pictures by name with the regions of every person, one person after the other; and what
        cannot be used: codes "no-picture", "no-labels", "ambiguous-pair", "unreadable-labels" and
        "size-differs".

    Raises:
        DataError: If a folder cannot be listed.
        MissingExtra: If scipy is not installed.
    """
    is_tree = (path / REGIONS).is_dir()
    pictures = files_by_key(path / PICTURES if is_tree else path, PICTURE_SUFFIXES)
    regions = files_by_key(path / REGIONS if is_tree else path, (".mat",))
    set_name = set_name_of(path)
    for key in sorted(pictures.keys() | regions.keys()):
        problem = _pair_problem(pictures.get(key, []), regions.get(key, []))
        if problem is not None:
            place = [*pictures.get(key, []), *regions.get(key, [])][0]
            yield bad_row(problem, set_name, display_name(place))
            continue
        file, picture = regions[key][0], pictures[key][0]
        maps = _label_maps(file)
        if isinstance(maps, Problem):
            yield bad_row(maps, set_name, display_name(file))
            continue
        yield AnnotatedFile(
            set_name=set_name,
            name=picture_name(key),
            source=picture,
            shown=display_name(picture),
            size_hw=(maps[0].shape[0], maps[0].shape[1]),
            runs=tuple(runs for labels in maps for runs in label_runs(labels)),
        )


def _pair_problem(pictures: list[Path], regions: list[Path]) -> Problem | None:
    if not pictures:
        return _NO_PICTURE
    if not regions:
        return _NO_REGIONS
    return _AMBIGUOUS if len(pictures) > 1 else None


def _label_maps(file: Path) -> list[NDArray[np.int64]] | Problem:
    """Give the label map of each person, regions numbered from 1."""
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise MissingExtra(
            f"{display_name(file)}: reading .mat files needs scipy",
            hint="install anymask[train]",
        ) from error
    try:
        content = loadmat(file, variable_names=["groundTruth"])
        cells = np.asarray(content["groundTruth"]).ravel()
        maps = [np.asarray(cell["Segmentation"].item()) for cell in cells]
    except KeyError:
        return _unreadable('holds no "groundTruth"')
    except (MatReadError, OSError, ValueError, TypeError, IndexError, zlib.error) as error:
        return _unreadable(f"cannot be read ({' '.join(str(error).split())[:80]})")
    except NotImplementedError:
        return _unreadable("is a MATLAB 7.3 file")
    is_plane = [labels.ndim == 2 and labels.dtype.kind in "iuf" for labels in maps]
    if not maps or not all(is_plane):
        return _unreadable('holds no "Segmentation" of whole numbers')
    if len({labels.shape for labels in maps}) > 1:
        shown = ", ".join(f"{labels.shape[1]}×{labels.shape[0]}" for labels in maps)
        return Problem(
            code="size-differs",
            message=f"its people's regions have different sizes ({shown[:80]})",
            hint="download it again",
        )
    return [labels.astype(np.int64) for labels in maps]


def _unreadable(message: str) -> Problem:
    return Problem(
        code="unreadable-labels",
        message=message,
        hint="save it in MATLAB's version 7 format, as BSDS500 does",
    )

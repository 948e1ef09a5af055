"""Everything on a photo → files."""

import io
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from anymask.cli.everything_found import FoundOnPhoto
from anymask.cli.outputs import Output
from anymask.cli.photos import safe_name
from anymask.errors import OutputError, StateError
from anymask.everything.kept import save_candidates
from anymask.masks import rle
from anymask.masks.annotation import AnnotatedPicture, Annotation
from anymask.masks.atomic import shown_name, write_bytes
from anymask.masks.forms.label_layers import write_label_layers
from anymask.masks.forms.published_folder import published_folder
from anymask.masks.forms.sa1b import write_sa1b
from anymask.masks.label_layers import Policy
from anymask.masks.overview import overview
from anymask.masks.png import png_bytes
from anymask.masks.shrunk import shrink
from anymask.receipt import FileStamp, placed, stamp_bytes, stamp_file

if TYPE_CHECKING:
    from PIL import Image

_DIGITS_AT_END = re.compile(r"\d{1,15}$", re.ASCII)
# What an earlier run with more masks may have left in a folder of ours.
_NUMBERED = re.compile(r"(?:\d+|.*\.layer\d+)\.(?:png|tif)", re.ASCII | re.DOTALL)
_JPEG_QUALITY = 92


def write_everything(
    one: FoundOnPhoto, outputs: list[Output], owner: Path, *, may_overwrite: bool, policy: Policy
) -> tuple[FileStamp, ...]:
    """Write the files of one photo, each whole or not at all.

    Args:
        one: What was found.
        outputs: What to write; some of them are folders.
        owner: The output beside which their receipt will stand.
        may_overwrite: Whether existing files may be replaced.
        policy: Which mask lies on top in label layers.

    Returns:
        Names and hashes of the files.

    Raises:
        StateError: If an overview is asked for and there is no picture.
        OutputError: If a file cannot be written or may not be replaced, or what is left of an
            earlier result cannot be removed.
    """
    stamps = []
    for output in outputs:
        if output.format.name == "candidates":
            candidates = one.found.candidates
            save_candidates(candidates, one.source, output.path, overwrite=may_overwrite)
            stamps.append(placed(stamp_file(output.path), output.path, owner))
            continue
        written = set()
        for name, content in _files_of(one, output, policy):
            path = output.path / name
            write_bytes(path, content, overwrite=may_overwrite)
            stamps.append(placed(stamp_bytes(str(path), content), path, owner))
            written.add(path.name)
        if not output.format.suffixes:
            _remove_others(output.path, written)
    return tuple(stamps)


def annotated(one: FoundOnPhoto) -> AnnotatedPicture:
    """Give what was found as annotations, in the order of the result.

    Args:
        one: What was found.
    """
    return AnnotatedPicture(
        # A file of candidates comes from anywhere, and so does the name in it.
        file_name=safe_name(PurePosixPath(one.source.name).name) or "photo",
        size_hw=one.size_hw,
        objects=tuple(
            Annotation(rle=mask.rle, score=mask.score, finding=mask.finding)
            for mask in one.found.masks
        ),
    )


def _files_of(one: FoundOnPhoto, output: Output, policy: Policy) -> Iterator[tuple[str, bytes]]:
    """Give the files of an output one at a time; the name is "" where it is the file itself."""
    match output.format.name:
        case "sa1b":
            picture = annotated(one)
            digits = _DIGITS_AT_END.search(PurePosixPath(picture.file_name).stem)
            image_id = int(digits[0]) if digits else 1
            yield "", write_sa1b(picture, image_id=image_id, first_id=1)[0]
        case "overview":
            yield "", _overview(one, output.path.suffix.lower())
        case "png":
            yield from published_folder(annotated(one))
        case _:
            yield from write_label_layers(annotated(one), policy)


def _overview(one: FoundOnPhoto, suffix: str) -> bytes:
    if one.picture is None:
        raise StateError("an overview needs the photo", hint="name it with --photo")
    codes = [mask.rle for mask in one.found.masks]
    to_hw = one.picture.size_hw
    if to_hw != one.size_hw:
        codes = [_shrunk(code, one.size_hw, to_hw) for code in codes]
    return picture_bytes(overview(one.picture.pixels, codes), suffix)


def _shrunk(code: rle.RLE, size_hw: tuple[int, int], to_hw: tuple[int, int]) -> rle.RLE:
    """Give a mask at the size of a small picture."""
    inside, (x0, y0) = shrink(rle.runs_of(code), size_hw, to_hw)
    plane = np.zeros(to_hw, np.bool_)
    plane[y0 : y0 + inside.shape[0], x0 : x0 + inside.shape[1]] = inside
    return rle.encode(plane)


def picture_bytes(picture: "Image.Image", suffix: str) -> bytes:
    """Give a picture as the bytes of a file.

    Args:
        picture: The picture.
        suffix: What the file's name ends in, small letters; ".png", else it is a JPEG.
    """
    if suffix == ".png":
        return png_bytes(picture)
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def _remove_others(folder: Path, written: set[str]) -> None:
    """Remove what an earlier run with more masks has left, so that a folder is one result."""
    for path in folder.iterdir():
        if path.name in written or not _NUMBERED.fullmatch(path.name):
            continue
        try:
            path.unlink()
        except OSError as error:
            raise OutputError(
                f"{shown_name(path)}: is of an earlier result and cannot be removed "
                f"({error.strerror or error})",
                hint="name another folder with -o",
            ) from error

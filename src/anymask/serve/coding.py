"""A mask of the page as a program and as command lines that give it again, bit for bit."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Final

import numpy as np
from PIL import Image

from anymask.errors import InputError, StateError
from anymask.everything.candidate_masks import CandidateMasks
from anymask.everything.overrides import with_options
from anymask.everything.presets import preset_for
from anymask.everything.settings import EverythingSettings
from anymask.masks.code import (
    command_lines,
    command_of_everything,
    file_written,
    python_lines,
    python_of_everything,
    quoted,
)
from anymask.masks.mask import Mask
from anymask.masks.origin import MaskFile, Origin
from anymask.masks.png import png_bytes
from anymask.masks.rle import RLE, decode
from anymask.predict.asked import origin_of
from anymask.predict.embedding import ImageEmbedding
from anymask.serve.download_names import safe_name
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel

_MASK_FILE: Final = "mask.png"
_MASK_FOLDER: Final = "masks"
# Written down even where they are the usual ones: they decide which masks there are.
_ALWAYS: Final = (
    "points_per_side",
    "pred_iou_thresh",
    "stability_score_thresh",
    "box_nms_thresh",
)
# Nothing is dropped, so that every candidate is in the result.
_KEEP_ALL: Final = MappingProxyType(
    {
        "pred_iou_thresh": 0.0,
        "stability_score_thresh": 0.0,
        "box_nms_thresh": 1.0,
        "min_area": 0,
        "max_area_share": 0.0,
        "min_mask_region_area": 0,
        "wholes_only": False,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFile:
    """A file that the code reads, to be saved beside the picture.

    Attributes:
        name: What the code calls it.
        what: What it holds, for people.
        mask: The mask in it; None where only the page has it.
    """

    name: str
    what: str
    mask: RLE | None = None

    def png(self) -> bytes | None:
        """Give its content, 255 on the object and 0 elsewhere."""
        if self.mask is None:
            return None
        return png_bytes(Image.fromarray(decode(self.mask).view(np.uint8) * np.uint8(255)))


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskCode:
    """How a mask is made again.

    Attributes:
        python: A program that leaves it in `mask`.
        command: Command lines; a remark at their end says which file it is in.
        files: What both read besides the picture.
    """

    python: str
    command: str
    files: tuple[CodeFile, ...] = ()


def mended_name(picture_name: str, mask: RLE | None) -> str:
    """Give the name of the file that holds a mask mended by hand: another for each mask.

    Args:
        picture_name: The picture's name.
        mask: The mask, where it is at hand.
    """
    mark = "" if mask is None else f"-{hashlib.sha256(mask['counts'].encode()).hexdigest()[:6]}"
    return f"{safe_name(picture_name)}.mended{mark}.png"


def code_of_answer(mask: Mask, picture_name: str, start: RLE | None) -> MaskCode:
    """Write down how a mask was asked for.

    Args:
        mask: One of `Model.predict`'s masks.
        picture_name: The picture's name.
        start: The mask that the first question started from, or None.

    Raises:
        StateError: If the mask is from elsewhere.
    """
    if mask.origin is None:
        raise StateError("the mask does not know how it was made", hint="take it from predict")
    origin = mask.origin
    files: tuple[CodeFile, ...] = ()
    if start is not None:
        name = mended_name(picture_name, start)
        origin = _begun_with(origin, MaskFile(name=name))
        files = (CodeFile(name=name, what="the mask that was mended by hand", mask=start),)
    python = [*python_lines(origin), f"mask = masks[{origin.number}]"]
    written = file_written(origin, _MASK_FILE)
    command = [*command_lines(origin, file=_MASK_FILE), f"# the mask is {written}"]
    return MaskCode(python=_text(python), command=_text(command), files=files)


def code_of_edited(picture_name: str, edited: RLE | None) -> MaskCode:
    """Write down how a mask that was made by hand is read.

    Args:
        picture_name: The picture's name.
        edited: The mask, where it is at hand.
    """
    name = mended_name(picture_name, edited)
    python = ["from anymask.masks.png import load_mask", "", f"mask = load_mask({name!r})"]
    read = f"./{name}" if name.startswith("-") else name
    stem = name.removesuffix(".png")
    command = [
        f"anymask convert {quoted(read)} {_MASK_FOLDER} --to png",
        f"# the mask is {_MASK_FOLDER}/{stem}/0001.png",
    ]
    file = CodeFile(name=name, what="the mask that was made by hand", mask=edited)
    return MaskCode(python=_text(python), command=_text(command), files=(file,))


def code_of_candidate(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    found: CandidateMasks,
    options: Mapping[str, object],
    number: int,
    kept_by: Callable[[EverythingSettings], Sequence[int]],
) -> MaskCode:
    """Write down how everything mode gives one of its candidates.

    Args:
        loaded: The model.
        embedding: The picture.
        found: Candidates of the picture.
        options: The settings it was shown with, as far as they differ from the run's.
        number: Which candidate.
        kept_by: Gives the candidates that settings keep, in order.

    Raises:
        InputError: If there is no such candidate.
        ConfigError: If an option is unknown or cannot be used.
    """
    if number >= len(found):
        raise InputError(f"candidate {number} of {len(found)}", hint="run Everything again")
    settings = with_options(found.settings, options)
    is_whole = found.candidates.num_prompts >= (found.settings.points_per_side or 0) ** 2
    kept = kept_by(settings) if is_whole else []
    if number not in kept:
        settings = with_options(settings, dict(_KEEP_ALL))
        kept = kept_by(settings)
    origin = origin_of(loaded, embedding, Prompt(), multimask=None)
    told = _told_options(settings, preset_for(loaded, "default"))
    python = python_of_everything(origin, told)
    command = [command_of_everything(origin, told, _MASK_FOLDER)]
    if is_whole:
        place = kept.index(number)
        python.append(f"mask = masks[{place}]")
        command.append(f"# the mask is {place}.png in the folder below {_MASK_FOLDER}")
        return MaskCode(python=_text(python), command=_text(command))
    # Of a run that was ended early nobody knows the places that a whole run gives. But the masks
    # of one point stay, and in their order.
    rows = found.candidates.rows
    x, y = rows["point"][number].tolist()
    here = [one for one in kept if (rows["point"][one] == rows["point"][number]).all()]
    place = here.index(number)
    python.append(f"here = [mask for mask in masks if mask.finding.point == ({x!r}, {y!r})]")
    python.append(f"mask = here[{place}]")
    command.append(
        f"# the mask is that of line {place + 1} of the lines with the point {x!r},{y!r} "
        f"in metadata.csv below {_MASK_FOLDER}"
    )
    return MaskCode(python=_text(python), command=_text(command))


def _begun_with(origin: Origin, file: MaskFile) -> Origin:
    """Give an origin whose first question starts from a file."""
    if isinstance(origin.mask, Origin):
        return replace(origin, mask=_begun_with(origin.mask, file))
    return replace(origin, mask=file)


def _told_options(settings: EverythingSettings, usual: EverythingSettings) -> dict[str, object]:
    return {
        field.name: getattr(settings, field.name)
        for field in fields(EverythingSettings)
        if field.name in _ALWAYS or getattr(settings, field.name) != getattr(usual, field.name)
    }


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"

"""What people read after everything on a photo was found."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from rich.text import Text

from anymask.cli.everything_found import FoundOnPhoto
from anymask.cli.outputs import Written
from anymask.cli.photos import Photo
from anymask.cli.screen import Screen, counted
from anymask.cli.summary import say_files
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.everything.settings import EverythingSettings

_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "pred_iou_thresh": "predicted IoU not above {:g}",
        "stability_score_thresh": "stability score under {:g}",
        "crop_edge": "cut off by a crop's edge",
        "min_area": "under {:g} pixels",
        "max_area_share": "{:g} of the photo or more",
        "box_nms_thresh": "doubles of better ones, boxes' IoU over {:g}",
        "crop_nms_thresh": "doubles of other crops' masks, boxes' IoU over {:g}",
        "min_mask_region_area": "doubles or too small once regions under {:g} pixels are gone",
        "wholes_only": "parts of others",
        "no_data": "only on pixels without a value",
        "found_twice": "found by another tile too",
        "other_tile": "in the part of another tile, which does not see them",
        "tile_edge": "cut off by a tile's edge",
        "empty": "without a pixel",
    }
)
# What to lower where nothing is left, by what removed most.
_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "pred_iou_thresh": "lower --pred-iou-thresh",
        "stability_score_thresh": "lower --stability-score-thresh",
        "crop_edge": "leave out --crop-n-layers",
        "min_area": "lower --min-area",
        "max_area_share": "raise --max-area-share",
        "min_mask_region_area": "lower --min-mask-region-area",
        "tile_edge": "raise --halo",
    }
)


def say_found(
    screen: Screen, photo: Photo, one: FoundOnPhoto, written: Written, *, is_folder_told: bool
) -> None:
    """Print what was found on one photo, what was dropped and why, and where it is.

    Args:
        screen: Where to print.
        photo: The photo.
        one: What was found.
        written: Its files.
        is_folder_told: Whether the person named the folder.
    """
    height, width = one.size_hw
    told = f", {width}×{height}: {counts_told(one)}"
    screen.say(Text.assemble((photo.shown, "bold"), told))
    say_files(screen, written)
    say_dropped(screen, one)
    how = one.tiles or f"encoded in {one.encode_seconds:.2f} s"
    times = f"{counted_points(one)}; {how}, found in {one.find_seconds:.2f} s{_peak()}"
    has_to_tell = written.outputs and not is_folder_told
    place = "; written to the current folder, -o names another" if has_to_tell else ""
    screen.err.print(Text(times + place, style="dim"))


def say_chosen(screen: Screen, file: Photo, one: FoundOnPhoto, written: Written) -> None:
    """Print what was chosen among kept candidates, what was dropped and why, and where it is.

    Args:
        screen: Where to print.
        file: The file of candidates.
        one: What was chosen.
        written: Its files.
    """
    screen.say(Text.assemble((file.shown, "bold"), f": {counts_told(one)}"))
    say_files(screen, written)
    say_dropped(screen, one)
    for note in one.notes:
        screen.note(f"{file.shown}: {note}")


def say_found_line(screen: Screen, photo: Photo, one: FoundOnPhoto, written: Written) -> None:
    """Print what was found on one photo of many, on one line.

    Args:
        screen: Where to print.
        photo: The photo.
        one: What was found.
        written: Its files.
    """
    first = shown_name(written.paths[0]) if written.paths else ""
    place = Text.assemble((" → ", "dim"), (first, "cyan")) if first else ""
    reasons = f"; dropped: {told_reasons(one)}" if one.dropped() else ""
    screen.say(
        Text.assemble((photo.shown, "bold"), f": {counts_told(one)}", place, (reasons, "dim"))
    )
    for note in one.notes:
        screen.note(f"{photo.shown}: {note}")


def counts_told(one: FoundOnPhoto) -> str:
    """Give how many masks there are: "148 masks of 3072 candidates".

    Args:
        one: What was found.
    """
    number = len(one.found.masks)
    masks = "no mask" if not number else counted(number, "mask")
    return f"{masks} of {counted(one.num_candidates, 'candidate')}"


def counted_points(one: FoundOnPhoto) -> str:
    """Give how many points were asked: "1024 points".

    Args:
        one: What was found.
    """
    return counted(one.found.candidates.num_prompts, "point")


def say_dropped(screen: Screen, one: FoundOnPhoto) -> None:
    """Print which filter dropped how many; and where nothing is left, what to do.

    Args:
        screen: Where to print.
        one: What was found.
    """
    dropped = one.dropped()
    if dropped:
        screen.say("dropped")
        widest = max(len(f"{number:,}") for number in dropped.values())
        for name, number in dropped.items():
            reason = _reason(name, one.found.settings)
            screen.say(Text.assemble(f"  {number:>{widest},}  ", (reason, "dim")))
    if dropped and not len(one.found.masks):
        most = max(dropped, key=lambda name: dropped[name])
        if most in _REMEDIES:
            screen.note(f"no mask passes; {_REMEDIES[most]}")


def told_reasons(one: FoundOnPhoto) -> str:
    """Give on one line which filter dropped how many.

    Args:
        one: What was found.
    """
    settings = one.found.settings
    return ", ".join(
        f"{number:,} {_reason(name, settings)}" for name, number in one.dropped().items()
    )


def _reason(name: str, settings: "EverythingSettings") -> str:
    return _REASONS[name].format(getattr(settings, name, 0)) if name in _REASONS else name


def _peak() -> str:
    from anymask.everything.memory import peak_bytes
    from anymask.predict.embedding_cache import in_bytes

    peak = peak_bytes()
    return f", peak memory {in_bytes(peak)}" if peak else ""

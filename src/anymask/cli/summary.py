"""What people read on the screen after photos were segmented."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from anymask.cli.answer import Answer
from anymask.cli.outputs import FAILURES, Plan, Written
from anymask.cli.photos import Photo
from anymask.cli.screen import Screen, counted
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.masks.mask import Mask


def say_done(
    screen: Screen,
    photo: Photo,
    answer: Answer,
    written: Written,
    *,
    is_folder_told: bool,
) -> None:
    """Print what became of one photo, and where it is.

    Args:
        screen: Where to print.
        photo: The photo.
        answer: Its masks.
        written: Its files.
        is_folder_told: Whether the person named the folder.
    """
    height, width = answer.picture.size_hw
    head = Text.assemble((photo.shown, "bold"), f", {width}×{height}")
    if len(answer.masks) == 1:
        screen.say(head.append(f": {_told(answer.masks[0][1])}"))
    else:
        screen.say(head.append(f": {len(answer.masks)} masks"))
        for number, (one, mask) in enumerate(answer.masks, start=1):
            label = f"{shown_name(answer.labels[one])}, " if answer.labels else ""
            screen.say(f"  {number}  {label}{_told(mask)}")
    say_files(screen, written)
    how = "encoded" if answer.kept_as is None else "embedding read from the disk"
    times = f"{how} in {answer.encode_seconds:.2f} s, answered in "
    times += f"{1000 * answer.decode_seconds:.0f} ms"
    place = "; written to the current folder, -o names another"
    has_to_tell = written.outputs and not is_folder_told
    screen.err.print(Text(times + (place if has_to_tell else ""), style="dim"))


def say_line(screen: Screen, photo: Photo, answer: Answer, written: Written) -> None:
    """Print what became of one photo of many, on one line.

    Args:
        screen: Where to print.
        photo: The photo.
        answer: Its masks.
        written: Its files.
    """
    what = counted(len(answer.masks), "mask")
    if len(answer.masks) == 1:
        what = _told(answer.masks[0][1])
    first = shown_name(written.paths[0]) if written.paths else ""
    place = Text.assemble((" → ", "dim"), (first, "cyan")) if first else ""
    screen.say(Text.assemble((photo.shown, "bold"), f": {what}", place))
    for note in (*answer.picture.notes, *answer.warnings):
        screen.note(f"{photo.shown}: {note}")


def say_closing(
    screen: Screen, plan: Plan, num_done: int, num_failed: int, num_photos: int
) -> None:
    """Print how many photos of many are done.

    Args:
        screen: Where to print.
        plan: Where the outputs went.
        num_done: Photos whose outputs are written.
        num_failed: Photos that could not be used.
        num_photos: Photos in all.
    """
    has_files = bool(plan.formats or plan.sets)
    where = f", in {_folder(plan)}" if has_files and num_done else ""
    text = f"{num_done} of {num_photos} photos are done{where}"
    if num_failed:
        listed = f", listed in {shown_name(plan.folder / FAILURES)}" if has_files else ""
        text += f"; {num_failed} failed{listed}"
    screen.err.print(Text(text, style="bold"))


def _folder(plan: Plan) -> str:
    return "the current folder" if plan.folder == Path() else shown_name(plan.folder)


def _told(mask: "Mask") -> str:
    if not mask.area:
        return "nothing found, the mask is empty"
    percent = 100 * mask.area / mask.array.size
    share = f"{percent:.1f} %" if percent >= 0.1 else "under 0.1 %"
    return f"score {mask.score:.2f}, {mask.area:,} pixels ({share})"


def say_files(screen: Screen, written: Written) -> None:
    """Print the files, and for the first of each kind what it holds.

    Args:
        screen: Where to print.
        written: The files.
    """
    meanings = [output.format.meaning for output in written.outputs] + ["how it was made"]
    names = [shown_name(path) for path in written.paths]
    widest = max(map(len, names), default=0)
    told = set()
    for name, meaning in zip(names, meanings, strict=False):
        line = Text.assemble("  ", (name, "cyan"))
        if meaning not in told:
            line.append(f"{'':{widest - len(name)}}  {meaning}", style="dim")
            told.add(meaning)
        screen.say(line)

"""What people read on the screen after photos were segmented."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from anymask.cli.answer import Answer
from anymask.cli.outputs import FAILURES, FORMATS, Plan
from anymask.cli.photos import Photo
from anymask.cli.screen import Screen
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.masks.mask import Mask


def say_done(
    screen: Screen,
    photo: Photo,
    answer: Answer,
    outputs: Sequence[Path],
    *,
    is_folder_told: bool,
) -> None:
    """Print what became of one photo, and where it is.

    Args:
        screen: Where to print.
        photo: The photo.
        answer: Its masks.
        outputs: The files that were written.
        is_folder_told: Whether the person named the folder.
    """
    height, width = answer.picture.size_hw
    head = Text.assemble((photo.shown, "bold"), f", {width}×{height}")
    if len(answer.masks) == 1:
        screen.say(head.append(f": {_told(answer.masks[0][1])}"))
    else:
        screen.say(head.append(f": {len(answer.masks)} masks"))
        for number, (_, mask) in enumerate(answer.masks, start=1):
            screen.say(f"  {number}  {_told(mask)}")
    names = [shown_name(path) for path in outputs]
    widest = max(map(len, names), default=0)
    for path, name in zip(outputs, names, strict=True):
        screen.say(Text.assemble("  ", (f"{name:{widest}}", "cyan"), ("  " + _meaning(path), "dim")))
    seconds = f"encoded in {answer.encode_seconds:.2f} s, answered in {answer.decode_seconds:.3f} s"
    place = "" if is_folder_told else "; written to the current folder, -o names another"
    screen.err.print(Text(seconds + place, style="dim"))


def say_line(screen: Screen, photo: Photo, answer: Answer, outputs: Sequence[Path]) -> None:
    """Print what became of one photo of many, on one line.

    Args:
        screen: Where to print.
        photo: The photo.
        answer: Its masks.
        outputs: The files that were written.
    """
    best = max((mask for _, mask in answer.masks), key=lambda mask: mask.score)
    what = _told(best) if len(answer.masks) == 1 else f"{len(answer.masks)} masks"
    first = shown_name(outputs[0]) if outputs else ""
    screen.say(Text.assemble((photo.shown, "bold"), f": {what} ", ("→ ", "dim"), (first, "cyan")))
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
    where = f", in {_folder(plan)}" if plan.formats and num_done else ""
    text = f"{num_done} of {num_photos} photos are done{where}"
    if num_failed:
        listed = f", listed in {shown_name(plan.folder / FAILURES)}" if plan.formats else ""
        text += f"; {num_failed} failed{listed}"
    screen.err.print(Text(text, style="bold"))


def _folder(plan: Plan) -> str:
    return "the current folder" if plan.folder == Path() else shown_name(plan.folder)


def _told(mask: "Mask") -> str:
    if not mask.area:
        return "nothing found, the mask is empty"
    share = 100 * mask.area / mask.array.size
    return f"score {mask.score:.2f}, {mask.area:,} pixels ({share:.1f} %)"


def _meaning(path: Path) -> str:
    name = path.name.lower()
    found = (form.meaning for form in FORMATS.values() if name.endswith(form.ending))
    return "how it was made" if name.endswith(".receipt.json") else next(found, "")

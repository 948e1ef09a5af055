"""Answers → sets of annotations for all photos: COCO, YOLO and the other forms of `convert`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from anymask.cli.answer import Answer
from anymask.cli.outputs import SetOutput
from anymask.cli.photos import Photo
from anymask.cli.screen import counted
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.data.conversion.target import Target
    from anymask.data.photo_boxes import Detections
    from anymask.masks.annotation import AnnotatedPicture, Losses


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSet:
    """A set that is being written.

    Attributes:
        output: Which, and where.
        target: What writes it.
        lost: What it could not hold so far.
        photos: The photos in it, in order, each with the hash of its bytes.
        forms: Number formats of the embeddings that were kept ones; None for fresh ones.
    """

    output: SetOutput
    target: "Target"
    lost: "Losses"
    photos: list[tuple[Photo, str]] = field(default_factory=list)
    forms: set[str | None] = field(default_factory=set)

    @property
    def written(self) -> list[Path]:
        """The files that are whole."""
        return self.target.written


def open_sets(
    outputs: Sequence[SetOutput], detections: "Detections | None", *, may_overwrite: bool
) -> list[OpenSet]:
    """Begin the sets.

    Args:
        outputs: Which.
        detections: The detector's file, whose classes keep their numbers; None without one.
        may_overwrite: Whether existing files may be replaced.

    Raises:
        OutputError: If one exists and may not be replaced, or cannot be written.
    """
    from anymask.data.conversion.forms import FORMS, Wish
    from anymask.masks.annotation import Losses

    opened: list[OpenSet] = []
    for one in outputs:
        wish = Wish(out=one.place, may_overwrite=may_overwrite)
        if detections is not None:
            wish = replace(wish, categories=detections.categories, numbers=detections.numbers)
        target = FORMS[one.name].write(wish)
        opened.append(OpenSet(output=one, target=target, lost=Losses()))
    return opened


def add_answer(sets: Sequence[OpenSet], photo: Photo, answer: Answer) -> None:
    """Add a photo's masks to every set.

    Args:
        sets: The sets.
        photo: The photo.
        answer: Its masks.

    Raises:
        InputError: If a name cannot be used there.
        OutputError: If a file cannot be written.
    """
    if sets:
        sha256 = answer.picture.sha256 or ""
        add_picture(sets, photo, annotated(photo, answer), sha256, kept_as=answer.kept_as)


def add_picture(
    sets: Sequence[OpenSet],
    photo: Photo,
    picture: "AnnotatedPicture",
    sha256: str,
    *,
    kept_as: str | None,
) -> None:
    """Add a photo's annotations to every set.

    Args:
        sets: The sets.
        photo: The photo.
        picture: Its annotations.
        sha256: Hash of its bytes, "" where nobody knows.
        kept_as: Number format of the embedding where it was a kept one; None for a fresh one.

    Raises:
        InputError: If a name cannot be used there.
        OutputError: If a file cannot be written.
    """
    for one in sets:
        one.lost.update(one.target.add(picture))
        one.photos.append((photo, sha256))
        one.forms.add(kept_as)


def finish_sets(
    sets: Sequence[OpenSet],
    write_receipt: Callable[[OpenSet], object],
    say: Callable[[str], None],
) -> None:
    """Complete the sets, each with its receipt.

    Args:
        sets: The sets.
        write_receipt: Writes the receipt of a set that holds a photo or more.
        say: Prints what became of a set.

    Raises:
        OutputError: If a file cannot be written.
    """
    for one in sets:
        one.target.finish()
        if one.photos:
            write_receipt(one)
        what = f"{one.output.name}: {counted(len(one.photos), 'photo')} in "
        say(f"{what}{shown_name(one.output.place)}; {told_losses(one.lost)}")


def annotated(photo: Photo, answer: Answer) -> "AnnotatedPicture":
    """Give a photo's masks as annotations.

    Args:
        photo: The photo; its outputs' name is the picture's.
        answer: Its masks. Where a detector scored an object, its score is the annotation's.
    """
    from anymask.masks.annotation import UNNAMED, AnnotatedPicture, Annotation

    objects = []
    for number, mask in answer.masks:
        found = answer.found_scores[number] if answer.found_scores else None
        objects.append(
            Annotation(
                rle=mask.rle,
                label=answer.labels[number] if answer.labels else UNNAMED,
                score=round(mask.score if found is None else found, 6),
            )
        )
    return AnnotatedPicture(
        file_name=photo.stem,
        size_hw=answer.picture.size_hw,
        objects=tuple(objects),
        number=answer.number,
    )


def told_losses(lost: "Losses") -> str:
    """Give what a set could not hold as a clause: "lost: 2 holes", or "nothing was lost"."""
    told = [
        f"{number:,} {what.removesuffix('s') if number == 1 else what}"
        for what, number in sorted(lost.items())
        if number
    ]
    return f"lost: {', '.join(told)}" if told else "nothing was lost"

"""What a model could do before it was fine-tuned, and what it can after."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from anymask.data.picture import AnnotatedPicture
from anymask.errors import StateError
from anymask.evaluate.compare import Comparison, compare, guard_warning, score_pictures
from anymask.evaluate.run import Row
from anymask.image.read import read_picture
from anymask.masks.atomic import shown_name, write_bytes
from anymask.train.sheet import GAP_PX, GROUND, INK, PANEL_PX, progress_row, progress_sheet
from anymask.weights.loaded import LoadedModel

COUNTS = (1, 3)
MOST_PICTURES, MOST_MASKS = 200, 400
SHEET_MASKS = 6
HEADING_PX = 30
BEFORE = "before.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What a model is asked before and after.

    Attributes:
        held_out: Pictures of the user's that training does not see.
        general: General pictures, to see what is forgotten.
    """

    held_out: tuple[AnnotatedPicture, ...]
    general: tuple[AnnotatedPicture, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a model answered.

    Attributes:
        held_out: Rows of `score_pictures` on the held-out pictures.
        general: Rows on the general ones.
    """

    held_out: list[Row]
    general: list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What training changed.

    Attributes:
        held_out: Figures before and after on the held-out pictures.
        general: Figures on the general ones.
        worse: A sentence, if the held-out pictures came out worse.
        forgotten: A sentence, if general pictures did.
    """

    held_out: Comparison
    general: Comparison
    worse: str | None
    forgotten: str | None


def measure(
    loaded: LoadedModel,
    questions: Questions,
    on_picture: Callable[[], None] = lambda: None,
) -> Measured:
    """Ask a model about all pictures.

    Args:
        loaded: The model.
        questions: The pictures.
        on_picture: Called after each picture.

    Raises:
        DataError: If there is no mask to ask about.
    """

    def rows(pictures: Sequence[AnnotatedPicture]) -> list[Row]:
        found: list[Row] = []
        for picture in pictures:
            if any(runs[1::2].any() for runs in picture.runs):
                found += score_pictures(loaded, [picture], counts=COUNTS, most_masks=None)
            on_picture()
        return found

    return Measured(held_out=rows(questions.held_out), general=rows(questions.general))


def measured_before(
    base: LoadedModel,
    questions: Questions,
    run: Path,
    on_picture: Callable[[], None] = lambda: None,
) -> Measured:
    """Ask the base, or give what it answered when the run began.

    Args:
        base: The base.
        questions: The pictures.
        run: Folder of the run; the answers are kept there.
        on_picture: Called after each picture.

    Raises:
        DataError: If there is no mask to ask about.
        OutputError: If the folder cannot be written.
    """
    key = _key(base, questions)
    path = run / BEFORE
    # What is not there, or half of another run's, is measured anew.
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return Measured(held_out=kept["held_out"], general=kept["general"])
    measured = measure(base, questions, on_picture)
    kept = {"key": key, "held_out": measured.held_out, "general": measured.general}
    write_bytes(path, json.dumps(kept).encode())
    return measured


def judge(before: Measured, after: Measured) -> Verdict:
    """Set two measurements side by side.

    Args:
        before: What the base answered.
        after: What the trained model answered to the same questions.

    Raises:
        InputError: If the questions were not the same.
    """
    held_out = compare(before.held_out, after.held_out)
    return Verdict(
        held_out=held_out,
        general=compare(before.general, after.general),
        worse=_worse(held_out),
        forgotten=guard_warning(before.general, after.general),
    )


def report(verdict: Verdict, before: Measured, after: Measured) -> dict[str, Any]:
    """Give everything measured, in JSON's terms.

    Args:
        verdict: What changed.
        before: What the base answered.
        after: What the trained model answered.
    """
    return {
        "held_out": {**verdict.held_out, "warning": verdict.worse},
        "general": {**verdict.general, "warning": verdict.forgotten},
        "rows": {
            "held_out": {"before": before.held_out, "after": after.held_out},
            "general": {"before": before.general, "after": after.general},
        },
    }


def before_after_sheet(
    before: LoadedModel, after: LoadedModel, pictures: Sequence[AnnotatedPicture]
) -> NDArray[np.uint8]:
    """Draw some masks as both models answer: picture, truth, one and three clicks of each.

    Args:
        before: The base.
        after: The trained model.
        pictures: Annotated pictures, some of which have masks; of each the masks are shown in
            turn, so that all kinds of things are seen.

    Returns:
        Uint8 RGB, (H, W, 3).

    Raises:
        StateError: If no picture has a mask.
    """
    chosen = _shown_masks(pictures)
    if not chosen:
        raise StateError("no picture has a mask to draw", hint="give annotated pictures")
    sides = []
    for loaded in (before, after):
        rows = [
            progress_row(loaded, read_picture(p.encoded), p.mask(index), p.name, COUNTS)
            for p, index in chosen
        ]
        sides.append(progress_sheet(rows))
    known = 2 * (PANEL_PX + GAP_PX)  # picture and truth, once
    drawn = np.concatenate([sides[0], sides[1][:, known + GAP_PX :]], axis=1)
    heading = Image.new("RGB", (drawn.shape[1], HEADING_PX), GROUND)
    pen, font = ImageDraw.Draw(heading), ImageFont.load_default(size=18)
    for text, left in (("before", known), ("after", sides[0].shape[1] - GAP_PX)):
        pen.text((left + GAP_PX, 4), text, fill=INK, font=font)
    return np.concatenate([np.asarray(heading, np.uint8), drawn])


def limited(pictures: Sequence[AnnotatedPicture], most_masks: int) -> tuple[AnnotatedPicture, ...]:
    """Give the first pictures that have no more than so many masks together, at least one.

    Args:
        pictures: Annotated pictures.
        most_masks: Masks asked about, at most, unless the first picture has more.
    """
    kept: list[AnnotatedPicture] = []
    masks = 0
    for picture in pictures:
        masks += len(picture.runs)
        if kept and masks > most_masks:
            break
        kept.append(picture)
    return tuple(kept)


def _shown_masks(pictures: Sequence[AnnotatedPicture]) -> list[tuple[AnnotatedPicture, int]]:
    chosen: list[tuple[AnnotatedPicture, int]] = []
    most = max((len(picture.runs) for picture in pictures), default=0)
    for turn in range(most):
        for place, picture in enumerate(pictures):
            # The second picture begins with its second mask, and so on.
            index = (turn + place) % max(1, len(picture.runs))
            is_there = turn < len(picture.runs) and picture.runs[index][1::2].any()
            if is_there and len(chosen) < SHEET_MASKS:
                chosen.append((picture, index))
    return chosen


def _worse(held_out: Comparison) -> str | None:
    """Say that training did harm: on the mean of the figures, or clearly on one of them."""
    figures = held_out["figures"]
    mean = float(np.mean([change["difference"] for change in figures.values()]))
    if mean >= 0:
        return None
    before = float(np.mean([change["before"] for change in figures.values()]))
    return (
        f"the trained model is worse on the held-out pictures than the base: mean IoU "
        f"{before:.3f} became {before + mean:.3f}; keep the base, or train with a lower rate or "
        "more pictures"
    )


def _key(base: LoadedModel, questions: Questions) -> str:
    digest = hashlib.sha256(base.sha256.encode())
    for picture in (*questions.held_out, *questions.general):
        digest.update(shown_name(f"\n{picture.set_name}/{picture.name}").encode())
        digest.update(hashlib.sha256(picture.encoded).digest())
        for runs in picture.runs:
            digest.update(np.ascontiguousarray(runs, np.int64).tobytes())
    return digest.hexdigest()

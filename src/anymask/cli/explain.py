"""`anymask explain`: why there is no mask at a pixel, or why this one."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from anymask.cli.answer import check_question
from anymask.cli.everything import search_of
from anymask.cli.everything_flags import ChoiceFlags, ExplainFlags, FindingFlags
from anymask.cli.everything_found import find_on, notes_on_photo
from anymask.cli.everything_progress import showing_progress
from anymask.cli.everything_settings import chosen_anew, settings_of
from anymask.cli.flags import with_flags
from anymask.cli.loading import load_model, reading_of
from anymask.cli.photos import Photo, list_photos, read_photo
from anymask.cli.question import Question, prompts_for, read_question
from anymask.cli.screen import Screen, make_screen
from anymask.errors import ConfigError, InputError
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.everything.candidates import Candidates
    from anymask.everything.explain import Explanation, Verdict
    from anymask.everything.settings import EverythingSettings
    from anymask.image.picture import Picture
    from anymask.vocabulary import Point

_SUFFIXES = (".jpg", ".jpeg", ".png")
# More candidates than anybody looks at are told by their number.
_MOST_ROWS = 40


def _explain(flags: ExplainFlags) -> int:
    """Say why there is no mask at a pixel: which candidates cover it, and what removed each.

    Takes the flags of anymask everything. With --candidates nothing is computed anew.

    [bold]Examples[/bold]
      anymask explain photo.jpg --point 320,240
      anymask explain photo.jpg --point 50%,40% --pred-iou-thresh 0.9 -o why.jpg
      anymask explain --candidates photo.jpg.candidates.npz --point 320,240
    """
    from anymask.everything.explain import explain

    screen = make_screen()
    _check(flags)
    question = read_question([flags.point], (), None)
    photo = None if flags.photo is None else list_photos([flags.photo])[0]
    picture = None if photo is None else read_photo(photo, reading_of(flags))
    if picture is not None:
        check_question(question, picture)
    candidates, settings, notes = _candidates(flags, photo, picture, screen)
    explanation = explain(candidates, settings, _pixel(question, candidates.size_hw))
    if flags.output is not None and picture is not None:
        _draw(flags, picture, candidates, explanation)
    if flags.json:
        screen.write(json.dumps({**_record(flags, explanation), "notes": list(notes)}))
    else:
        _say(screen, flags, explanation)
    return 0


explain_command = with_flags(_explain)


def _pixel(question: Question, size_hw: tuple[int, int]) -> "Point":
    prompts, is_normalized = prompts_for(question, size_hw)
    ((x, y),) = prompts[0].points
    height, width = size_hw
    return (x * width, y * height) if is_normalized else (x, y)


def _check(flags: ExplainFlags) -> None:
    """Find wrong use before anything starts."""
    if flags.photo is None and flags.candidates is None:
        raise InputError("no photo is named", hint="name a photo, or --candidates FILE")
    if flags.candidates is not None:
        later = {field.name for field in fields(ChoiceFlags)}
        for field in fields(FindingFlags):
            is_typed = getattr(flags, field.name) != field.default
            if field.name not in later and is_typed and field.name not in _READING:
                raise ConfigError(
                    f"--{field.name.replace('_', '-')} with --candidates: these are made already",
                    hint="leave one of them out",
                )
    if flags.output is None:
        return
    path = Path(flags.output)
    if flags.photo is None:
        raise ConfigError("-o without a photo: there is nothing to draw on", hint="name the photo")
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(
            f"-o {shown_name(path)}: is no name of a picture", hint="end it in .jpg or .png"
        )
    if path.exists() and not flags.overwrite:
        raise InputError(
            f"{shown_name(path)}: exists already", hint="add --overwrite, or choose another name"
        )
    if path.exists() and Path(flags.photo).exists() and path.samefile(flags.photo):
        raise InputError(
            f"{shown_name(path)}: is an input, and inputs are never changed",
            hint="choose another name with -o",
        )


_READING = ("page", "bands", "range", "max_pixels", "allow_truncated")


def _candidates(
    flags: ExplainFlags, photo: Photo | None, picture: "Picture | None", screen: Screen
) -> "tuple[Candidates, EverythingSettings, tuple[str, ...]]":
    """Give all candidates of the photo, kept ones or new ones, what is asked of them, and notes."""
    if flags.candidates is not None:
        from anymask.everything.kept import load_candidates

        candidates, source = load_candidates(flags.candidates)
        shown = shown_name(flags.candidates)
        notes = notes_on_photo(shown, candidates, source, picture)
        _note(screen, shown, notes)
        return candidates, chosen_anew(flags, candidates.settings), notes
    if photo is None or picture is None:
        raise InputError("no photo is named", hint="name a photo, or --candidates FILE")
    search = search_of(flags, keep_all=True)
    model = load_model(flags, screen)
    search = replace(search, settings=settings_of(flags, model.loaded))
    with showing_progress(screen, photo.shown, search.settings) as on_progress:
        one = find_on(model, picture, photo.stem, search, on_progress)
    _note(screen, photo.shown, one.notes)
    return one.found.candidates, search.settings, one.notes


def _note(screen: Screen, shown: str, notes: tuple[str, ...]) -> None:
    for note in notes:
        screen.note(f"{shown}: {note}")


def _draw(
    flags: ExplainFlags, picture: "Picture", candidates: "Candidates", explanation: "Explanation"
) -> None:
    from anymask.cli.everything_results import picture_bytes
    from anymask.masks.atomic import write_bytes
    from anymask.masks.explain_picture import explain_picture
    from anymask.masks.rle import RLE

    path = Path(flags.output or "")
    codes: list[RLE] = [
        {"size": list(candidates.size_hw), "counts": candidates.codes[one.number]}
        for one in explanation.verdicts
    ]
    reasons = [f"candidate {one.number} {_reason(one)}" for one in explanation.verdicts]
    drawn = explain_picture(picture.pixels, codes, reasons, explanation.point)
    write_bytes(path, picture_bytes(drawn, path.suffix.lower()), overwrite=flags.overwrite)


def _say(screen: Screen, flags: ExplainFlags, explanation: "Explanation") -> None:
    x, y = explanation.point
    screen.say(Text.assemble((f"({x:g}, {y:g})", "bold"), f": {explanation.sentence()}"))
    verdicts = explanation.verdicts
    if verdicts:
        table = Table(box=None, pad_edge=False)
        for name in ("candidate", "IoU", "stability", "pixels", "asked at"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("what became of it", overflow="fold")
        for one in verdicts[:_MOST_ROWS]:
            table.add_row(
                str(one.number),
                f"{one.predicted_iou:.3f}",
                f"{one.stability_score:.3f}",
                f"{one.area:,}",
                f"{one.point[0]:.0f}, {one.point[1]:.0f}",
                Text(_reason(one)),
            )
        screen.out.print(table, soft_wrap=False)
    if len(verdicts) > _MOST_ROWS:
        screen.say(f"and {len(verdicts) - _MOST_ROWS} more; --json tells all")
    if explanation.nearest_point is not None:
        near_x, near_y = explanation.nearest_point
        screen.say(f"nearest point that was asked: ({near_x:.1f}, {near_y:.1f})")
    if flags.output is not None:
        screen.say(Text.assemble("  ", (shown_name(flags.output), "cyan")))


def _record(flags: ExplainFlags, explanation: "Explanation") -> dict[str, object]:
    return {
        "ok": True,
        "picture": None if flags.photo is None else shown_name(flags.photo),
        "point": list(explanation.point),
        "sentence": explanation.sentence(),
        "nearest_point": _listed(explanation.nearest_point),
        "not_kept": dict(explanation.not_kept),
        "candidates": [
            {
                "number": one.number,
                "predicted_iou": round(one.predicted_iou, 6),
                "stability_score": round(one.stability_score, 6),
                "area": one.area,
                "box": list(one.box),
                "point": list(one.point),
                "filter": None if one.fate.filter is None else one.fate.filter.value,
                "value": round(float(one.fate.value), 6),
                "threshold": float(one.fate.threshold),
                "rival": one.fate.rival,
                "told": _reason(one),
            }
            for one in explanation.verdicts
        ],
        "outputs": [] if flags.output is None else [shown_name(flags.output)],
    }


def _listed(point: "Point | None") -> list[float] | None:
    return None if point is None else list(point)


def _reason(verdict: "Verdict") -> str:
    from anymask.everything.explain import reason

    return reason(verdict.fate)

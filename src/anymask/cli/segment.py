"""`anymask segment`: a click, a box or a rough mask → the mask of what is meant."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from anymask.cli.annotation_sets import OpenSet, add_answer, finish_sets, open_sets
from anymask.cli.answer import Answer, answer, check_question, nothing_asked
from anymask.cli.detected import Asked, asked_on, named, record_bad
from anymask.cli.door import SOME_FAILED
from anymask.cli.failures import print_failure, tell_failure
from anymask.cli.flags import with_flags
from anymask.cli.loading import load_model, reading_of
from anymask.cli.outputs import Plan, Written, make_plan, refuse_collisions
from anymask.cli.photo_receipts import write_photo_receipt, write_set_receipt
from anymask.cli.photos import STDIN, Photo, list_photos, read_photo
from anymask.cli.question import Question, read_question, refuse_flat_boxes
from anymask.cli.screen import Screen, make_screen
from anymask.cli.segment_flags import SegmentFlags
from anymask.cli.segment_receipts import set_receipt, typed_for_photo, typed_for_set
from anymask.cli.summary import say_closing, say_done, say_line
from anymask.errors import ConfigError, DataError, InputError, PromptError
from anymask.masks.origin import CARE

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.data.photo_boxes import Detections
    from anymask.image.options import ReadOptions
    from anymask.image.picture import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Flags that were checked: all that is known before a photo is read.

    Attributes:
        photos: What to segment.
        question: What is asked about each; None where a detector's boxes ask.
        detections: A detector's boxes.
        reading: How they are read.
        plan: What is written.
        flags: What was typed.
    """

    photos: list[Photo]
    question: Question | None
    detections: "Detections | None"
    reading: "ReadOptions"
    plan: Plan
    flags: SegmentFlags


def _segment(flags: SegmentFlags) -> int:
    """Turn a click, a box or a rough mask into the mask of what is meant.

    Coordinates are pixels from the top left corner of the upright photo. Points
    together mean one object. For photo.jpg this writes photo.jpg.mask.png,
    photo.jpg.overlay.png, and how they were made into photo.jpg.receipt.json.

    [bold]Examples[/bold]
      anymask segment photo.jpg --point 320,240
      anymask segment photo.jpg --point 320,240 --point 80,60,- -o out
      anymask segment photo.jpg --box 60,40,420,300 --format cutout -o dog.png
      anymask segment *.jpg --point 50%,50% -o masks
      anymask segment *.jpg --boxes detections.json --format coco -o masks.json
    """
    screen = make_screen()
    job = _prepare(flags)
    sets = open_sets(job.plan.sets, job.detections, may_overwrite=job.plan.may_overwrite)
    try:
        has_bad_boxes = _refuse_boxes(job, screen)
        if len(job.photos) == 1:
            code = _segment_one(job, sets, job.photos[0], screen)
        else:
            code = _segment_many(job, sets, screen)
        return SOME_FAILED if has_bad_boxes else code
    finally:
        for one in sets:
            one.target.abandon()


segment = with_flags(_segment)


def _prepare(flags: SegmentFlags) -> Job:
    """Find wrong use before anything starts."""
    question, detections = _asked(flags)
    reading = reading_of(flags)
    photos = list_photos(flags.photos)
    num_objects = 1 if question is None else question.num_objects
    plan = make_plan(
        flags.output,
        flags.format or (),
        num_photos=len(photos),
        num_masks=num_objects * (3 if flags.all_masks else 1),
        may_overwrite=flags.overwrite,
        is_for_programs=flags.json,
        usual=("png", "overlay") if question is not None else ("coco", "overlay"),
    )
    inputs = [photo.path for photo in photos if photo.path != STDIN]
    named = (flags.mask, flags.boxes, flags.model)
    refuse_collisions(plan, photos, [*inputs, *filter(None, named)])
    if len(photos) > 1 and question is not None:
        refuse_flat_boxes(question)
    return Job(
        photos=photos,
        question=question,
        detections=detections,
        reading=reading,
        plan=plan,
        flags=flags,
    )


def _asked(flags: SegmentFlags) -> "tuple[Question | None, Detections | None]":
    if flags.all_masks and flags.one_mask:
        raise ConfigError("--all-masks with --one-mask: they contradict", hint="give one of them")
    typed = [name for name in ("point", "box", "mask") if getattr(flags, name)]
    if flags.boxes is None:
        asked = read_question(
            flags.point or (), flags.box or (), flags.mask, is_normalized=flags.normalized
        )
        return asked, None
    if typed:
        raise PromptError(
            f"--boxes with --{typed[0]}: a detector's boxes are asked about alone",
            hint="give one of them",
        )
    from anymask.data.detections import read_detections

    try:
        detections = read_detections(Path(flags.boxes))
    except DataError as error:
        raise InputError(f"--boxes {error.message}", hint=error.hint) from error
    return None, detections


def _segment_one(job: Job, sets: list[OpenSet], photo: Photo, screen: Screen) -> int:
    """Segment one photo; what is wrong with it ends the program before a model is loaded."""
    try:
        picture = read_photo(photo, job.reading)
        asked = _question(job, photo, picture)
        if asked.question is not None:
            check_question(asked.question, picture)
    except InputError as error:
        if job.flags.json:
            print_failure(photo, error, screen)
        raise
    model = load_model(job.flags, screen)
    with screen.working(f"segmenting {photo.shown}"):
        found = _answer(job, model, picture, asked)
    written = _write(job, sets, photo, model, found, screen)
    for note in (*picture.notes, *found.warnings):
        screen.note(f"{photo.shown}: {note}")
    if not job.flags.json:
        say_done(screen, photo, found, written, is_folder_told=job.flags.output is not None)
    _finish(job, sets, model, screen)
    return SOME_FAILED if _refuse_boxes(job, screen, asked) else 0


def _segment_many(job: Job, sets: list[OpenSet], screen: Screen) -> int:
    """Segment photos one after another; one that fails is listed and the others go on."""
    model = load_model(job.flags, screen)
    num_done = num_failed = 0
    has_bad_boxes = False
    is_bar_safe = not (job.flags.json and screen.out.is_terminal)
    try:
        with screen.bar(len(job.photos), is_shown=is_bar_safe) as advance:
            for photo in job.photos:
                try:
                    picture = read_photo(photo, job.reading)
                    asked = _question(job, photo, picture)
                    found = _answer(job, model, picture, asked)
                except InputError as error:
                    num_failed += 1
                    is_json = job.flags.json
                    tell_failure(job.plan, photo, error, screen, is_for_programs=is_json)
                else:
                    written = _write(job, sets, photo, model, found, screen)
                    num_done += 1
                    has_bad_boxes |= _refuse_boxes(job, screen, asked)
                    if not job.flags.json:
                        say_line(screen, photo, found, written)
                advance()
        _finish(job, sets, model, screen)
    finally:
        say_closing(screen, job.plan, num_done, num_failed, len(job.photos))
    return SOME_FAILED if num_failed or has_bad_boxes else 0


def _question(job: Job, photo: Photo, picture: "Picture") -> Asked:
    if job.detections is not None:
        return asked_on(job.detections, photo, picture.size_hw)
    return Asked(detections=(), question=job.question)


def _refuse_boxes(job: Job, screen: Screen, asked: Asked | None = None) -> bool:
    """List the unusable records of a detector's file, or its unusable boxes on one photo."""
    if job.detections is None:
        return False
    problems = job.detections.problems if asked is None else asked.bad
    has_files = bool(job.plan.formats or job.plan.sets)
    record_bad(job.detections, problems, job.plan.folder if has_files else None, screen)
    return bool(problems)


def _answer(job: Job, model: "Model", picture: "Picture", asked: Asked) -> Answer:
    if asked.question is None:
        return named(nothing_asked(picture), asked)
    flags = job.flags
    found = answer(
        model,
        picture,
        asked.question,
        keep_all=flags.all_masks,
        ask_one=flags.one_mask,
        use_cache=not flags.no_cache,
        is_half=flags.half,
        care={
            "zoom": flags.zoom,
            "refine": flags.refine,
            "flip": flags.flip,
            "connected": flags.connected,
            "snug": flags.snug,
        },
    )
    return named(found, asked)


def _write(
    job: Job, sets: list[OpenSet], photo: Photo, model: "Model", found: Answer, screen: Screen
) -> Written:
    """Write a photo's files and the receipt beside them; print the record for programs."""
    from anymask.cli.records import answer_line, make_receipt
    from anymask.cli.results import write_outputs

    receipt = make_receipt(found, photo, model, _settings(job, model, found))
    count = None if job.detections is None else len(found.masks)
    written = Written(outputs=job.plan.outputs(photo, count))
    owner = job.plan.receipt_owner(photo)
    stamps = write_outputs(found, written.outputs, owner, may_overwrite=job.plan.may_overwrite)
    add_answer(sets, photo, found)
    if written.outputs:
        receipt = replace(receipt, outputs=stamps)
        flags = replace(job.flags, half=found.kept_as == "float16")
        typed = typed_for_photo(flags, job.plan, model)
        path = write_photo_receipt(receipt, photo, job.plan, typed)
        written = replace(written, receipt=path)
    if job.flags.json:
        screen.write(answer_line(found, photo, receipt, written.paths))
    return written


def _finish(job: Job, sets: list[OpenSet], model: "Model", screen: Screen) -> None:
    """Complete the sets, each with its receipt."""

    def write(one: OpenSet) -> None:
        typed = typed_for_set(one, job.flags, model)
        write_set_receipt(one, set_receipt(one, model), job.plan, typed)

    finish_sets(sets, write, screen.note if job.flags.json else screen.say)


def _settings(job: Job, model: "Model", found: Answer) -> dict[str, object]:
    plan = job.plan
    return {
        "all_masks": job.flags.all_masks,
        **{name: getattr(job.flags, name) for name in CARE},
        "formats": [*(form.name for form in plan.formats), *(one.name for one in plan.sets)],
        "embedding": "fresh" if found.kept_as is None else f"kept, {found.kept_as}",
        "input_size": model.loaded.sam.config.input_size,
        **asdict(job.reading),
    }

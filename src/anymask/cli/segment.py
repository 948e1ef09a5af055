"""`anymask segment`: a click, a box or a rough mask → the mask of what is meant."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, cast

from anymask.cli.answer import Answer, answer, check_question
from anymask.cli.door import SOME_FAILED, spoken
from anymask.cli.failures import add_failure
from anymask.cli.flags import with_flags, words_of
from anymask.cli.outputs import Plan, Written, make_plan, refuse_collisions
from anymask.cli.photos import STDIN, Photo, list_photos, read_photo
from anymask.cli.question import Question, read_question, refuse_flat_boxes
from anymask.cli.reading import read_options
from anymask.cli.screen import Screen, make_screen
from anymask.cli.segment_flags import SegmentFlags
from anymask.cli.summary import say_closing, say_done, say_line
from anymask.errors import ConfigError, InputError

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.image.options import ReadOptions
    from anymask.image.picture import Picture
    from anymask.predict.engines import EngineName, Precision
    from anymask.receipt import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Flags that were checked: all that is known before a photo is read.

    Attributes:
        photos: What to segment.
        question: What is asked about each.
        reading: How they are read.
        plan: What is written.
        flags: What was typed.
    """

    photos: list[Photo]
    question: Question
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
    """
    if flags.all_masks and flags.one_mask:
        raise ConfigError("--all-masks with --one-mask: they contradict", hint="give one of them")
    job = _prepare(flags)
    screen = make_screen()
    if len(job.photos) == 1:
        return _segment_one(job, job.photos[0], screen)
    return _segment_many(job, screen)


segment = with_flags(_segment)


def _prepare(flags: SegmentFlags) -> Job:
    """Find wrong use before anything starts."""
    question = read_question(
        flags.point or (), flags.box or (), flags.mask, is_normalized=flags.normalized
    )
    reading = read_options(
        allow_truncated=flags.allow_truncated,
        max_pixels=flags.max_pixels,
        page=flags.page,
        bands=flags.bands,
        value_range=flags.range,
    )
    photos = list_photos(flags.photos)
    plan = make_plan(
        flags.output,
        flags.format or (),
        num_photos=len(photos),
        num_masks=question.num_objects * (3 if flags.all_masks else 1),
        may_overwrite=flags.overwrite,
        is_for_programs=flags.json,
    )
    inputs = [photo.path for photo in photos if photo.path != STDIN]
    refuse_collisions(plan, photos, [*inputs, *filter(None, [flags.mask, flags.model])])
    if len(photos) > 1:
        refuse_flat_boxes(question)
    return Job(photos=photos, question=question, reading=reading, plan=plan, flags=flags)


def _segment_one(job: Job, photo: Photo, screen: Screen) -> int:
    """Segment one photo; what is wrong with it ends the program before a model is loaded."""
    try:
        picture = read_photo(photo, job.reading)
        check_question(job.question, picture)
    except InputError as error:
        if job.flags.json:
            _print_error_line(photo, error, screen)
        raise
    model = _load(job, screen)
    with screen.working(f"segmenting {photo.shown}"):
        found = _answer(job, model, picture)
    written = _write(job, photo, model, found, screen)
    for note in (*picture.notes, *found.warnings):
        screen.note(f"{photo.shown}: {note}")
    if not job.flags.json:
        say_done(screen, photo, found, written, is_folder_told=job.flags.output is not None)
    return 0


def _segment_many(job: Job, screen: Screen) -> int:
    """Segment photos one after another; one that fails is listed and the others go on."""
    model = _load(job, screen)
    num_done = num_failed = 0
    is_bar_safe = not (job.flags.json and screen.out.is_terminal)
    try:
        with screen.bar(len(job.photos), is_shown=is_bar_safe) as advance:
            for photo in job.photos:
                try:
                    picture = read_photo(photo, job.reading)
                    found = _answer(job, model, picture)
                except InputError as error:
                    num_failed += 1
                    _record_failure(job, photo, error, screen)
                else:
                    written = _write(job, photo, model, found, screen)
                    num_done += 1
                    if not job.flags.json:
                        say_line(screen, photo, found, written)
                advance()
    finally:
        say_closing(screen, job.plan, num_done, num_failed, len(job.photos))
    return SOME_FAILED if num_failed else 0


def _answer(job: Job, model: "Model", picture: "Picture") -> Answer:
    flags = job.flags
    return answer(model, picture, job.question, keep_all=flags.all_masks, ask_one=flags.one_mask)


def _load(job: Job, screen: Screen) -> "Model":
    with screen.working("loading the model"):
        from anymask.api import load

        model = load(
            job.flags.model,
            device=job.flags.device,
            engine=cast("EngineName", job.flags.engine),
            precision=cast("Precision", job.flags.precision),
            input_size=job.flags.input_size,
        )
    for note in model.loaded.notes:
        screen.note(note)
    return model


def _write(job: Job, photo: Photo, model: "Model", found: Answer, screen: Screen) -> Written:
    """Write a photo's files and the receipt beside them; print the record for programs."""
    from anymask.cli.records import answer_line, make_receipt
    from anymask.cli.results import write_outputs
    from anymask.receipt import write_receipt

    receipt = make_receipt(found, photo, model, _settings(job, model))
    written = Written(outputs=job.plan.outputs(photo))
    stamps = write_outputs(found, written.outputs, may_overwrite=job.plan.may_overwrite)
    if written.outputs:
        receipt = _repeatable(job, photo, model, replace(receipt, outputs=stamps))
        path = write_receipt(job.plan.receipt_owner(photo), receipt)
        written = replace(written, receipt=path)
    if job.flags.json:
        screen.write(answer_line(found, photo, receipt, written.paths))
    return written


def _repeatable(job: Job, photo: Photo, model: "Model", receipt: "Receipt") -> "Receipt":
    """Add to a receipt what `anymask replay` needs: the arguments, and where the files lie."""
    from anymask.cli.repeat import repeatable
    from anymask.weights.catalogue import PUBLISHED

    flags = job.flags
    named = {"mask": flags.mask, "boxes": flags.boxes, "model": flags.model}
    if flags.model in PUBLISHED:
        del named["model"]
    left_out = {"photos", "output", "overwrite", "json", *named}
    file = job.plan.file
    return repeatable(
        receipt,
        job.plan.receipt_owner(photo),
        input_path=None if photo.path == STDIN else Path(photo.path),
        words=words_of(flags, without=left_out),
        files={name: Path(path) for name, path in named.items() if path is not None},
        hashes={"model": model.loaded.sha256},
        output=PurePath("." if file is None else file.name),
    )


def _settings(job: Job, model: "Model") -> dict[str, object]:
    return {
        "all_masks": job.flags.all_masks,
        "formats": [form.name for form in job.plan.formats],
        "input_size": model.loaded.sam.config.input_size,
        **asdict(job.reading),
    }


def _record_failure(job: Job, photo: Photo, error: InputError, screen: Screen) -> None:
    message, hint = spoken(error)
    sentence = message.removeprefix(f"{photo.shown}: ")
    screen.failed(photo.shown, f"{sentence}; {hint}" if hint else sentence)
    if job.plan.formats:
        add_failure(job.plan.folder, photo, error, message, hint)
    if job.flags.json:
        _print_error_line(photo, error, screen)


def _print_error_line(photo: Photo, error: InputError, screen: Screen) -> None:
    from anymask.cli.records import error_line

    screen.write(error_line(photo, error, *spoken(error)))

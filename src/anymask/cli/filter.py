"""`anymask filter`: choose masks anew among candidates that were kept; nothing is computed."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from anymask.cli.annotation_sets import OpenSet, add_picture, finish_sets, open_sets
from anymask.cli.door import SOME_FAILED
from anymask.cli.everything import policy_of
from anymask.cli.everything_flags import FilterFlags
from anymask.cli.everything_formats import CANDIDATES, EVERYTHING, FILTER
from anymask.cli.everything_found import FoundOnPhoto, notes_on_photo
from anymask.cli.everything_settings import chosen_anew
from anymask.cli.everything_summary import say_chosen, say_found_line
from anymask.cli.failures import print_failure, tell_failure
from anymask.cli.flags import with_flags, words_of
from anymask.cli.loading import reading_of
from anymask.cli.outputs import Plan, Written, make_plan, refuse_collisions
from anymask.cli.photo_receipts import Typed, write_photo_receipt, write_set_receipt
from anymask.cli.photos import Photo, list_photos, read_photo
from anymask.cli.screen import Screen, make_screen
from anymask.cli.summary import say_closing
from anymask.errors import ConfigError, InputError
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.everything.kept import PictureOf
    from anymask.everything.settings import EverythingSettings
    from anymask.image.picture import Picture
    from anymask.receipt import Receipt

# Told by reference, or not at all as they do not change what comes out.
_LEFT_OUT = frozenset({"candidates", "output", "overwrite", "json", "photo"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Flags that were checked.

    Attributes:
        files: The files of candidates.
        picture: The photo, where it was named.
        plan: What is written.
        flags: What was typed.
    """

    files: list[Photo]
    picture: "Picture | None"
    plan: Plan
    flags: FilterFlags


def _filter(flags: FilterFlags) -> int:
    """Choose masks anew among candidates that anymask everything --keep-candidates kept.

    Thresholds that are left out stay as they were. No model is needed.

    [bold]Examples[/bold]
      anymask filter photo.jpg.candidates.npz --pred-iou-thresh 0.7 -o looser
      anymask filter photo.jpg.candidates.npz --photo photo.jpg --wholes-only -o all.jpg
      anymask filter out/*.npz --stability-score-thresh 0.9 --format coco -o all.json
    """
    screen = make_screen()
    job = _prepare(flags)
    sets = open_sets(job.plan.sets, None, may_overwrite=job.plan.may_overwrite)
    try:
        return _do_all(job, sets, screen)
    finally:
        for one in sets:
            one.target.abandon()


filter_command = with_flags(_filter)


def _prepare(flags: FilterFlags) -> Job:
    """Find wrong use before anything starts."""
    policy_of(flags.policy)
    files = [_named(file) for file in list_photos(flags.candidates)]
    if flags.photo is not None and len(files) > 1:
        raise ConfigError(
            f"--photo with {len(files)} files of candidates: each is of a photo of its own",
            hint="filter them one by one, or without overviews",
        )
    plan = make_plan(
        flags.output,
        flags.format or (),
        num_photos=len(files),
        num_masks=1,
        may_overwrite=flags.overwrite,
        is_for_programs=flags.json,
        usual=("sa1b",) if flags.photo is None else FILTER.usual,
        menu=FILTER,
    )
    if flags.photo is None and any(form.name == "overview" for form in plan.formats):
        raise ConfigError("an overview is drawn on the photo", hint="name it with --photo")
    named = [flags.photo] if flags.photo is not None else []
    refuse_collisions(plan, files, [*(file.path for file in files), *named])
    picture = None
    if flags.photo is not None:
        picture = read_photo(list_photos([flags.photo])[0], reading_of(flags))
    return Job(files=files, picture=picture, plan=plan, flags=flags)


def _named(file: Photo) -> Photo:
    ending = EVERYTHING.formats[CANDIDATES].ending
    return replace(file, stem=file.stem.removesuffix(ending))


def _do_all(job: Job, sets: list[OpenSet], screen: Screen) -> int:
    """Do one file after another; one of several that fails is listed and the others go on."""
    is_one = len(job.files) == 1
    num_done = num_failed = 0
    try:
        for file in job.files:
            try:
                with screen.working(f"choosing among the candidates of {file.shown}"):
                    one = _choose(job, file)
            except InputError as error:
                if is_one:
                    if job.flags.json:
                        print_failure(file, error, screen)
                    raise
                num_failed += 1
                tell_failure(job.plan, file, error, screen, is_for_programs=job.flags.json)
                continue
            written = _write(job, sets, file, one, screen)
            num_done += 1
            if job.flags.json:
                continue
            if is_one:
                say_chosen(screen, file, one, written)
            else:
                say_found_line(screen, file, one, written)
        _finish(job, sets, screen)
    finally:
        if not is_one:
            say_closing(screen, job.plan, num_done, num_failed, len(job.files))
    return SOME_FAILED if num_failed else 0


def _choose(job: Job, file: Photo) -> FoundOnPhoto:
    from anymask.everything.generate import choose
    from anymask.everything.kept import load_candidates

    candidates, source = load_candidates(file.path)
    settings = chosen_anew(job.flags, candidates.settings)
    floors = candidates.floors
    for name, floor in (
        ("pred_iou_thresh", floors.pred_iou),
        ("stability_score_thresh", floors.stability_score),
    ):
        wanted = getattr(settings, name)
        if wanted < floor:
            raise InputError(
                f"{file.shown}: holds no candidates below {floor:g}, --{name.replace('_', '-')} "
                f"is {wanted:g}",
                hint="make it anew with --keep-candidates",
            )
    picture = job.picture
    notes = notes_on_photo(file.shown, candidates, source, picture)
    found = choose(candidates, settings, picture=picture)
    return FoundOnPhoto(
        found=found,
        picture=picture,
        source=source,
        kept_as=None,
        notes=notes,
        encode_seconds=0.0,
        find_seconds=sum(found.seconds.values()),
    )


def _write(
    job: Job, sets: list[OpenSet], file: Photo, one: FoundOnPhoto, screen: Screen
) -> Written:
    """Write the files and the receipt beside them; print the record for programs."""
    from anymask.cli.everything_records import found_record
    from anymask.cli.everything_results import annotated, write_everything
    from anymask.receipt import stamp_file

    plan = job.plan
    outputs, owner = plan.outputs(file), plan.receipt_owner(file)
    stamps = write_everything(
        one, outputs, owner, may_overwrite=plan.may_overwrite, policy=policy_of(job.flags.policy)
    )
    stamp = stamp_file(Path(file.path))
    if sets:
        add_picture(sets, file, annotated(one), stamp.sha256, kept_as=None)
    written = Written(outputs=outputs)
    if outputs:
        receipt = replace(
            _receipt(one.source, one.found.settings), input=stamp, outputs=stamps, notes=one.notes
        )
        typed = _typed(job, [form.name for form in plan.formats])
        written = replace(written, receipt=write_photo_receipt(receipt, file, plan, typed))
    if job.flags.json:
        record = {
            "ok": True,
            "candidates": file.shown,
            "picture": one.source.name,
            "sha256": one.source.sha256,
            **found_record(one),
            "outputs": [shown_name(path) for path in written.paths],
            "notes": list(one.notes),
            "settings": asdict(one.found.settings),
        }
        screen.write(json.dumps(record))
    return written


def _finish(job: Job, sets: list[OpenSet], screen: Screen) -> None:
    """Complete the sets, each with its receipt."""
    from anymask.everything.kept import load_candidates
    from anymask.receipt import stamp_file

    def write(one: OpenSet) -> None:
        first = one.photos[0][0]
        candidates, source = load_candidates(first.path)
        settings = chosen_anew(job.flags, candidates.settings)
        receipt = replace(_receipt(source, settings), input=stamp_file(Path(first.path)))
        write_set_receipt(one, receipt, job.plan, _typed(job, [one.output.name]))

    finish_sets(sets, write, screen.note if job.flags.json else screen.say)


def _receipt(source: "PictureOf", settings: "EverythingSettings") -> "Receipt":
    from anymask.receipt import FileStamp, Receipt, versions_here

    return Receipt(
        input=FileStamp(name="", sha256=""),
        command="filter",
        model=FileStamp(name=source.model, sha256=source.model_sha256),
        versions=versions_here(),
        settings={**asdict(settings), "picture": source.name, "picture_sha256": source.sha256},
    )


def _typed(job: Job, formats: list[str]) -> Typed:
    files = {} if job.flags.photo is None else {"photo": Path(job.flags.photo)}
    return Typed(words=words_of(replace(job.flags, format=formats), without=_LEFT_OUT), files=files)

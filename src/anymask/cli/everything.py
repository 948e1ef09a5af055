"""`anymask everything`: all masks of a photo, without a click."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from anymask.cli.annotation_sets import OpenSet, add_picture, finish_sets, open_sets
from anymask.cli.door import SOME_FAILED
from anymask.cli.everything_flags import EverythingFlags, FindingFlags
from anymask.cli.everything_formats import CANDIDATES, EVERYTHING
from anymask.cli.everything_found import FoundOnPhoto, Search, find_on
from anymask.cli.everything_progress import showing_progress
from anymask.cli.everything_settings import in_flags, settings_of
from anymask.cli.everything_summary import say_found, say_found_line
from anymask.cli.failures import print_failure, tell_failure
from anymask.cli.flags import with_flags, words_of
from anymask.cli.loading import load_model, reading_of
from anymask.cli.models import checkpoint_file
from anymask.cli.outputs import Plan, Written, make_plan, refuse_collisions
from anymask.cli.photo_receipts import Typed, write_photo_receipt, write_set_receipt
from anymask.cli.photos import STDIN, Photo, list_photos, read_photo
from anymask.cli.screen import Screen, make_screen
from anymask.cli.summary import say_closing
from anymask.errors import ConfigError, ImageError, InputError

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.cli.everything_progress import Progress
    from anymask.image.options import ReadOptions
    from anymask.image.picture import Picture
    from anymask.masks.label_layers import Policy

    Find = Callable[[Model, Search, Progress | None], FoundOnPhoto]

# Told by reference, or not at all as they do not change what comes out.
_LEFT_OUT = frozenset({"photos", "output", "overwrite", "json", "max_memory"})
# The library tells what to do, the command line how.
_TILES = ("cut it into tiles", "add --tile 1024")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Flags that were checked: all that is known before a photo is read.

    Attributes:
        photos: What to look at.
        search: How.
        reading: How they are read.
        plan: What is written.
        flags: What was typed.
    """

    photos: list[Photo]
    search: Search
    reading: "ReadOptions"
    plan: Plan
    flags: EverythingFlags


def _everything(flags: EverythingFlags) -> int:
    """Find all masks of a photo, without a click.

    The model is asked at every point of a grid; answers that are sure, stable and
    not there yet stay. For photo.jpg this writes photo.jpg.everything.json (masks
    and scores as SA-1B has them), photo.jpg.overview.jpg, and how they were made
    into photo.jpg.receipt.json. anymask explain says why a mask is missing.

    [bold]Examples[/bold]
      anymask everything photo.jpg
      anymask everything photo.jpg --preset objects -o out --format png
      anymask everything *.jpg -o all.json --format coco
      anymask everything photo.jpg --max-memory 1GB -o all.jpg
      anymask everything scan.tif --tile 1024 -o out
    """
    screen = make_screen()
    job = _prepare(flags)
    sets = open_sets(job.plan.sets, None, may_overwrite=job.plan.may_overwrite)
    try:
        if len(job.photos) == 1:
            return _do_one(job, sets, job.photos[0], screen)
        return _do_many(job, sets, screen)
    finally:
        for one in sets:
            one.target.abandon()


everything = with_flags(_everything)


def search_of(flags: FindingFlags, *, keep_all: bool) -> Search:
    """Read how everything is looked for.

    Args:
        flags: What was typed.
        keep_all: Whether candidates below the thresholds are kept.

    Returns:
        What was typed, checked.

    Raises:
        ConfigError: If a value cannot be used.
        InputError: If the file of points cannot be read.
    """
    from anymask.everything.memory import bytes_of

    settings = settings_of(flags)
    try:
        budget_bytes = bytes_of(flags.max_memory)
    except ConfigError as error:
        raise in_flags(error) from error
    return Search(
        settings=settings,
        keep_all=keep_all,
        budget_bytes=budget_bytes,
        use_cache=not flags.no_cache,
        is_half=flags.half,
    )


def policy_of(typed: str) -> "Policy":
    """Read which mask lies on top in label layers.

    Args:
        typed: What was typed.

    Raises:
        ConfigError: If it is unknown.
    """
    from anymask.masks.label_layers import Policy

    policies = get_args(Policy)
    if typed not in policies:
        raise ConfigError(f"--policy is {typed!r:.40}", hint=f"use {', '.join(policies)}")
    return cast("Policy", typed)


def _prepare(flags: EverythingFlags) -> Job:
    """Find wrong use before anything starts."""
    policy_of(flags.policy)
    formats = flags.format or ()
    keep_all = flags.keep_candidates or CANDIDATES in formats
    search = replace(search_of(flags, keep_all=keep_all), **_tiling(flags))
    reading = reading_of(flags)
    photos = list_photos(flags.photos)
    plan = make_plan(
        flags.output,
        formats,
        num_photos=len(photos),
        num_masks=1,
        may_overwrite=flags.overwrite,
        is_for_programs=flags.json,
        menu=EVERYTHING,
    )
    kept = EVERYTHING.formats[CANDIDATES]
    if flags.keep_candidates and kept not in plan.formats:
        plan = replace(plan, formats=(*plan.formats, kept))
    inputs = [photo.path for photo in photos if photo.path != STDIN]
    named = (flags.point_grids, flags.model)
    refuse_collisions(plan, photos, [*inputs, *filter(None, named)])
    return Job(photos=photos, search=search, reading=reading, plan=plan, flags=flags)


def _tiling(flags: EverythingFlags) -> dict[str, Any]:
    """Give the fields of a search about tiles."""
    if flags.tile is None:
        if flags.halo is not None:
            raise ConfigError("--halo without --tile: there are no tiles", hint="add --tile 1024")
        return {}
    from anymask.everything.tiles import tile_boxes, usual_halo

    typed = f"--tile {flags.tile}" + ("" if flags.halo is None else f" with --halo {flags.halo}")
    halo = usual_halo(flags.tile) if flags.halo is None else flags.halo
    try:
        tile_boxes((1, 1), flags.tile, halo)
    except ConfigError as error:
        raise ConfigError(f"{typed}: {error.message}", hint=error.hint) from error
    return {"tile_side": flags.tile, "halo": halo}


def _do_one(job: Job, sets: list[OpenSet], photo: Photo, screen: Screen) -> int:
    """Do one photo; what is wrong with it ends the program before a model is loaded."""
    with ExitStack() as stack:
        try:
            find = stack.enter_context(_opened(job, photo))
        except InputError as error:
            if job.flags.json:
                print_failure(photo, error, screen)
            raise
        model = load_model(job.flags, screen)
        job = _for_model(job, model)
        with showing_progress(screen, photo.shown, job.search.settings) as on_progress:
            one = find(model, job.search, on_progress)
    written = _write(job, sets, photo, model, one, screen)
    for note in one.notes:
        screen.note(f"{photo.shown}: {note}")
    if not job.flags.json:
        say_found(screen, photo, one, written, is_folder_told=job.flags.output is not None)
    _finish(job, sets, model, screen)
    return 0


def _do_many(job: Job, sets: list[OpenSet], screen: Screen) -> int:
    """Do photos one after another; one that fails is listed and the others go on."""
    model = load_model(job.flags, screen)
    job = _for_model(job, model)
    num_done = num_failed = 0
    is_shown = not (job.flags.json and screen.out.is_terminal)
    try:
        for number, photo in enumerate(job.photos, start=1):
            head = f"photo {number} of {len(job.photos)}"
            try:
                settings = job.search.settings
                with (
                    _opened(job, photo) as find,
                    showing_progress(screen, head, settings, is_shown=is_shown) as on_progress,
                ):
                    one = find(model, job.search, on_progress)
            except InputError as error:
                num_failed += 1
                tell_failure(job.plan, photo, error, screen, is_for_programs=job.flags.json)
                continue
            written = _write(job, sets, photo, model, one, screen)
            num_done += 1
            if not job.flags.json:
                say_found_line(screen, photo, one, written)
        _finish(job, sets, model, screen)
    finally:
        say_closing(screen, job.plan, num_done, num_failed, len(job.photos))
    return SOME_FAILED if num_failed else 0


def _for_model(job: Job, model: "Model") -> Job:
    """Give a job with the preset's thresholds for a model."""
    settings = settings_of(job.flags, model.loaded)
    return replace(job, search=replace(job.search, settings=settings))


@contextmanager
def _opened(job: Job, photo: Photo) -> "Iterator[Find]":
    """Open a photo, and give what finds everything on it."""
    if job.search.tile_side is None:
        picture = _read(photo, job.reading)
        yield lambda model, search, on_progress: find_on(
            model, picture, photo.stem, search, on_progress
        )
        return
    from anymask.cli.everything_tiles import find_by_tiles, open_tiled

    with open_tiled(photo, job.reading, job.flags.max_pixels) as large:
        yield lambda model, search, on_progress: find_by_tiles(
            model, large, photo.stem, search, on_progress
        )


def _read(photo: Photo, reading: "ReadOptions") -> "Picture":
    """Read a photo; where tiles would help, it says how to have them."""
    try:
        picture = read_photo(photo, reading)
    except ImageError as error:
        hint = None if error.hint is None else error.hint.replace(*_TILES)
        raise ImageError(error.message, hint=hint) from error
    return replace(picture, notes=tuple(note.replace(*_TILES) for note in picture.notes))


def _write(
    job: Job, sets: list[OpenSet], photo: Photo, model: "Model", one: FoundOnPhoto, screen: Screen
) -> Written:
    """Write a photo's files and the receipt beside them; print the record for programs."""
    from anymask.cli.everything_records import everything_receipt, found_record
    from anymask.cli.everything_results import annotated, write_everything
    from anymask.cli.records import photo_line

    plan, policy = job.plan, policy_of(job.flags.policy)
    receipt = everything_receipt(one, photo, model, _settings(job, model, one))
    outputs, owner = plan.outputs(photo), plan.receipt_owner(photo)
    written = Written(outputs=outputs)
    stamps = write_everything(one, outputs, owner, may_overwrite=plan.may_overwrite, policy=policy)
    if sets:
        add_picture(sets, photo, annotated(one), one.source.sha256, kept_as=one.kept_as)
    if outputs:
        receipt = replace(receipt, outputs=stamps)
        typed = _typed(job, model, _photo_formats(plan), is_half=one.kept_as == "float16")
        written = replace(written, receipt=write_photo_receipt(receipt, photo, plan, typed))
    if job.flags.json and one.picture is not None:
        screen.write(photo_line(one.picture, photo, receipt, written.paths, found_record(one)))
    return written


def _finish(job: Job, sets: list[OpenSet], model: "Model", screen: Screen) -> None:
    """Complete the sets, each with its receipt."""
    from anymask.cli.records import receipt_of

    def write(one: OpenSet) -> None:
        photo, sha256 = one.photos[0]
        receipt = receipt_of(photo, sha256, model, "everything")
        receipt = replace(receipt, settings=asdict(job.search.settings))
        typed = _typed(job, model, {"format": [one.output.name]}, is_half=one.forms == {"float16"})
        write_set_receipt(one, receipt, job.plan, typed)

    finish_sets(sets, write, screen.note if job.flags.json else screen.say)


def _photo_formats(plan: Plan) -> dict[str, Any]:
    """Give the flags about formats that repeat one photo's outputs; sets have their own receipts.

    A file that `-o` names holds one format; candidates are then kept beside it.
    """
    names = [form.name for form in plan.formats]
    if plan.file is None or names == [CANDIDATES]:
        return {"format": names, "keep_candidates": False}
    return {"format": names[:1], "keep_candidates": len(names) > 1}


def _typed(job: Job, model: "Model", formats: dict[str, Any], *, is_half: bool) -> Typed:
    named = {
        "point-grids": job.flags.point_grids,
        "model": checkpoint_file(job.flags.model),
    }
    files = {name: Path(path) for name, path in named.items() if path is not None}
    # A kept embedding may be gone by then, or one be there that was not; fresh ones are the same.
    flags = replace(job.flags, **{"keep_candidates": False, **formats}, half=is_half, no_cache=True)
    told_by_reference = {name.replace("-", "_") for name in files}
    return Typed(
        words=words_of(flags, without=_LEFT_OUT | told_by_reference),
        files=files,
        hashes={"model": model.loaded.sha256},
    )


def _settings(job: Job, model: "Model", one: FoundOnPhoto) -> dict[str, object]:
    plan, flags = job.plan, job.flags
    return {
        "preset": flags.preset,
        "max_memory": job.search.budget_bytes,
        "tile": job.search.tile_side,
        "halo": job.search.halo if job.search.tile_side is not None else None,
        "policy": flags.policy,
        "formats": [*(form.name for form in plan.formats), *(one.name for one in plan.sets)],
        "embedding": "fresh" if one.kept_as is None else f"kept, {one.kept_as}",
        "input_size": model.loaded.sam.config.input_size,
        **asdict(job.reading),
    }

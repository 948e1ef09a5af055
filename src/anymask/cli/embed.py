"""`anymask embed`: encode photos ahead, so that a click on them is answered at once."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.text import Text

from anymask.cli.door import SOME_FAILED, spoken
from anymask.cli.flags import with_flags
from anymask.cli.loading import reading_of
from anymask.cli.photo_flags import (
    AllowTruncatedFlag,
    BandsFlag,
    DeviceFlag,
    EngineFlag,
    InputSizeFlag,
    MaxPixelsFlag,
    ModelFlag,
    PageFlag,
    PrecisionFlag,
    RangeFlag,
)
from anymask.cli.photo_folders import list_photos_and_folders
from anymask.cli.photos import Photo, read_photo
from anymask.cli.records import error_line
from anymask.cli.screen import Screen, counted, make_screen
from anymask.errors import InputError
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.image.options import ReadOptions
    from anymask.predict.embedding_cache import EmbeddingCache, KeptForm
    from anymask.predict.engines import EngineName, Precision
    from anymask.predict.kept_embeddings import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedFlags:
    """What `anymask embed` takes; each field is a flag."""

    photos: Annotated[
        list[str],
        typer.Argument(metavar="PHOTO|FOLDER", help="Pictures, or folders of them."),
    ]
    recursive: Annotated[
        bool,
        typer.Option("--recursive", metavar="", help="Enter the folders inside the folders too."),
    ] = False
    half: Annotated[
        bool,
        typer.Option(
            "--half",
            metavar="",
            help="Keep float16 instead of float32: half the bytes, and masks may differ by single "
            "pixels.",
        ),
    ] = False
    json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print one JSON record a photo.")
    ] = False
    model: ModelFlag = None
    input_size: InputSizeFlag = None
    device: DeviceFlag = "auto"
    engine: EngineFlag = "torch"
    precision: PrecisionFlag = "auto"
    page: PageFlag = 0
    bands: BandsFlag = None
    range: RangeFlag = None
    max_pixels: MaxPixelsFlag = None
    allow_truncated: AllowTruncatedFlag = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What was asked, checked before a photo is read.

    Attributes:
        photos: What to embed.
        reading: How they are read.
        cache: Where the embeddings are kept.
        flags: What was typed.
        counts: How many photos came to which end: "new", "there", "failed"; and how many older
            embeddings were "removed".
    """

    photos: list[Photo]
    reading: "ReadOptions"
    cache: "EmbeddingCache"
    flags: EmbedFlags
    counts: Counter[str] = field(default_factory=Counter)


def _embed(flags: EmbedFlags) -> int:
    """Encode photos ahead, so that a click on them is answered at once.

    The embeddings are kept in the cache folder. Segment and Python find them by
    the pixels of a photo, wherever it lies and whatever it is called. Started
    again, it goes on where it was stopped.

    [bold]Examples[/bold]
      anymask embed holiday.jpg
      anymask embed photos --recursive --half
    """
    reading = reading_of(flags)
    photos = list_photos_and_folders(flags.photos, is_recursive=flags.recursive)
    screen = make_screen()
    with screen.working("loading the model"):
        from anymask.predict.embedding_cache import open_cache
        from anymask.predict.embedding_room import check_writable

        cache = open_cache()
        check_writable(cache)
        model = _load(flags)
    for note in model.loaded.notes:
        screen.note(note)
    job = Job(photos=photos, reading=reading, cache=cache, flags=flags)
    try:
        _embed_all(job, model, screen)
    finally:
        _say_closing(job, screen)
    return SOME_FAILED if job.counts["failed"] else 0


embed_command = with_flags(_embed)


def _load(flags: EmbedFlags) -> "Model":
    from anymask.api import load

    return load(
        flags.model,
        device=flags.device,
        engine=cast("EngineName", flags.engine),
        precision=cast("Precision", flags.precision),
        input_size=flags.input_size,
    )


def _embed_all(job: Job, model: "Model", screen: Screen) -> None:
    """Embed one photo after another, each alone; one that fails is told and the others go on."""
    from anymask.predict.embedding_key import need_maker
    from anymask.predict.embedding_room import check_room
    from anymask.predict.kept_embeddings import keep_picture

    maker = need_maker(model.loaded)
    form: KeptForm = "float16" if job.flags.half else "float32"
    is_bar_safe = not (job.flags.json and screen.out.is_terminal)
    with screen.bar(len(job.photos), "embedding", is_shown=is_bar_safe) as advance:
        for number, photo in enumerate(job.photos, start=1):
            began = time.perf_counter()
            try:
                picture = read_photo(photo, job.reading)
            except InputError as error:
                _tell_failure(job, photo, error, screen)
            else:
                kept = keep_picture(model.loaded, picture, job.cache, maker, form)
                is_first = not job.counts["new"] and not kept.was_there
                _tell_kept(job, photo, kept, time.perf_counter() - began, screen)
                for note in (*picture.notes, *kept.notes):
                    screen.note(f"{photo.shown}: {note}")
                if is_first:
                    num_left = len(job.photos) - number
                    check_room(job.cache, len(job.photos), kept.num_bytes, num_left)
            advance()


def _tell_kept(job: Job, photo: Photo, kept: "Kept", seconds: float, screen: Screen) -> None:
    job.counts["there" if kept.was_there else "new"] += 1
    job.counts["removed"] += kept.num_removed
    if job.flags.json:
        record = {
            "ok": True,
            "picture": photo.shown,
            "key": kept.key,
            "kept_as": kept.form,
            "was_there": kept.was_there,
            "bytes": kept.num_bytes,
            "notes": list(kept.notes),
            "seconds": round(seconds, 4),
        }
        screen.write(json.dumps(record))


def _tell_failure(job: Job, photo: Photo, error: InputError, screen: Screen) -> None:
    job.counts["failed"] += 1
    message, hint = spoken(error)
    sentence = message.removeprefix(f"{photo.shown}: ")
    screen.failed(photo.shown, f"{sentence}; {hint}" if hint else sentence)
    if job.flags.json:
        screen.write(error_line(photo, error, message, hint))


def _say_closing(job: Job, screen: Screen) -> None:
    from anymask.predict.embedding_cache import contents, in_bytes

    counts = job.counts
    num_kept = counts["new"] + counts["there"]
    verb = "is" if len(job.photos) == 1 else "are"
    text = f"{num_kept} of {counted(len(job.photos), 'photo')} {verb} kept"
    if counts["there"]:
        text += f", {counts['there']} of them from before"
    if counts["failed"]:
        text += f"; {counts['failed']} failed"
    if counts["removed"]:
        removed = counted(counts["removed"], "older embedding")
        text += f"; {removed} made room"
    if num_kept + counts["failed"] < len(job.photos):
        text += "; the same command goes on from here"
    number, num_bytes = contents(job.cache)
    screen.err.print(Text(text, style="bold"))
    screen.err.print(
        Text(
            f"{counted(number, 'embedding')}, {in_bytes(num_bytes)} of "
            f"{in_bytes(job.cache.most_bytes)}, in {shown_name(job.cache.folder)}",
            style="dim",
        )
    )

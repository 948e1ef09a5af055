"""Annotations of one form into another: what is bad is listed, what is lost is counted."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from anymask.data.conversion.forms import FORMS, Form, Wish, names_file
from anymask.data.conversion.recognise import document_of, recognise
from anymask.data.conversion.source import OpenedSet, Place
from anymask.data.conversion.target import Target
from anymask.data.failures import SHOWN, add_failure, write_failures
from anymask.data.readers.naming import set_name_of
from anymask.data.sample_record import BadSample
from anymask.errors import ConfigError, InputError
from anymask.image import display_name
from anymask.masks.annotation import AnnotatedPicture, Losses
from anymask.masks.forms.sized import pixels_problem

FAILURES = "failures.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be converted, checked before anything is read.

    Attributes:
        path: What is read.
        source: The form it has.
        target: The form it gets.
        wish: How.
        images: The folder of the pictures, if someone named it.
    """

    path: Path
    source: Form
    target: Form
    wish: Wish
    images: Path | None = None

    @property
    def failures(self) -> Path:
        """The list of what could not be used."""
        is_file = _is_document(self.target, self.wish.out)
        return (self.wish.out.parent if is_file else self.wish.out) / FAILURES


@dataclass(slots=True, kw_only=True)
class Conversion:
    """What became of it, counted while it runs.

    Attributes:
        num_pictures: Pictures that were written.
        num_masks: Their masks, as they were read.
        num_bad: Records that could not be used.
        first_bad: The first few of them.
        lost: What the new form could not hold, or was left out on purpose, by what it is.
        written: The files, in order.
    """

    num_pictures: int = 0
    num_masks: int = 0
    num_bad: int = 0
    first_bad: list[BadSample] = field(default_factory=list)
    lost: Losses = field(default_factory=Losses)
    written: list[Path] = field(default_factory=list)


def make_order(
    path: Path, wish: Wish, *, to: str, source: str | None = None, images: Path | None = None
) -> Order:
    """Check what was asked for.

    Args:
        path: What is read.
        wish: How and where it is written.
        to: Name of the form it gets.
        source: Name of the form it has; None to recognise it.
        images: The folder of the pictures.

    Raises:
        ConfigError: If a form is unknown, the input is missing or not recognised, the pictures'
            folder is none, a setting does not fit the form, or the output exists already or would
            replace the input.
        DataError: If a folder cannot be listed.
    """
    target = _form(to, "--to")
    source_form = None if source is None else _form(source, "--from")
    if not os.path.lexists(path):
        raise ConfigError(f"{display_name(path)}: no such file or folder", hint="check the path")
    if not path.is_dir() and not path.is_file():
        raise ConfigError(f"{display_name(path)}: is not a regular file", hint="name another")
    if images is not None and not images.is_dir():
        raise ConfigError(
            f"--images {display_name(images)}: is no folder", hint="name the folder of the pictures"
        )
    _check_settings(wish, target)
    if source_form is None:
        name, path = recognise(path)
        source_form = FORMS[name]
    else:
        path = document_of(path, source_form.name)
    _check_out(path, wish, target)
    return Order(path=path, source=source_form, target=target, wish=wish, images=images)


def run_order(order: Order, on_picture: Callable[[], None] = lambda: None) -> Conversion:
    """Convert; bad records are listed beside the output, and the rest is done.

    Args:
        order: What `make_order` gave.
        on_picture: Is called after each picture.

    Returns:
        What became of it.

    Raises:
        DataError: If the input cannot be read at all.
        OutputError: If a file cannot be written.
    """
    done = Conversion()
    place = Place(path=order.path, images=order.images, target=order.wish.out)
    opened = order.source.read(place)
    target = order.target.write(
        Wish(
            out=order.wish.out,
            categories=opened.categories,
            numbers=opened.numbers,
            segmentation=order.wish.segmentation,
            holes=order.wish.holes,
            may_overwrite=order.wish.may_overwrite,
        )
    )
    write_failures(order.failures, ())
    try:
        _write_all(order, opened, target, done, on_picture)
        target.finish()
    finally:
        target.abandon()
    done.lost.update(opened.left_out)
    done.written.extend(target.written)
    return done


def _write_all(
    order: Order,
    opened: OpenedSet,
    target: Target,
    done: Conversion,
    on_picture: Callable[[], None],
) -> None:
    set_name = set_name_of(order.path)
    for found in opened.items:
        bad = found if isinstance(found, BadSample) else None
        if not isinstance(found, BadSample):
            try:
                _check_pixels(order, found)
                done.lost.update(target.add(found))
                done.num_pictures += 1
                done.num_masks += len(found.objects)
            except InputError as error:
                bad = BadSample(
                    set_name=set_name,
                    input=f"{display_name(order.path)}: {display_name(found.file_name)}",
                    code="cannot-be-written",
                    message=error.message,
                    hint=error.hint or "convert to another form",
                )
            on_picture()
        if bad is not None:
            add_failure(order.failures, bad)
            done.num_bad += 1
            if len(done.first_bad) < SHOWN:
                done.first_bad.append(bad)


def _check_pixels(order: Order, picture: AnnotatedPicture) -> None:
    """Refuse a size that a few bytes can claim and no memory can hold."""
    name, segmentation = order.target.name, order.wish.segmentation
    if name == "sa1b" or (name == "coco" and segmentation != "polygons"):
        return  # run lengths stay run lengths
    wrong = pixels_problem(picture.size_hw)
    if wrong is not None:
        raise InputError(f"its size {wrong.message}", hint=wrong.hint)


def _form(name: str, flag: str) -> Form:
    if name not in FORMS:
        raise ConfigError(
            f"{flag} {display_name(name)[:40]}: is no form that is known",
            hint=f"use {', '.join(FORMS)}",
        )
    return FORMS[name]


def _is_document(target: Form, out: Path) -> bool:
    return target.name in ("coco", "panoptic") and names_file(out)


def _check_settings(wish: Wish, target: Form) -> None:
    if wish.segmentation != "rle" and target.name != "coco":
        raise ConfigError(
            f"--segmentation {wish.segmentation}: is for --to coco, not for {target.name}",
            hint="leave it out",
        )
    has_polygons = target.name == "yolo" or wish.segmentation == "polygons"
    if wish.holes != "drop" and not has_polygons:
        remedy = "add --segmentation polygons" if target.name == "coco" else "leave it out"
        raise ConfigError(
            f"--holes {wish.holes}: is for polygons, and {target.name} keeps holes as they are",
            hint=f"{remedy}",
        )


def _check_out(path: Path, wish: Wish, target: Form) -> None:
    out, shown = wish.out, display_name(wish.out)
    is_json = _is_document(target, out)
    if not is_json and out.exists() and not out.is_dir():
        raise ConfigError(f"{shown}: is a file", hint="name a folder for the result")
    real_in, real_out = os.path.realpath(path), os.path.realpath(out)
    if real_in == real_out and is_json:
        raise ConfigError(f"{shown}: is the input, which never changes", hint="name another file")
    if wish.may_overwrite:
        both = os.path.commonpath([real_in, real_out])
        if not is_json and (real_in == real_out or both == real_out):
            raise ConfigError(
                f"{shown}: holds the input, which --overwrite might replace",
                hint="name another folder",
            )
        replaced = [out, out.with_suffix("")] if target.name == "panoptic" else [out]
        for place in replaced if is_json else ():
            real = os.path.realpath(place)
            # Either lies within the other, and then it is read too.
            if Path(real).exists() and os.path.commonpath([real_in, real]) in (real_in, real):
                raise ConfigError(
                    f"{display_name(place)}: is part of the input, which --overwrite might replace",
                    hint="name another file",
                )
        return
    existing = [out] if is_json and out.exists() else []
    if not is_json and out.is_dir():
        existing = [next(out.glob(trace), None) for trace in target.traces]  # type: ignore[misc]
    if there := next(filter(None, existing), None):
        raise ConfigError(
            f"{display_name(there)}: exists already",
            hint="add --overwrite, or name another output",
        )

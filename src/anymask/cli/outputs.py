"""Which files a command writes: planned and checked before anything starts."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from anymask.cli.formats import JPEG_SUFFIXES, SEGMENT, Format, Menu
from anymask.cli.photos import Photo
from anymask.errors import InputError
from anymask.masks.atomic import shown_name
from anymask.receipt import receipt_path

FAILURES = "failures.jsonl"
_PICTURE_SUFFIXES = frozenset(
    {
        *JPEG_SUFFIXES,
        ".png",
        ".webp",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".json",
        ".npy",
        ".npz",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One file to write.

    Attributes:
        path: Where.
        format: What.
        number: Which mask, from 0; None where all masks share the file.
    """

    path: Path
    format: Format
    number: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOutput:
    """A set of annotations to write.

    Attributes:
        name: Its form, one of the menu's sets.
        place: Its folder, or its one JSON file.
    """

    name: str
    place: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written for one photo.

    Attributes:
        outputs: The files that were asked for.
        receipt: The receipt beside them; None where nothing was asked for.
    """

    outputs: list[Output]
    receipt: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """All files, the receipt last."""
        return [*(output.path for output in self.outputs), *filter(None, [self.receipt])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the outputs of a command go.

    Attributes:
        folder: The folder of all outputs.
        file: The one output of one photo, where `-o` names it; it holds the first of the formats.
        formats: What is written for each photo; nothing where empty.
        sets: What is written for all photos together.
        num_masks: How many masks each photo has.
        may_overwrite: Whether files of these names may be replaced.
    """

    folder: Path
    file: Path | None
    formats: tuple[Format, ...]
    num_masks: int
    may_overwrite: bool
    sets: tuple[SetOutput, ...] = ()

    def outputs(self, photo: Photo, num_masks: int | None = None) -> list[Output]:
        """Give the files of one photo.

        Args:
            photo: The photo.
            num_masks: How many masks it has, where that differs from photo to photo.
        """
        count = self.num_masks if num_masks is None else num_masks
        has_marks = count > 1 or (num_masks is not None and self.file is None)
        return [
            Output(path=self._path(photo, form, number, has_marks), format=form, number=number)
            for form in self.formats
            for number in (range(count) if form.is_each else (None,))
        ]

    def receipt_owner(self, photo: Photo) -> Path:
        """Give the path that the photo's receipt stands beside."""
        return self.file if self.file is not None else self.folder / photo.stem

    def _path(self, photo: Photo, form: Format, number: int | None, has_marks: bool) -> Path:
        mark = f".{number + 1}" if number is not None and has_marks else ""
        if self.file is None:
            return self.folder / f"{photo.stem}{mark}{form.ending}"
        if form is not self.formats[0]:
            return self.file.with_name(f"{self.file.name}{form.ending}")
        return self.file.with_name(f"{self.file.stem}{mark}{self.file.suffix}")


def make_plan(
    output: str | None,
    format_names: Sequence[str],
    *,
    num_photos: int,
    num_masks: int,
    may_overwrite: bool,
    is_for_programs: bool,
    usual: tuple[str, ...] | None = None,
    menu: Menu = SEGMENT,
) -> Plan:
    """Decide which files will be written.

    Args:
        output: What `-o` named: a file for one photo, else a folder; None for the current folder.
        format_names: What `--format` named; empty for the usual ones.
        num_photos: How many photos there are.
        num_masks: How many masks each has.
        may_overwrite: Whether existing files may be replaced.
        is_for_programs: Whether results are printed for a program, which then needs no files
            unless it asks for them.
        usual: What is written if nothing is named; None for what the menu says.
        menu: What can be written.

    Returns:
        The plan.

    Raises:
        InputError: If formats and file do not go together.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in format_names))
    set_file = _set_file(output, names, menu)
    file = None if set_file else _single_file(output, num_photos)
    if not names and file is not None:
        names = (menu.usual_by_suffix.get(file.suffix.lower(), menu.usual_file),)
    elif not names:
        usual = menu.usual if usual is None else usual
        names = () if is_for_programs and output is None else usual
    formats = tuple(_format_named(name, menu) for name in names if name not in menu.sets)
    if set_file is not None:
        return Plan(
            folder=set_file.parent,
            file=None,
            formats=(),
            num_masks=num_masks,
            may_overwrite=may_overwrite,
            sets=(SetOutput(name=names[0], place=set_file),),
        )
    if file is not None and len(formats) < len(names):
        raise InputError(
            f"-o {shown_name(file)}: names one file for a set of files", hint="name a folder"
        )
    if file is not None:
        _check_file(file, formats)
    folder = Path(output or ".") if file is None else file.parent
    if folder.exists() and not folder.is_dir():
        raise InputError(f"-o {shown_name(folder)}: is a file, not a folder", hint="name a folder")
    return Plan(
        folder=folder,
        file=file,
        formats=formats,
        num_masks=num_masks,
        may_overwrite=may_overwrite,
        sets=tuple(
            SetOutput(name=name, place=folder / name) for name in names if name in menu.sets
        ),
    )


def refuse_collisions(plan: Plan, photos: Sequence[Photo], inputs: Iterable[str]) -> None:
    """Refuse to start where an output would replace a file that must stay.

    Args:
        plan: The plan.
        photos: The photos.
        inputs: Files that are read, which never change.

    Raises:
        InputError: If an output exists and may not be replaced, or is an input.
    """
    paths = [output.path for photo in photos for output in plan.outputs(photo)]
    if plan.formats:
        paths += [receipt_path(plan.receipt_owner(photo)) for photo in photos]
    paths += [path for one in plan.sets for path in (one.place, receipt_path(one.place))]
    existing = [path for path in paths if path.exists()]
    read = {_identity(Path(name)) for name in inputs if Path(name).is_file()}
    for path in existing:
        if _identity(path) in read:
            raise InputError(
                f"{shown_name(path)}: is an input, and inputs are never changed",
                hint="choose another name with -o",
            )
    if existing and not plan.may_overwrite:
        more = f", and so do {len(existing) - 1} more" if len(existing) > 1 else ""
        raise InputError(
            f"{shown_name(existing[0])}: exists already{more}",
            hint="add --overwrite, or choose another folder with -o",
        )


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _single_file(output: str | None, num_photos: int) -> Path | None:
    if output is None or PurePath(output).suffix.lower() not in _PICTURE_SUFFIXES:
        return None
    if output.endswith(("/", os.sep)) or Path(output).is_dir():
        return None
    if num_photos > 1:
        raise InputError(
            f"-o {shown_name(output)}: names one file for {num_photos} photos",
            hint="name a folder",
        )
    return Path(output)


def _set_file(output: str | None, names: Sequence[str], menu: Menu) -> Path | None:
    is_json = output is not None and PurePath(output).suffix.lower() == ".json"
    if output is None or not is_json or len(names) != 1 or names[0] not in menu.json_sets:
        return None
    return None if Path(output).is_dir() else Path(output)


def _format_named(name: str, menu: Menu) -> Format:
    if name not in menu.formats:
        raise InputError(
            f"--format {shown_name(name)[:40]}: is unknown",
            hint=f"use {', '.join([*menu.formats, *menu.sets])}",
        )
    return menu.formats[name]


def _check_file(file: Path, formats: Sequence[Format]) -> None:
    shown, suffix = shown_name(file), file.suffix.lower()
    if len(formats) > 1:
        names = ", ".join(form.name for form in formats)
        raise InputError(
            f"-o {shown}: names one file for {len(formats)} formats ({names})",
            hint="name a folder",
        )
    (form,) = formats
    if suffix in form.suffixes:
        return
    if not form.suffixes:
        raise InputError(
            f"-o {shown}: names one file for {form.plural}, which are several",
            hint="name a folder",
        )
    if suffix in JPEG_SUFFIXES and form.name == "png":
        raise InputError(f"{shown}: JPEG changes mask values", hint="use PNG")
    if suffix in JPEG_SUFFIXES and form.name == "cutout":
        raise InputError(f"{shown}: JPEG has no transparency", hint="use PNG")
    titles = {".png": "PNG", ".json": "JSON", ".npy": "NPY"}
    allowed = " or ".join(dict.fromkeys(titles.get(s, "JPEG") for s in form.suffixes))
    raise InputError(
        f"{shown}: {form.plural} are written as {allowed}, not as {shown_name(suffix)}",
        hint=f"name it {shown_name(file.stem)}{form.suffixes[0]}",
    )

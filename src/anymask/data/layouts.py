"""What a path with annotated pictures holds, and so which reader it needs."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from anymask.data.readers import bsds, voc
from anymask.data.readers.bsds import read_bsds
from anymask.data.readers.coco import read_coco
from anymask.data.readers.label_maps import read_label_maps
from anymask.data.readers.label_pairs import (
    LABEL_FOLDERS,
    PICTURE_FOLDERS,
    label_folders,
    pairs_in_one,
)
from anymask.data.readers.listing import PICTURE_SUFFIXES, scan, split_suffix, walk
from anymask.data.readers.naming import set_name_of
from anymask.data.readers.pictures import read_pictures
from anymask.data.readers.sa1b_folder import read_sa1b_folder
from anymask.data.readers.sa1b_tar import read_sa1b_tar
from anymask.data.readers.voc import read_voc
from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.errors import ConfigError
from anymask.image import display_name

Kind = Literal["sa1b-tar", "sa1b-folder", "coco", "label-maps", "voc", "bsds", "pictures"]

DESCRIPTIONS: MappingProxyType[Kind, str] = MappingProxyType(
    {
        "sa1b-tar": "tar shard of pictures and SA-1B records",
        "sa1b-folder": "folder of pictures and SA-1B records",
        "coco": "COCO or LVIS JSON and its pictures",
        "label-maps": "pictures and label images",
        "voc": "Pascal VOC tree",
        "bsds": "BSDS500 tree",
        "pictures": "folder of pictures",
    }
)
EXPECTED = (
    "*.tar with x.jpg and x.json; x.jpg beside x.json; one COCO .json and its pictures; "
    "images/x.jpg and masks/x.png; x.jpg beside x_mask.png; JPEGImages/ and SegmentationObject/; "
    "images/ and groundTruth/*.mat"
)

_HEAD_BYTES = 1 << 16
_COCO_SIGN = re.compile(rb'"(?:images|annotations|categories|info|licenses)"\s*:\s*[\[{]')
_SA1B_SIGN = re.compile(rb'"image"\s*:\s*\{')
_NUM_SHOWN = 3
_MOST_SUB_FOLDERS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A set of annotated pictures, and how it is kept.

    Attributes:
        kind: Which reader it needs.
        path: The file or folder.
    """

    kind: Kind
    path: Path

    @property
    def description(self) -> str:
        """What it is, for people."""
        return DESCRIPTIONS[self.kind]

    @property
    def set_name(self) -> str:
        """Name of the set."""
        return set_name_of(self.path)

    def read(self, left_out: Counter[str] | None = None) -> Iterator[AnnotatedFile | BadSample]:
        """Read it with the reader it needs.

        Args:
            left_out: Is told how many records were left out on purpose, by reason.

        Yields:
            Pictures with their masks, and what cannot be used.

        Raises:
            DataError: If a file or folder cannot be read at all.
            MissingExtra: If it needs a package that is not installed.
        """
        match self.kind:
            case "sa1b-tar":
                return read_sa1b_tar(self.path)
            case "sa1b-folder":
                return read_sa1b_folder(self.path)
            case "coco":
                return read_coco(self.path, left_out=left_out)
            case "label-maps":
                return read_label_maps(self.path)
            case "voc":
                return read_voc(self.path, left_out=left_out)
            case "bsds":
                return read_bsds(self.path)
            case "pictures":
                return read_pictures(self.path)


def recognise(path: Path) -> Layout:
    """Say what a path holds, if it is one set.

    Args:
        path: A .json or .tar file, or a folder.

    Raises:
        ConfigError: If nothing fits, or several sets do.
        DataError: If a folder cannot be listed.
    """
    layouts = recognise_all(path)
    if len(layouts) > 1:
        shown = ", ".join(display_name(layout.path.name) for layout in layouts[:_NUM_SHOWN])
        raise ConfigError(
            f"{display_name(path)}: holds {len(layouts)} sets ({shown})", hint="name one of them"
        )
    return layouts[0]


def recognise_all(path: Path) -> tuple[Layout, ...]:
    """Say what a path holds: one set, or one for each tar shard of a folder.

    Args:
        path: A .json or .tar file, or a folder.

    Returns:
        At least one layout, sorted by path.

    Raises:
        ConfigError: If nothing fits; what was expected and what is there is said.
        DataError: If a folder cannot be listed.
    """
    try:
        is_there = path.exists()
    except OSError as error:  # a name too long, or a folder above it that is closed
        raise ConfigError(
            f"{display_name(path)}: cannot be read ({error.strerror})", hint="check the path"
        ) from error
    if not is_there:
        raise ConfigError(f"{display_name(path)}: no such file or folder", hint="check the path")
    if path.is_dir():
        layouts = _of_folder(path)
        if layouts:
            return layouts
        raise _refused_folder(path)
    if path.suffix.lower() == ".tar":
        return (Layout(kind="sa1b-tar", path=path),)
    if path.suffix.lower() == ".json" and _json_kind(path) == "coco":
        return (Layout(kind="coco", path=path),)
    raise _refused_file(path)


def recognise_pictures(path: Path) -> tuple[Layout, ...]:
    """Say what a path holds where masks are not asked for: a folder of pictures will do.

    Args:
        path: A .json or .tar file, or a folder.

    Returns:
        At least one layout, sorted by path.

    Raises:
        ConfigError: If there is neither a set nor a picture.
        DataError: If a folder cannot be listed.
    """
    try:
        return recognise_all(path)
    except ConfigError:
        if path.is_dir() and next(read_pictures(path), None) is not None:
            return (Layout(kind="pictures", path=path),)
        raise


def _of_folder(path: Path) -> tuple[Layout, ...]:
    """Give the sets of a folder, none if nothing fits; the surest signs come first."""
    names = {entry.name: entry.is_dir() for entry in scan(path)}
    tars = sorted(name for name in names if name.lower().endswith(".tar"))
    if tars:
        return tuple(Layout(kind="sa1b-tar", path=path / name) for name in tars)
    if names.get(voc.PICTURES) and names.get(voc.OBJECTS):
        return (Layout(kind="voc", path=path),)
    if (names.get(bsds.PICTURES) and names.get(bsds.REGIONS)) or _has_mat_pairs(names):
        return (Layout(kind="bsds", path=path),)
    documents = _coco_files(path, names)
    if len(documents) > 1:
        shown = ", ".join(display_name(file.name) for file in documents[:_NUM_SHOWN])
        raise ConfigError(
            f"{display_name(path)}: holds {len(documents)} COCO files ({shown})",
            hint="name one of them",
        )
    if documents:
        return (Layout(kind="coco", path=documents[0]),)
    if _has_sa1b_pairs(path):
        return (Layout(kind="sa1b-folder", path=path),)
    if label_folders(path) or any(
        pair.pictures and (pair.maps or pair.objects) for pair in pairs_in_one(path)
    ):
        return (Layout(kind="label-maps", path=path),)
    return ()


def _has_mat_pairs(names: dict[str, bool]) -> bool:
    stems = {split_suffix(name)[0] for name in names if name.lower().endswith(".mat")}
    return any(
        stem in stems and suffix in PICTURE_SUFFIXES for stem, suffix in map(split_suffix, names)
    )


def _coco_files(path: Path, names: dict[str, bool]) -> list[Path]:
    """Give the COCO files of a folder, or else those in `annotations/`."""
    found = _coco_among(path, names)
    if found or not names.get("annotations"):
        return found
    inside = path / "annotations"
    return _coco_among(inside, {entry.name: entry.is_dir() for entry in scan(inside)})


def _coco_among(folder: Path, names: dict[str, bool]) -> list[Path]:
    """Give the COCO files among some names; the record of one picture is none."""
    split = {name: split_suffix(name) for name in names}
    pictures = {stem for stem, suffix in split.values() if suffix in PICTURE_SUFFIXES}
    files = [
        folder / name
        for name, (stem, suffix) in sorted(split.items())
        if suffix == ".json" and stem not in pictures
    ]
    return [file for file in files if _json_kind(file) == "coco"]


def _has_sa1b_pairs(path: Path) -> bool:
    for inside, names in walk(path):
        stems = {stem for stem, suffix in map(split_suffix, names) if suffix in PICTURE_SUFFIXES}
        for name in names:
            stem, suffix = split_suffix(name)
            if suffix == ".json" and stem in stems:
                return _json_kind(path / inside / name) == "sa1b"
    return False


def _json_kind(path: Path) -> Literal["coco", "sa1b"] | None:
    """Tell a JSON file by how it begins; whether it is whole is the reader's business."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return None
    if not head.startswith(b"{"):
        return None
    if _SA1B_SIGN.search(head):
        return "sa1b"
    return "coco" if _COCO_SIGN.search(head) else None


def _refused_file(path: Path) -> ConfigError:
    shown = display_name(path)
    if path.suffix.lower() != ".json":
        return ConfigError(
            f"{shown}: is neither a .tar shard nor a COCO .json", hint="name one, or their folder"
        )
    if _json_kind(path) == "sa1b":
        return ConfigError(f"{shown}: is the record of one picture", hint="name its folder")
    return ConfigError(
        f'{shown}: is no COCO file: an object with "images" and "annotations" was expected',
        hint="check which format it is in",
    )


def _refused_folder(path: Path) -> ConfigError:
    shown = display_name(path)
    names, fitting = [], None
    for entry in scan(path):
        names.append(entry.name)
        if fitting is None and entry.is_dir() and len(names) <= _MOST_SUB_FOLDERS:
            fitting = _fitting(Path(entry.path))
    if not names:
        return ConfigError(f"{shown}: is empty", hint=f"expected {EXPECTED}")
    found = ", ".join(display_name(name) for name in sorted(names)[:_NUM_SHOWN])
    message = f"{shown}: no annotated pictures recognised among {len(names)} names ({found})"
    if fitting is not None:
        inside = display_name(fitting.path.relative_to(path))
        return ConfigError(message, hint=f"name {shown}/{inside} ({fitting.description})")
    if (hint := _nearly(names)) is not None:
        return ConfigError(message, hint=hint)
    return ConfigError(message, hint=f"expected {EXPECTED}")


def _fitting(folder: Path) -> Layout | None:
    """Give the set that lies one or two levels too deep."""
    for inside in (folder, *(Path(entry.path) for entry in scan(folder) if entry.is_dir())):
        try:
            layouts = _of_folder(inside)
        except ConfigError:
            continue
        if layouts:
            return Layout(kind=layouts[0].kind, path=inside)
    return None


def _nearly(names: list[str]) -> str | None:
    """Say what is missing where half of a layout is there."""
    lower = {name.lower() for name in names}
    if lower & set(PICTURE_FOLDERS) and not lower & set(LABEL_FOLDERS):
        return f"add a folder of label images beside the pictures; expected {EXPECTED}"
    if lower & set(LABEL_FOLDERS) and not lower & set(PICTURE_FOLDERS):
        return f"add a folder of pictures beside the label images; expected {EXPECTED}"
    return None

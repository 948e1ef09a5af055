"""Which form of annotations a path holds."""

import re
from pathlib import Path

from anymask.data.conversion.picture_sets import SEGMENTED
from anymask.data.conversion.yolo_set import DESCRIPTION, LABELS
from anymask.data.readers.json_stream import stream_elements
from anymask.data.readers.label_pairs import label_folders
from anymask.data.readers.listing import scan, split_suffix, walk
from anymask.errors import ConfigError, DataError
from anymask.image import display_name
from anymask.masks.forms.voc import CLASSES, OBJECTS

_HEAD_BYTES = 1 << 16
_COCO = re.compile(rb'"(?:images|annotations|categories|info|licenses)"\s*:\s*[\[{]')
_SA1B = re.compile(rb'"image"\s*:\s*\{')
_LABELME = re.compile(rb'"(?:shapes"\s*:\s*\[|imagePath"\s*:|imageData"\s*:)')
_MASK_FOLDER = re.compile(r"\d+\.png")
_SHOWN = 3
_RECEIPT = ".receipt.json"
_HINT = "name its form with --from"


def recognise(path: Path) -> tuple[str, Path]:
    """Say which form a path holds.

    Args:
        path: A file or folder.

    Returns:
        Name of the form, and the file or folder to read: a folder with one COCO file gives that.

    Raises:
        ConfigError: If there is nothing of that name, no form fits, or several sets do.
        DataError: If a folder cannot be listed, or a JSON file is damaged before its kind shows.
    """
    if path.is_dir():
        return _of_folder(path)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml", ".txt"):
        return "yolo", path
    if suffix in (".png", ".tif", ".tiff"):
        return "labelmap", path
    kind = _json_kind(path) if suffix == ".json" else None
    if kind is not None:
        return kind, path
    raise ConfigError(
        f"{display_name(path)}: is no annotation file that is known",
        hint="name a COCO, SA-1B or labelme JSON, a data.yaml, or a folder",
    )


def document_of(path: Path, form_name: str) -> Path:
    """Give the JSON file of a form that is one file, where its folder was named.

    Args:
        path: A file or folder.
        form_name: "coco" or "panoptic"; any other form reads the folder itself.

    Raises:
        ConfigError: If the folder has none, or several.
        DataError: If the folder cannot be listed.
    """
    if form_name not in ("coco", "panoptic") or not path.is_dir():
        return path
    found = _documents(path)
    files = [file for file, kind in found if kind == form_name] or [file for file, _ in found]
    return _only(path, files)


def _of_folder(path: Path) -> tuple[str, Path]:
    entries = {entry.name: entry.is_dir() for entry in scan(path)}
    if entries.get(OBJECTS) or entries.get(CLASSES):
        return "voc", path
    if DESCRIPTION in entries or "data.yml" in entries or _has_texts(path / LABELS):
        return "yolo", path
    if found := _documents(path):
        file = _only(path, [file for file, _ in found])
        return dict(found)[file], file
    for inside, names in walk(path):
        for name in names:
            kind = None
            if name.lower().endswith(".json") and not name.endswith(_RECEIPT):
                kind = _json_kind(path / inside / name)
            if kind is not None:
                return kind, path
    if form := _of_pictures(path):
        return form, path
    raise _refused(path, sorted(entries))


def _of_pictures(path: Path) -> str | None:
    if label_folders(path) is not None:
        return "labelmap"
    for inside, names in walk(path):
        masks = [name for name in names if split_suffix(name)[1] in (".png", ".tif", ".tiff")]
        if any(SEGMENTED.fullmatch(name) for name in masks):
            return "png"
        if masks and inside:
            is_each = all(_MASK_FOLDER.fullmatch(name) for name in masks)
            return "png" if is_each else "labelmap"
        if masks:
            return "labelmap"
    return "yolo" if _has_texts(path) else None


def _documents(path: Path) -> list[tuple[Path, str]]:
    """Give the COCO and panoptic files of a folder, or else of annotations/ in it."""
    for folder in (path, path / "annotations"):
        if not folder.is_dir():
            continue
        names = sorted(entry.name for entry in scan(folder) if entry.is_file())
        kinds = [
            (folder / name, _json_kind(folder / name))
            for name in names
            if name.lower().endswith(".json") and not name.endswith(_RECEIPT)
        ]
        found = [(file, kind) for file, kind in kinds if kind in ("coco", "panoptic")]
        if found:
            return found
    return []


def _only(path: Path, files: list[Path]) -> Path:
    if len(files) == 1:
        return files[0]
    if not files:
        raise ConfigError(f"{display_name(path)}: holds no COCO file", hint="name the file")
    shown = ", ".join(display_name(file.name) for file in files[:_SHOWN])
    raise ConfigError(
        f"{display_name(path)}: holds {len(files)} COCO files ({shown})", hint="name one of them"
    )


def _has_texts(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    return any(name.lower().endswith(".txt") for _, names in walk(folder) for name in names)


def _json_kind(path: Path) -> str | None:
    """Tell a JSON file by how it begins; whether it is whole is the reader's business."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return None
    if not head.startswith(b"{"):
        return None
    if _SA1B.search(head):
        return "sa1b"
    if _LABELME.search(head):
        return "labelme"
    if not _COCO.search(head):
        return None
    try:
        first = next(stream_elements(path, ("annotations",)), None)
    except DataError:
        return "coco"  # whose reader says where it is damaged
    record = None if first is None else first.value
    if not isinstance(record, dict) or "segments_info" not in record:
        return "coco"
    return "layers" if "layers" in record else "panoptic"


def _refused(path: Path, names: list[str]) -> ConfigError:
    shown = display_name(path)
    if not names:
        return ConfigError(f"{shown}: is empty", hint="name a folder with annotations")
    found = ", ".join(display_name(name) for name in names[:_SHOWN])
    return ConfigError(
        f"{shown}: no annotations recognised among {len(names)} names ({found})", hint=_HINT
    )

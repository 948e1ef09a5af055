"""Where the pictures of a COCO or LVIS file lie."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from anymask.data.readers.naming import leaves_folder
from anymask.image import display_name
from anymask.masks.problem import Problem

_USUAL_FOLDERS = ("images", "train2017", "val2017")


def picture_folders(path: Path, pictures: Path | None) -> tuple[Path, ...]:
    """Give the folders to look in, the likeliest first.

    Args:
        path: The JSON file.
        pictures: The folder someone named, which is then the only one.
    """
    if pictures is not None:
        return (pictures,)
    here = path.parent
    usual = [folder / name for folder in (here, here.parent) for name in _USUAL_FOLDERS]
    folders = [here, *usual, *(here.parent / "images" / name for name in _USUAL_FOLDERS[1:])]
    return tuple(folder for folder in folders if folder.is_dir())


def picture_of(
    record: Mapping[str, object], folders: tuple[Path, ...]
) -> tuple[Path, str] | Problem:
    """Find the picture of a record by its "file_name", or in LVIS by the end of its "coco_url".

    Args:
        record: The record of an image.
        folders: Where to look.

    Returns:
        The file and its name in the record; or what is wrong, with code "bad-record",
        "path-leaves-folder" or "no-picture".
    """
    names = picture_names(record)
    if not names:
        return Problem(
            code="bad-record", message="has no file_name", hint="add it to the record of the image"
        )
    for name in names:
        if leaves_folder(name):
            return Problem(
                code="path-leaves-folder",
                message=f"file_name {display_name(name)[:80]} leads out of the picture folder",
                hint="write it relative to the picture folder",
            )
    for folder in folders:
        for name in names:
            file = folder / name.replace("\\", "/")
            if os.path.isfile(file):  # noqa: PTH113 (never raises, however odd the name)
                return file, names[0].replace("\\", "/")
    return Problem(
        code="no-picture",
        message=f"{display_name(names[0])[:80]} was found in none of {len(folders)} folders",
        hint="name the folder of the pictures",
    )


def picture_names(record: Mapping[str, object]) -> tuple[str, ...]:
    """Give the names a picture may have, the likeliest first; none if its record has none.

    Args:
        record: The record of an image.
    """
    name, url = record.get("file_name"), record.get("coco_url")
    if isinstance(name, str) and name:
        return (name,)
    if isinstance(url, str):
        try:
            path = urlsplit(url).path
        except ValueError:  # no host can be told
            return ()
        parts = [part for part in path.split("/") if part]
        return tuple("/".join(parts[-keep:]) for keep in (2, 1) if len(parts) >= keep)
    return ()

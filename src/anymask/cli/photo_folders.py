"""The photos a command was given where folders may be among them."""

from collections.abc import Sequence
from pathlib import Path

from anymask.cli.photos import STDIN, Photo, list_photos
from anymask.errors import ConfigError, DataError
from anymask.masks.atomic import shown_name


def list_photos_and_folders(paths: Sequence[str], *, is_recursive: bool) -> list[Photo]:
    """Give the photos in order, each path once; those of a folder by name.

    In a folder, files count whose names end as pictures' do; hidden ones do not, and each folder
    is entered once, whatever links lead to it.

    Args:
        paths: What was typed: photos and folders.
        is_recursive: Whether folders inside the folders are entered too.

    Returns:
        The photos.

    Raises:
        ConfigError: If a folder cannot be listed or holds no picture.
        InputError: If something named is no regular file, or standard input is a terminal.
    """
    folders = [path for path in paths if path != STDIN and Path(path).is_dir()]
    named = {photo.path: photo for photo in list_photos([p for p in paths if p not in folders])}
    photos: dict[str, Photo] = {}
    for path in paths:
        if path in folders:
            found = _photos_in(path, is_recursive=is_recursive)
        else:
            found = [named[path]] if path in named else []
        for photo in found:
            key = STDIN if photo.path == STDIN else str(Path(photo.path).absolute())
            photos.setdefault(key, photo)
    return list(photos.values())


def _photos_in(folder: str, *, is_recursive: bool) -> list[Photo]:
    from anymask.data.readers.listing import PICTURE_SUFFIXES, split_suffix, walk

    photos = []
    try:
        for inside, names in walk(Path(folder), has_pipes=True):
            for name in names:
                if split_suffix(name)[1] in PICTURE_SUFFIXES:
                    path = str(Path(folder) / inside / name)
                    photos.append(Photo(path=path, shown=shown_name(path), stem=name))
            if not is_recursive:
                break
    except DataError as error:
        raise ConfigError(error.message, hint=error.hint) from error
    if not photos:
        deeper = "name another folder" if is_recursive else "add --recursive, or name its photos"
        raise ConfigError(f"{shown_name(folder)}: holds no picture", hint=deeper)
    return photos

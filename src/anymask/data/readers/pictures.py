"""Pictures alone: a folder of them, for training that needs no masks."""

from collections.abc import Iterator
from pathlib import Path

from anymask.data.readers.listing import PICTURE_SUFFIXES, split_suffix, walk
from anymask.data.readers.naming import picture_name, set_name_of
from anymask.data.readers.sa1b_record import picture_without_masks
from anymask.data.sample_record import AnnotatedFile, BadSample
from anymask.image import display_name


def read_pictures(path: Path) -> Iterator[AnnotatedFile | BadSample]:
    """Read the pictures of a folder and the folders below it; other files are passed over.

    Args:
        path: The folder.

    Yields:
        Pictures without masks, folder by folder, by name. A suffix stays in the name of a picture
        whose stem is taken.

    Raises:
        DataError: If a folder cannot be listed.
    """
    set_name = set_name_of(path)
    for inside, files in walk(path):
        taken: set[str] = set()
        for file in files:
            stem, suffix = split_suffix(file)
            if suffix not in PICTURE_SUFFIXES:
                continue
            name = picture_name(inside, file if stem in taken else stem)
            taken.add(stem)
            source = path / inside / file
            yield picture_without_masks(set_name, name, source, display_name(source))

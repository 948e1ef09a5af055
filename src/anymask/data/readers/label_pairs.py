"""Which label image belongs to which picture, told by names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from anymask.data.readers.listing import PICTURE_SUFFIXES, scan, split_suffix, walk

PICTURE_FOLDERS = (
    *("images", "image", "imgs", "img", "jpegimages", "pictures", "photos", "originals", "rgb"),
    *("input", "inputs"),
)
LABEL_FOLDERS = (
    *("segmentationobject", "instances", "instance", "masks", "mask", "labels", "label"),
    *("labelmaps", "label_maps", "annotations", "annotation", "groundtruth", "ground_truth", "gt"),
    *("segmentations", "segmentation", "segmentationclass"),
)

# Of two files of one name, the one earlier here is the labels, the other the picture.
_LABEL_SUFFIXES = (".png", ".gif", ".tif", ".tiff", ".bmp", ".dib", ".pgm", ".ppm", ".pnm", ".pbm")
_TAIL = re.compile(
    r"(?P<stem>.+?)[_-](?P<word>masks?|labels?|seg|segmentation|gt|instances?)"
    r"(?:[_-]?(?P<number>\d+))?$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?P<stem>.+)[_-]\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPicture:
    """A picture and its label images, as far as they were found.

    Attributes:
        key: Path inside the set without a suffix, "/" between folders.
        pictures: The picture; none or several are wrong.
        maps: Label images of the whole picture.
        objects: Masks of one object each.
    """

    key: str
    pictures: list[Path] = field(default_factory=list)
    maps: list[Path] = field(default_factory=list)
    objects: list[Path] = field(default_factory=list)


def label_folders(path: Path) -> tuple[Path, Path] | None:
    """Find the folders of pictures and of label images inside a folder, by their usual names.

    Args:
        path: The folder around both.

    Returns:
        (pictures, labels), or None if one of them is missing or holds no picture files.
    """
    found = {entry.name.lower(): Path(entry.path) for entry in scan(path) if entry.is_dir()}
    both = []
    for names in (PICTURE_FOLDERS, LABEL_FOLDERS):
        folders = [found[name] for name in names if name in found]
        both.append(next((folder for folder in folders if _holds_pictures(folder)), None))
    pictures, labels = both
    return (pictures, labels) if pictures and labels else None


def pair_labels(pictures: Path, labels: Path) -> Iterator[LabelledPicture]:
    """Put label images to their pictures.

    Args:
        pictures: Folder of the pictures.
        labels: Folder of the label images; may be the same one.

    Yields:
        Every picture by name, then the labels without one.

    Raises:
        DataError: If a folder cannot be listed.
    """
    if pictures == labels:
        yield from pairs_in_one(pictures)
        return
    found = {
        key: LabelledPicture(key=key, pictures=files)
        for key, files in files_by_key(pictures, PICTURE_SUFFIXES).items()
    }
    strays = []
    for key, files in files_by_key(labels, PICTURE_SUFFIXES).items():
        owner, is_object = _owner(key, found)
        if owner is None:
            strays.append(LabelledPicture(key=key, maps=files))
        else:
            (found[owner].objects if is_object else found[owner].maps).extend(files)
    for key in sorted(found):
        yield found[key]
    yield from strays


def pairs_in_one(folder: Path) -> Iterator[LabelledPicture]:
    """Put label images to the pictures that lie beside them.

    Args:
        folder: Folder of both; folders below are entered.

    Yields:
        Every picture by name.

    Raises:
        DataError: If a folder cannot be listed.
    """
    files = files_by_key(folder, PICTURE_SUFFIXES)
    tails = {key: tail for key in files if (tail := _TAIL.match(key)) and tail["stem"] in files}
    found = {key: LabelledPicture(key=key) for key in files if key not in tails}
    for key, tail in tails.items():
        if tail["stem"] in found:
            owner = found[tail["stem"]]
            (owner.objects if tail["number"] else owner.maps).extend(files[key])
    for key in sorted(found):
        pair, members = found[key], files[key]
        if len(members) > 1 and not pair.maps and not pair.objects:
            members = sorted(members, key=_label_rank)
            if _label_rank(members[0]) < _label_rank(members[1]):
                pair.maps.append(members.pop(0))
        pair.pictures.extend(members)
        yield pair


def files_by_key(folder: Path, suffixes: tuple[str, ...]) -> dict[str, list[Path]]:
    """List the files of some suffixes, those of one name together.

    Args:
        folder: Where to begin; folders below are entered.
        suffixes: In lower case, with the dot.

    Returns:
        Path relative to the folder without a suffix → files.

    Raises:
        DataError: If a folder cannot be listed.
    """
    found: dict[str, list[Path]] = {}
    for inside, names in walk(folder):
        for name in names:
            stem, suffix = split_suffix(name)
            if suffix in suffixes:
                key = f"{inside}/{stem}" if inside else stem
                found.setdefault(key, []).append(folder / inside / name)
    return found


def _holds_pictures(folder: Path) -> bool:
    return any(
        split_suffix(name)[1] in PICTURE_SUFFIXES for _, names in walk(folder) for name in names
    )


def _owner(key: str, pictures: dict[str, LabelledPicture]) -> tuple[str | None, bool]:
    """Give the picture's key, and whether the label image shows one object of several."""
    if key in pictures:
        return key, False
    tail, number = _TAIL.match(key), _NUMBER.match(key)
    if tail and tail["stem"] in pictures:
        return tail["stem"], tail["number"] is not None
    if number and number["stem"] in pictures:
        return number["stem"], True
    folder = key.rpartition("/")[0]
    return (folder, True) if folder in pictures else (None, False)


def _label_rank(file: Path) -> int:
    suffix = file.suffix.lower()
    return _LABEL_SUFFIXES.index(suffix) if suffix in _LABEL_SUFFIXES else len(_LABEL_SUFFIXES)

"""Where converted pictures go: a file or several a picture, and files about all of them."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from anymask.data.readers.naming import leaves_folder
from anymask.errors import InputError
from anymask.masks.annotation import AnnotatedPicture, Losses
from anymask.masks.atomic import shown_name, write_bytes

WritePicture = Callable[[AnnotatedPicture, Sequence[str]], tuple[Mapping[str, bytes], Losses]]
"""Gives the files of one picture by their names inside the target, and what was lost."""

_MOST_NAME_BYTES = 255

WriteSet = Callable[[Sequence[str], Sequence[str]], Mapping[str, bytes]]
"""Gives the files about all pictures, of the names of the classes and of the pictures."""


class Target(Protocol):
    """A set of annotations that is being written.

    Attributes:
        written: The files that are whole, in order.
    """

    written: list[Path]

    def add(self, picture: AnnotatedPicture) -> Losses:
        """Write a picture.

        Args:
            picture: The picture and its objects.

        Returns:
            What of it this form cannot hold.
        """
        ...

    def finish(self) -> None:
        """Write what is written once; without it nothing is complete."""
        ...

    def abandon(self) -> None:
        """Take away what is not complete; after `finish` there is nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names of classes in the order of their numbers; new ones come at the end.

    Attributes:
        listed: The names.
        known: The same, to look them up.
    """

    listed: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def add(self, labels: Sequence[str]) -> Sequence[str]:
        """Take up what is new, and give all of them.

        Args:
            labels: Names of any kind.
        """
        for label in labels:
            if label not in self.known:
                self.known.add(label)
                self.listed.append(label)
        return self.listed


class FolderTarget:
    """A folder with one file or more for each picture."""

    def __init__(
        self,
        folder: Path,
        write: WritePicture,
        *,
        categories: Sequence[str] = (),
        write_set: WriteSet | None = None,
        may_overwrite: bool = False,
    ) -> None:
        """Begin a folder; nothing is written yet.

        Args:
            folder: The folder.
            write: Gives the files of a picture.
            categories: Names of the classes known before.
            write_set: Gives the files about all pictures, if there are any.
            may_overwrite: Whether existing files may be replaced.
        """
        self._folder, self._write, self._write_set = folder, write, write_set
        self._names = Names()
        self._names.add(categories)
        self._may_overwrite = may_overwrite
        self.written: list[Path] = []
        self._taken: set[str] = set()
        self._pictures: list[str] = []

    def add(self, picture: AnnotatedPicture) -> Losses:
        """Write the files of a picture.

        Args:
            picture: The picture and its objects.

        Returns:
            What of it this form cannot hold.

        Raises:
            InputError: If a name leads out of the folder, or an earlier picture has it.
            OutputError: If a file cannot be written or may not be replaced.
        """
        check_name(picture.file_name)
        files, lost = self._write(picture, self._names.add([o.label for o in picture.objects]))
        claim(files, self._taken)
        for name, content in files.items():
            self._put(name, content)
        if not files:
            lost["pictures without masks"] += 1
        self._pictures.append(picture.file_name)
        return lost

    def finish(self) -> None:
        """Write the files about all pictures."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._write_set is not None:
            for name, content in self._write_set(self._names.listed, self._pictures).items():
                self._put(name, content)

    def abandon(self) -> None:
        """Take nothing away: each file is whole."""

    def _put(self, name: str, content: bytes) -> None:
        write_bytes(self._folder / name, content, overwrite=self._may_overwrite)
        self.written.append(self._folder / name)


def claim(names: Iterable[str], taken: set[str]) -> None:
    """Take names of files for a picture.

    Args:
        names: The names.
        taken: Those that earlier pictures have; the new ones are added.

    Raises:
        InputError: If an earlier picture has one of them, or no file can have such a name.
    """
    names = tuple(names)
    for name in names:
        _check_writable(name)
    # Some systems do not tell capitals from small letters.
    keys = {name.casefold() for name in names}
    if both := keys & taken:
        raise InputError(
            f"its output {shown_name(min(both))} is that of an earlier picture",
            hint="give the pictures different names, or convert to coco",
        )
    taken |= keys


def _check_writable(name: str) -> None:
    shown = shown_name(name)[:80]
    try:
        longest = max(len(os.fsencode(part)) for part in name.split("/"))
    except UnicodeEncodeError as error:
        raise InputError(
            f"its output {shown} holds half a character", hint="rename the picture"
        ) from error
    if longest > _MOST_NAME_BYTES:
        raise InputError(
            f"its output {shown}… has a name of {longest} bytes, files have {_MOST_NAME_BYTES}",
            hint="give the picture a shorter name",
        )


def check_name(file_name: str) -> None:
    """Refuse a picture whose name would lead out of the folder it is written to.

    Args:
        file_name: Relative name of the picture.

    Raises:
        InputError: If it leads out.
    """
    if leaves_folder(file_name) or not file_name.strip("./"):
        raise InputError(
            f"its file_name {shown_name(file_name)[:80]} leads out of the folder",
            hint="write it relative to the picture folder",
        )

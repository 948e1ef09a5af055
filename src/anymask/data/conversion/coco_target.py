"""A COCO or panoptic file of any size, written as its pictures come."""

import json
import os
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from anymask.data.conversion.target import Names, check_name, claim
from anymask.errors import OutputError
from anymask.masks.annotation import AnnotatedPicture, Losses
from anymask.masks.atomic import shown_name, write_bytes
from anymask.masks.forms.coco import Segmentation, write_coco
from anymask.masks.forms.panoptic import write_panoptic
from anymask.masks.outlines import Holes

_COPIED_AT_A_TIME = 1 << 20


def _next_free(taken: set[int]) -> int:
    return next(number for number in count(1) if number not in taken)


class JsonFile:
    """A COCO file in the making: images go into it, annotations wait in a second file."""

    def __init__(
        self,
        path: Path,
        categories: Sequence[str],
        *,
        may_overwrite: bool,
        numbers: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Begin the file under a temporary name beside it.

        Args:
            path: The file it will be.
            categories: Names of the categories known before.
            numbers: Ids of categories by name, to be kept.
            may_overwrite: Whether it may replace a file.

        Raises:
            OutputError: If it exists and may not be replaced, or cannot be written.
        """
        self.path, self.names = path, Names()
        self.names.add(categories)
        self._num_images = self._counted = 0
        self._taken: set[int] = set()
        self._numbers = dict(numbers)
        self._num_annotations = 0
        self._may_overwrite = may_overwrite
        self._stack = ExitStack()
        self._partial = path.with_name(f".{uuid.uuid4().hex}.part")
        self._refuse_existing()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._images: IO[bytes] = self._stack.enter_context(self._partial.open("xb"))
            waiting = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 (the stack's)
            self._annotations: IO[bytes] = self._stack.enter_context(waiting)
            self._images.write(b'{"info": {"description": "written by anymask"},\n"images": [')
        except OSError as error:
            self.abandon()
            raise self._refused(error) from error

    def category_id(self, name: str) -> int:
        """Give the id of a category: its own, or the next that is free.

        Args:
            name: The category, listed in `names`.
        """
        if name not in self._numbers:
            self._numbers[name] = _next_free(set(self._numbers.values()))
        return self._numbers[name]

    def image_id(self, picture: AnnotatedPicture) -> int:
        """Give the id of a picture: its own, or the next that is free; nobody else gets it.

        Args:
            picture: The picture.
        """
        number = picture.number
        if number is None or number in self._taken:
            self._counted = next(n for n in count(self._counted + 1) if n not in self._taken)
            number = self._counted
        self._taken.add(number)
        return number

    def add_image(self, picture: AnnotatedPicture, image_id: int) -> None:
        """Add the record of a picture.

        Args:
            picture: The picture.
            image_id: What `image_id` gave.

        Raises:
            OutputError: If the disk is full.
        """
        height, width = picture.size_hw
        name = picture.file_name
        record = {"id": image_id, "file_name": name, "height": height, "width": width}
        self._write(self._images, record, is_first=self._num_images == 0)
        self._num_images += 1

    def add_annotation(self, record: dict[str, Any], *, has_id: bool) -> None:
        """Add the record of an annotation.

        Args:
            record: What it says.
            has_id: Whether it gets an id of its own, counted from 1.

        Raises:
            OutputError: If the disk is full.
        """
        numbered = {"id": self._num_annotations + 1, **record} if has_id else record
        self._write(self._annotations, numbered, is_first=self._num_annotations == 0)
        self._num_annotations += 1

    def finish(self) -> None:
        """Put the parts together, and the file into its place.

        Raises:
            OutputError: If it cannot be written, or meanwhile exists and may not be replaced.
        """
        categories = [
            {"id": self.category_id(name), "name": name, "supercategory": ""}
            for name in self.names.listed
        ]
        try:
            self._images.write(b'\n],\n"annotations": [')
            self._annotations.seek(0)
            while piece := self._annotations.read(_COPIED_AT_A_TIME):
                self._images.write(piece)
            end = f'\n],\n"categories": {json.dumps(categories)}}}\n'
            self._images.write(end.encode("ascii"))
            self._images.flush()
            os.fsync(self._images.fileno())
            self._refuse_existing()
            self._partial.replace(self.path)
        except OSError as error:
            raise self._refused(error) from error
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close everything, and take away what is not complete."""
        with suppress(OSError):  # what waits in the buffer of a full disk
            self._stack.close()
        with suppress(OSError):
            self._partial.unlink()

    def _write(self, file: IO[bytes], record: dict[str, Any], *, is_first: bool) -> None:
        try:
            file.write(b"\n" if is_first else b",\n")
            file.write(json.dumps(record).encode("ascii"))
        except OSError as error:
            raise self._refused(error) from error

    def _refuse_existing(self) -> None:
        if self.path.exists() and not self._may_overwrite:
            raise OutputError(
                f"{shown_name(self.path)}: exists already",
                hint="choose another name or allow overwriting",
            )

    def _refused(self, error: OSError) -> OutputError:
        if isinstance(error, OutputError):
            return error
        return OutputError(
            f"{shown_name(self.path)}: cannot be written ({error.strerror or error})",
            hint="choose a folder you can write to, with space on its disk",
        )


class CocoTarget:
    """A COCO file."""

    def __init__(
        self,
        path: Path,
        categories: Sequence[str],
        *,
        segmentation: Segmentation = "rle",
        holes: Holes = "drop",
        may_overwrite: bool = False,
        numbers: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Begin the file.

        Args:
            path: The file it will be.
            categories: Names of the categories known before.
            numbers: Ids of categories by name, to be kept.
            segmentation: How masks are written.
            holes: What becomes of holes in polygons.
            may_overwrite: Whether it may replace a file.
        """
        self._file = JsonFile(path, categories, may_overwrite=may_overwrite, numbers=numbers)
        self._segmentation, self._holes = segmentation, holes
        self.written: list[Path] = []

    def add(self, picture: AnnotatedPicture) -> Losses:
        """Write a picture and its objects.

        Args:
            picture: The picture and its objects.

        Returns:
            Holes and empty masks that polygons cannot say.
        """
        check_name(picture.file_name)
        self._file.names.add([one.label for one in picture.objects])
        image_id, lost = self._file.image_id(picture), Losses()
        self._file.add_image(picture, image_id)
        if picture.number not in (None, image_id):
            lost["image ids"] += 1
        for one in picture.objects:
            record, lost_of_it = write_coco(one, segmentation=self._segmentation, holes=self._holes)
            lost.update(lost_of_it)
            if record is not None:
                ids = {"image_id": image_id, "category_id": self._file.category_id(one.label)}
                self._file.add_annotation(ids | record, has_id=True)
        return lost

    def finish(self) -> None:
        """Put the file into its place."""
        self._file.finish()
        self.written.append(self._file.path)

    def abandon(self) -> None:
        """Take away what is not complete."""
        self._file.abandon()


class PanopticTarget:
    """A panoptic file and the folder of its PNGs, which has its name."""

    def __init__(self, path: Path, categories: Sequence[str], *, may_overwrite: bool) -> None:
        """Begin the file.

        Args:
            path: The JSON file it will be.
            categories: Names of the categories known before.
            may_overwrite: Whether files may be replaced.
        """
        self._file = JsonFile(path, categories, may_overwrite=may_overwrite)
        self._folder = path.with_suffix("")
        self._taken: set[str] = set()
        self.written: list[Path] = []
        self._may_overwrite = may_overwrite

    def add(self, picture: AnnotatedPicture) -> Losses:
        """Write a picture's PNG and its record.

        Args:
            picture: The picture and its objects.

        Returns:
            What others hide.
        """
        check_name(picture.file_name)
        names = self._file.names.add([one.label for one in picture.objects])
        image_id = self._file.image_id(picture)
        files, record, lost = write_panoptic(picture, names, image_id)
        claim(files, self._taken)
        for name, content in files.items():
            write_bytes(self._folder / name, content, overwrite=self._may_overwrite)
            self.written.append(self._folder / name)
        self._file.add_image(picture, image_id)
        self._file.add_annotation(record, has_id=False)
        return lost

    def finish(self) -> None:
        """Put the file into its place."""
        self._file.finish()
        self.written.append(self._file.path)

    def abandon(self) -> None:
        """Take away what is not complete."""
        self._file.abandon()

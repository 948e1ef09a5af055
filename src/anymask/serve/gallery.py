"""The pictures to begin with: the photographs inside the package."""

import io
import threading
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from PIL import Image

from anymask.image.photos import PHOTOS, photo_path
from anymask.image.read import read_picture
from anymask.image.size import picture_size
from anymask.serve.answers import Refusal

_THUMBNAIL_SIDE_PX: Final = 320
_KINDS: Final = (("image/png", ".png"), ("image/jpeg", ".jpg"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryPicture:
    """One picture to begin with.

    Attributes:
        id: By what it is asked for.
        name: Of its file.
        path: Where it lies.
        size_hw: Height and width, pixels.
    """

    id: str
    name: str
    path: Path
    size_hw: tuple[int, int]

    @property
    def kind(self) -> str:
        """Its content type."""
        return next(kind for kind, suffix in _KINDS if self.name.endswith(suffix))


class Gallery:
    """The pictures by id; small ones for choosing are made when first asked for."""

    def __init__(self) -> None:
        self._pictures = {picture.id: picture for picture in _bundled()}
        self._thumbnails: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def all(self) -> list[GalleryPicture]:
        """Give all pictures."""
        return list(self._pictures.values())

    def picture(self, id: str) -> GalleryPicture:  # noqa: A002 - as in the addresses
        """Give one picture.

        Raises:
            Refusal: If there is none of that id.
        """
        if id not in self._pictures:
            known = ", ".join(self._pictures)
            raise Refusal(404, "not_found", "the gallery has no such picture", hint=f"use {known}")
        return self._pictures[id]

    def thumbnail(self, id: str) -> bytes:  # noqa: A002 - as in the addresses
        """Give a small JPEG of a picture.

        Raises:
            Refusal: If there is none of that id.
        """
        picture = self.picture(id)
        with self._lock:
            if id not in self._thumbnails:
                image = Image.fromarray(read_picture(picture.path).pixels)
                image.thumbnail((_THUMBNAIL_SIDE_PX, _THUMBNAIL_SIDE_PX))
                file = io.BytesIO()
                image.save(file, format="JPEG", quality=85)
                self._thumbnails[id] = file.getvalue()
            return self._thumbnails[id]


def _bundled() -> list[GalleryPicture]:
    return [
        GalleryPicture(
            id=PurePosixPath(name).stem,
            name=name,
            path=photo_path(name),
            size_hw=picture_size(photo_path(name)).size_hw,
        )
        for name in PHOTOS
    ]

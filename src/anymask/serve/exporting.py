"""Objects of a picture as a file to keep, in the forms that `anymask convert` writes."""

import io
import re
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from PIL import Image

from anymask.data.conversion.forms import FORMS, Wish
from anymask.image.picture import Picture
from anymask.masks.annotation import AnnotatedPicture, Annotation, Losses
from anymask.masks.overlay import paint_codes
from anymask.masks.png import png_bytes
from anymask.serve.download_names import safe_name, stem_of_picture
from anymask.serve.sent_objects import SentObject

JSON_TYPE: Final = "application/json"
PNG_TYPE: Final = "image/png"
ZIP_TYPE: Final = "application/zip"
_TYPES: Final = MappingProxyType({".json": JSON_TYPE, ".png": PNG_TYPE, ".tif": "image/tiff"})
# Form → what a single file of it is called behind the picture's stem, and its name for people.
_FORMS: Final = MappingProxyType(
    {
        "coco": (".coco.json", "COCO"),
        "labelmap": (".labels", "the label map"),
        "png": (".mask.png", "mask PNGs"),
        "sa1b": (".sa1b.json", "SA-1B"),
        "labelme": (".labelme.json", "labelme"),
        "yolo": (".yolo.zip", "YOLO polygons"),
    }
)
FILE_FORMS: Final = tuple(_FORMS)
"""Forms of annotation files."""

# Said of sets of pictures; here it is no news.
_NO_NEWS: Final = "pictures without masks"
# The same objects give the same bytes.
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)
_PACKED: Final = re.compile(r".*\.(png|jpe?g|tif|webp)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file to be downloaded.

    Attributes:
        name: What it is called, safe.
        media_type: What it is.
        content: Its bytes.
        notes: Sentences about what it does not hold.
    """

    name: str
    media_type: str
    content: bytes
    notes: tuple[str, ...] = ()


def export_form(
    form: str, picture_name: str, size_hw: tuple[int, int], objects: Sequence[Annotation]
) -> Exported:
    """Write objects as annotations.

    Args:
        form: One of `FILE_FORMS`.
        picture_name: The picture's name, which the file refers to.
        size_hw: Height and width of the picture, pixels.
        objects: The objects.

    Returns:
        The one file; several as a zip.

    Raises:
        InputError: If this form cannot hold them.
    """
    ending, title = _FORMS[form]
    name = safe_name(picture_name)
    picture = AnnotatedPicture(file_name=name, size_hw=size_hw, objects=tuple(objects))
    with tempfile.TemporaryDirectory(prefix="anymask-") as folder:
        out = Path(folder) / "out"
        target = FORMS[form].write(Wish(out=out))
        try:
            lost = target.add(picture)
            target.finish()
        finally:
            target.abandon()
        files = {path.relative_to(out).as_posix(): path.read_bytes() for path in target.written}
    notes = _notes(title, lost)
    if name != picture_name:
        notes += (f"In the file the picture is called {name}.",)
    stem = PurePosixPath(name).stem
    if len(files) != 1 or form == "yolo":
        return Exported(
            name=f"{stem}.{form}.zip",
            media_type=ZIP_TYPE,
            content=zip_bytes(files.items()),
            notes=notes,
        )
    ((inner, content),) = files.items()
    suffix = PurePosixPath(inner).suffix
    shown = ending if ending.endswith(suffix) else f"{ending}{suffix}"
    return Exported(name=f"{stem}{shown}", media_type=_TYPES[suffix], content=content, notes=notes)


def export_overlay(picture: Picture, picture_name: str, objects: Sequence[SentObject]) -> Exported:
    """Draw objects over their picture, each in its own colour.

    Args:
        picture: The picture.
        picture_name: Its name.
        objects: The objects.
    """
    drawn = paint_codes(
        picture.pixels, [one.rle for one in objects], [one.colour for one in objects]
    )
    return Exported(
        name=f"{stem_of_picture(picture_name)}.overlay.png",
        media_type=PNG_TYPE,
        content=png_bytes(Image.fromarray(drawn)),
    )


def zip_bytes(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Pack files into one.

    Args:
        files: Names with "/" and contents, in order.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files:
            add_to_zip(archive, name, content)
    return buffer.getvalue()


def add_to_zip(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Put a file into a zip that is open; pictures, which are packed already, as they are."""
    entry = zipfile.ZipInfo(name, _ZIP_DATE)
    entry.compress_type = zipfile.ZIP_STORED if _PACKED.fullmatch(name) else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


def _notes(title: str, lost: Losses) -> tuple[str, ...]:
    told = [
        f"{number:,} {what.removesuffix('s') if number == 1 else what}"
        for what, number in sorted(lost.items())
        if number and what != _NO_NEWS
    ]
    return (f"Not kept in {title}: {', '.join(told)}.",) if told else ()

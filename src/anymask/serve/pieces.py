"""Cut-outs as files: one PNG, or a zip of many with a list of what they are."""

import json
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any, Final

from anymask.errors import InputError
from anymask.image.picture import Picture
from anymask.masks.atomic import shown_name
from anymask.masks.png import png_bytes
from anymask.masks.rle import area, bbox
from anymask.serve.cutting import CutOptions, Piece, backdrop_of, cut_object, names_of_pieces
from anymask.serve.desk import Desk, Urgency
from anymask.serve.download_names import stem_of_picture
from anymask.serve.exporting import PNG_TYPE, Exported, add_to_zip
from anymask.serve.sent_objects import SentObject

INDEX: Final = "index.json"
_MOST_PIXELS: Final = 600 * 10**6
_IN_MEMORY_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A zip file that is ready.

    Attributes:
        name: What it is called, safe.
        file: Its bytes; in memory, beyond a bound in a file without a name.
        num_bytes: How many.
    """

    name: str
    file: IO[bytes]
    num_bytes: int

    def chunks(self, num_bytes: int) -> Iterator[bytes]:
        """Give its bytes piece by piece, once.

        Args:
            num_bytes: How many at a time.
        """
        with self.file:
            self.file.seek(0)
            while chunk := self.file.read(num_bytes):
                yield chunk


def cut_one(picture: Picture, picture_name: str, one: SentObject, options: CutOptions) -> Exported:
    """Cut one object out.

    Args:
        picture: The picture.
        picture_name: Its name.
        one: The object.
        options: How.

    Raises:
        InputError: If its mask is empty, or the piece would be too large.
    """
    piece = _cut(picture, one, options, backdrop_of(picture, options))
    stem = stem_of_picture(picture_name)
    own = names_of_pieces(picture_name, [one.name])[0].removeprefix(f"{stem}_001_")
    return Exported(name=f"{stem}_{own}", media_type=PNG_TYPE, content=png_bytes(piece.image))


async def zip_of_pieces(
    desk: Desk,
    picture: Picture,
    picture_name: str,
    objects: Sequence[SentObject],
    options: CutOptions,
) -> Packed:
    """Cut objects out one after the other, so that clicks are answered between them.

    Args:
        desk: Where it is worked out.
        picture: The picture.
        picture_name: Its name.
        objects: The objects.
        options: How.

    Returns:
        PNGs and index.json.

    Raises:
        InputError: If a mask is empty, or all pieces together are too large.
        Refusal: If too many wait.
    """
    _check_room(picture, objects, options)
    backdrop = await desk.run(lambda: backdrop_of(picture, options), Urgency.RESULT)
    names = names_of_pieces(picture_name, [one.name for one in objects])
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - handed on
    told = []
    try:
        with zipfile.ZipFile(file, "w") as archive:
            for name, one in zip(names, objects, strict=True):

                def work(one: SentObject = one) -> tuple[Piece, bytes]:
                    piece = _cut(picture, one, options, backdrop)
                    return piece, png_bytes(piece.image)

                piece, content = await desk.run(work, Urgency.RESULT)
                add_to_zip(archive, name, content)
                told.append(_told(name, one, piece))
            index = _index(picture, picture_name, options, told)
            add_to_zip(archive, INDEX, json.dumps(index, indent=2, ensure_ascii=False).encode())
    except BaseException:
        file.close()
        raise
    return Packed(
        name=f"{stem_of_picture(picture_name)}.cutouts.zip", file=file, num_bytes=file.tell()
    )


def _cut(picture: Picture, one: SentObject, options: CutOptions, backdrop: Any) -> Piece:  # noqa: ANN401 - an array or None
    try:
        return cut_object(picture, one.rle, options, backdrop)
    except InputError as error:
        raise InputError(
            f"{shown_name(one.name[:40])}: {error.message}", hint=error.hint
        ) from error


def _check_room(picture: Picture, objects: Sequence[SentObject], options: CutOptions) -> None:
    height, width = picture.size_hw
    total = 0
    for one in objects:
        _, _, box_width, box_height = bbox(one.rle)
        around = 2 * options.margin
        is_tight = options.crop
        total += (box_width + around) * (box_height + around) if is_tight else height * width
    if total > _MOST_PIXELS:
        raise InputError(
            f"the cut-outs have {total / 1e6:,.0f} megapixels together, at most "
            f"{_MOST_PIXELS / 1e6:,.0f} fit into one file",
            hint="crop them tightly, lower the margin, or take fewer",
        )


def _told(name: str, one: SentObject, piece: Piece) -> dict[str, Any]:
    width, height = piece.image.size
    return {
        "file": name,
        "name": one.name,
        "score": one.score,
        "box": list(piece.box),
        "width": width,
        "height": height,
        "area": area(one.rle),
    }


def _index(
    picture: Picture, name: str, options: CutOptions, told: list[dict[str, Any]]
) -> dict[str, Any]:
    height, width = picture.size_hw
    return {
        "picture": {"name": name, "width": width, "height": height, "sha256": picture.sha256},
        "options": asdict(options),
        "pieces": told,
    }

"""Pictures come in, are encoded, are given back upright, and are forgotten."""

import asyncio
import hashlib
import io
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from PIL import Image
from pydantic import BaseModel, ConfigDict

from anymask.image.options import ReadOptions
from anymask.image.picture import Picture
from anymask.image.read import read_picture
from anymask.serve.answers import JSON_LINES, lines
from anymask.serve.bodies import PictureId, StrictRoute, read_bytes
from anymask.serve.desk import Urgency
from anymask.serve.serving import Serving, embedded, serving_of, while_connected
from anymask.serve.shelf import Entry, bare_name, named

_log = logging.getLogger(__name__)

_ENCODING: Final = (
    '{"stage":"encoding","picture":{"id":"0f3b2a9c4d5e6f708192a3b4c5d6e7f8","name":"cat.png",'
    '"width":451,"height":300,"notes":[],"format":"PNG"},"seconds_expected":0.2,"place":0}\n'
    '{"stage":"ready","seconds":0.21,"was_kept":false}\n'
)


class Forgotten(BaseModel):
    """How many pictures were dropped."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"forgotten": 1}]})

    forgotten: int


class _Upload(io.BytesIO):
    """Bytes with the name they came under, for the sentences about them."""

    def __init__(self, body: bytes, name: str) -> None:
        super().__init__(body)
        self.name = name


def picture_routes() -> APIRouter:
    """Give the routes of pictures."""
    router = APIRouter(route_class=StrictRoute)

    @router.post(
        "/api/pictures",
        response_class=StreamingResponse,
        responses={200: _stream_answer()},
        openapi_extra={"requestBody": _file_body()},
    )
    async def send_picture(
        request: Request,
        name: Annotated[str, Query(description="Name of the file.", examples=["cat.png"])] = "",
        ahead: Annotated[bool, Query(description="Whether nobody waits for it yet.")] = False,  # noqa: FBT002 - the query decides
    ) -> StreamingResponse:
        """Send a picture: its file as the body. It is read, then encoded while lines come back.

        The first line tells the picture's id and size, the last that it is ready. What cannot be
        read is refused by its status. The same bytes again give the same id.
        """
        serving = serving_of(request)
        body = await read_bytes(request)
        urgency = Urgency.AHEAD if ahead else Urgency.ENCODE
        entry = await while_connected(request, _entry(serving, body, bare_name(name), urgency))
        return lines(_stages(serving, entry, urgency))

    @router.get(
        "/api/pictures/{id}/picture.png",
        response_class=Response,
        responses={200: _png_answer()},
    )
    async def upright_picture(request: Request, id: PictureId) -> Response:  # noqa: A002
        """Give the picture upright, for what a browser cannot decode itself."""
        serving = serving_of(request)
        entry = serving.shelf.entry(id)
        work = serving.desk.run(lambda: _png(entry.picture), Urgency.RESULT)
        return Response(await while_connected(request, work), media_type="image/png")

    @router.delete("/api/pictures/{id}")
    async def forget_picture(request: Request, id: PictureId) -> Forgotten:  # noqa: A002
        """Drop a picture and all that was worked out for it."""
        serving = serving_of(request)
        serving.shelf.entry(id)
        return Forgotten(forgotten=int(serving.shelf.forget(id)))

    @router.delete("/api/pictures")
    async def forget_all(request: Request) -> Forgotten:
        """Drop all pictures."""
        return Forgotten(forgotten=serving_of(request).shelf.forget_all())

    return router


async def _entry(serving: Serving, body: bytes, name: str, urgency: Urgency) -> Entry:
    """Give the entry of a file's bytes, reading the picture if it is not here."""
    sha256 = hashlib.sha256(body).hexdigest()
    entry = serving.shelf.find(sha256)
    if entry is None:
        options = ReadOptions(max_pixels=serving.settings.pixels)
        picture = await serving.desk.run(lambda: _read(body, name, options), urgency)
        entry = serving.shelf.put(picture, sha256)
    entry.call(name)
    return entry


def _read(body: bytes, name: str, options: ReadOptions) -> Picture:
    picture = read_picture(_Upload(body, name), options=options)
    # A program that reads it by its name reads it with the usual limit.
    return named(replace(picture, options=ReadOptions()), name)


async def _stages(
    serving: Serving, entry: Entry, urgency: Urgency
) -> AsyncIterator[dict[str, object]]:
    began = time.perf_counter()
    was_kept = entry.embedding is not None
    place = 0 if was_kept else serving.desk.place(urgency)
    yield {
        "stage": "encoding",
        "picture": _told(entry),
        "seconds_expected": 0.0 if was_kept else round(serving.pace.encode_seconds, 3),
        "place": place,
    }
    try:
        await embedded(serving, entry, urgency)
    except asyncio.CancelledError:
        height, width = entry.picture.size_hw
        _log.info("a client left while its picture of %d×%d waited to be encoded", width, height)
        raise
    seconds = round(time.perf_counter() - began, 3)
    yield {"stage": "ready", "seconds": seconds, "was_kept": was_kept}


def _told(entry: Entry) -> dict[str, object]:
    height, width = entry.picture.size_hw
    return {
        "id": entry.id,
        "name": entry.name,
        "width": width,
        "height": height,
        "notes": list(entry.picture.notes),
        "format": entry.picture.format,
    }


def _png(picture: Picture) -> bytes:
    """Write the pixels, quickly rather than small: the way is short."""
    file = io.BytesIO()
    Image.fromarray(picture.pixels).save(file, format="PNG", compress_level=1)
    return file.getvalue()


def _file_body() -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"}
    content = {
        kind: {"schema": schema, "example": "the bytes of the file"}
        for kind in ("image/*", "application/octet-stream")
    }
    return {"required": True, "content": content}


def _stream_answer() -> dict[str, Any]:
    content = {JSON_LINES: {"schema": {"type": "string"}, "example": _ENCODING}}
    return {"description": "One JSON object a line.", "content": content}


def _png_answer() -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"}
    content = {"image/png": {"schema": schema, "example": "the bytes of a PNG file"}}
    return {"description": "The upright picture.", "content": content}

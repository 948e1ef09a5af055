"""The page itself, what it must know about the server, and the gallery."""

import asyncio
import socket
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.routing import Route

from anymask import __version__
from anymask.everything.presets import preset_for
from anymask.serve.answers import Refusal
from anymask.serve.bodies import StrictRoute
from anymask.serve.gallery import Gallery
from anymask.serve.guard import is_loopback
from anymask.serve.serving import Serving, serving_of
from anymask.serve.static_files import page_files

_PRESETS: Final = ("default", "objects", "dense")

GalleryId = Annotated[str, Path(description="Id of a picture of the gallery.", examples=["coffee"])]


class Health(BaseModel):
    """That the server is well."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ok": True,
                    "start": "5f1c2a9b8e7d6c5a",
                    "version": __version__,
                    "model": "tiny",
                    "pictures": 2,
                    "waiting": 0,
                }
            ]
        }
    )

    ok: bool
    start: str
    version: str
    model: str
    pictures: int
    waiting: int


class ModelTold(BaseModel):
    """What answers."""

    name: str
    origin: str
    input_size: int
    device: str
    engine: str


class Limits(BaseModel):
    """How large a picture may be."""

    upload_bytes: int
    pixels: int


class GalleryTold(BaseModel):
    """A picture of the gallery."""

    id: str
    name: str
    width: int
    height: int


class ServerTold(BaseModel):
    """What the page must know about the server."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "start": "5f1c2a9b8e7d6c5a",
                    "version": __version__,
                    "model": {
                        "name": "tiny",
                        "origin": "embedded default",
                        "input_size": 512,
                        "device": "cpu",
                        "engine": "torch",
                    },
                    "host": "laptop",
                    "is_local": True,
                    "limits": {"upload_bytes": 67108864, "pixels": 178956970},
                    "gallery": [
                        {"id": "coffee", "name": "coffee.png", "width": 600, "height": 400}
                    ],
                    "presets": {"default": {"points_per_side": 32, "pred_iou_thresh": 0.4}},
                }
            ]
        }
    )

    start: str
    version: str
    model: ModelTold
    host: str
    is_local: bool
    limits: Limits
    gallery: list[GalleryTold]
    presets: dict[str, dict[str, Any]]


def page_routes() -> list[Route]:
    """Give the routes of the page's own files, found now."""
    known = page_files()

    async def index(request: Request) -> Response:
        if "index.html" not in known:
            raise Refusal(404, "not_found", "the page is missing", hint="install anymask again")
        return known["index.html"].answer(request)

    async def static(request: Request) -> Response:
        file = known.get(request.path_params["name"])
        if file is None:
            raise Refusal(404, "not_found", "the page has no such file", hint="load the page anew")
        return file.answer(request)

    return [Route("/", index), Route("/static/{name:path}", static)]


def server_routes() -> APIRouter:
    """Give the routes that tell about the server, and those of the gallery."""
    router = APIRouter(route_class=StrictRoute)
    gallery = Gallery()

    @router.get("/health")
    @router.get("/api/health", include_in_schema=False)
    async def health(request: Request) -> Health:
        """Say that the server is well."""
        serving = serving_of(request)
        return Health(
            ok=True,
            start=serving.start,
            version=__version__,
            model=serving.model.loaded.name,
            pictures=len(serving.shelf),
            waiting=serving.desk.waiting,
        )

    @router.get("/api/server")
    async def server(request: Request) -> ServerTold:
        """Tell what the page must know: model, limits, gallery, presets."""
        serving = serving_of(request)
        client = request.client.host if request.client else ""
        return ServerTold(
            start=serving.start,
            version=__version__,
            model=_model_told(serving),
            host=socket.gethostname(),
            is_local=is_loopback(client),
            limits=Limits(
                upload_bytes=serving.settings.upload_bytes, pixels=serving.settings.pixels
            ),
            gallery=_gallery_told(gallery),
            presets={name: asdict(preset_for(serving.model.loaded, name)) for name in _PRESETS},
        )

    @router.get(
        "/api/gallery/{id}", response_class=Response, responses={200: _picture_answer("image/png")}
    )
    async def gallery_picture(id: GalleryId) -> Response:  # noqa: A002 - as in the address
        """Give a picture of the gallery as its file."""
        picture = gallery.picture(id)
        body = await asyncio.to_thread(picture.path.read_bytes)
        return Response(body, media_type=picture.kind)

    @router.get(
        "/api/gallery/{id}/thumbnail",
        response_class=Response,
        responses={200: _picture_answer("image/jpeg")},
    )
    async def gallery_thumbnail(id: GalleryId) -> Response:  # noqa: A002 - as in the address
        """Give a small picture of a picture of the gallery, 320 pixels at most."""
        body = await asyncio.to_thread(gallery.thumbnail, id)
        return Response(body, media_type="image/jpeg")

    return router


def _model_told(serving: Serving) -> ModelTold:
    loaded = serving.model.loaded
    return ModelTold(
        name=loaded.name,
        origin=loaded.origin,
        input_size=loaded.sam.config.input_size,
        device=str(loaded.device),
        engine=loaded.engine,
    )


def _gallery_told(gallery: Gallery) -> list[GalleryTold]:
    return [
        GalleryTold(id=one.id, name=one.name, width=one.size_hw[1], height=one.size_hw[0])
        for one in gallery.all()
    ]


def _picture_answer(kind: str) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"}
    content = {kind: {"schema": schema, "example": f"the bytes of an {kind} file"}}
    return {"description": "The picture.", "content": content}

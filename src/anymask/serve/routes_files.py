"""What people save: cut-outs, and objects in the forms of files."""

import json
from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from anymask.masks.finding import Finding
from anymask.serve.answers import Refusal
from anymask.serve.bodies import PictureId, StrictRoute
from anymask.serve.candidate_stream import EverythingRun
from anymask.serve.desk import Urgency
from anymask.serve.download_names import content_disposition
from anymask.serve.exporting import FILE_FORMS, Exported, export_form, export_overlay
from anymask.serve.html_page import export_html
from anymask.serve.pieces import cut_one, zip_of_pieces
from anymask.serve.receipts import Coded, export_receipt
from anymask.serve.result_bodies import CutoutQuestion, CutoutsQuestion, ExportQuestion, ObjectBody
from anymask.serve.sent_objects import SentObject, annotations_of, checked_object
from anymask.serve.serving import Serving, serving_of, while_connected
from anymask.serve.shelf import Entry
from anymask.serve.source_codes import SourceCodes, name_of

T = TypeVar("T")

# Few objects are quick; many wait with what takes long, so that clicks are answered meanwhile.
_QUICK_OBJECTS: Final = 40
_CHUNK_BYTES: Final = 1 << 20
NOTES_HEADER: Final = "X-Anymask-Notes"


def cutout_routes() -> APIRouter:
    """Give the routes of cut-outs."""
    router = APIRouter(route_class=StrictRoute)

    @router.post(
        "/api/pictures/{id}/cutout",
        response_class=Response,
        responses={200: _file_answer("image/png")},
    )
    async def cut_object_out(request: Request, id: PictureId, asked: CutoutQuestion) -> Response:  # noqa: A002
        """Cut one object out: a PNG at the picture's own resolution."""
        serving = serving_of(request)
        entry = serving.shelf.entry(id)
        options = asked.options.options()
        one = checked_object(asked.object.record(), 0, entry.picture.size_hw)
        name = name_of(entry)
        work = serving.desk.run(lambda: cut_one(entry.picture, name, one, options), Urgency.RESULT)
        return _download(await while_connected(request, work))

    @router.post(
        "/api/pictures/{id}/cutouts",
        response_class=StreamingResponse,
        responses={200: _file_answer("application/zip")},
    )
    async def cut_objects_out(request: Request, id: PictureId, asked: CutoutsQuestion) -> Response:  # noqa: A002
        """Cut objects out: a zip of PNGs, and index.json that says what each is."""
        serving = serving_of(request)
        entry = serving.shelf.entry(id)
        options = asked.options.options()
        objects = await _checked(request, serving, entry, asked.objects)
        work = zip_of_pieces(serving.desk, entry.picture, name_of(entry), objects, options)
        packed = await while_connected(request, work)
        headers = {
            "Content-Disposition": content_disposition(packed.name),
            "Content-Length": str(packed.num_bytes),
        }
        return StreamingResponse(
            packed.chunks(_CHUNK_BYTES), headers=headers, media_type="application/zip"
        )

    return router


def export_routes() -> APIRouter:
    """Give the route of files of objects."""
    router = APIRouter(route_class=StrictRoute)

    @router.post(
        "/api/pictures/{id}/export",
        response_class=Response,
        responses={200: _file_answer("application/octet-stream")},
    )
    async def export_objects(request: Request, id: PictureId, asked: ExportQuestion) -> Response:  # noqa: A002
        """Write objects as a file; the header X-Anymask-Notes tells what it does not hold.

        The header is a JSON list of sentences, percent-encoded.
        """
        serving = serving_of(request)
        entry = serving.shelf.entry(id)
        objects = await _checked(request, serving, entry, asked.objects)
        if asked.format == "receipt":
            return _download(
                await while_connected(request, _receipt(serving, entry, asked.objects, objects))
            )
        work = _beside(serving, len(objects), lambda: _exported(entry, asked.format, objects))
        return _download(await while_connected(request, work))

    return router


async def _checked(
    request: Request, serving: Serving, entry: Entry, bodies: list[ObjectBody]
) -> list[SentObject]:
    size_hw = entry.picture.size_hw

    def work() -> list[SentObject]:
        return [checked_object(one.record(), place, size_hw) for place, one in enumerate(bodies)]

    return await while_connected(request, _beside(serving, len(bodies), work))


async def _beside(serving: Serving, num_objects: int, work: Callable[[], T]) -> T:
    if num_objects <= _QUICK_OBJECTS:
        return await serving.desk.run(work, Urgency.RESULT)
    return await serving.desk.lengthy(work)


def _exported(entry: Entry, form: str, objects: list[SentObject]) -> Exported:
    name = name_of(entry)
    if form == "overlay":
        return export_overlay(entry.picture, name, objects)
    if form == "html":
        return export_html(entry.picture, name, objects)
    if form not in FILE_FORMS:
        raise Refusal(422, "wrong_request", f"format is {form!r:.40}", hint="see /openapi.json")
    annotations = annotations_of(objects, _findings(entry, objects))
    return export_form(form, name, entry.picture.size_hw, annotations)


async def _receipt(
    serving: Serving, entry: Entry, bodies: list[ObjectBody], objects: list[SentObject]
) -> Exported:
    codes, coded = SourceCodes(serving, entry), []
    for body, one in zip(bodies, objects, strict=True):
        code = None if body.source is None else await codes.code(body.source)
        coded.append(Coded(one=one, code=code))
    return export_receipt(serving.model, entry.picture, name_of(entry), entry.embedding, coded)


def _findings(entry: Entry, objects: list[SentObject]) -> dict[int, Finding]:
    """Give by place how objects were found that are candidates of the last run, unchanged."""
    if not isinstance(entry.candidates, EverythingRun):
        return {}
    candidates = entry.candidates.found().candidates
    found = {}
    for place, one in enumerate(objects):
        source = one.source or {}
        number = source.get("number", -1) if source.get("kind") == "everything" else -1
        if 0 <= number < len(candidates) and candidates.codes[number] == one.rle["counts"]:
            row = candidates.rows[number]
            if row["area"] == 0:
                continue  # nothing has no stability that JSON could hold
            x, y = row["point"].tolist()
            found[place] = Finding(
                point=(x, y),
                stability_score=float(row["stability_score"]),
                crop_box=candidates.crops[int(row["crop"])],
            )
    return found


def _download(exported: Exported) -> Response:
    headers = {"Content-Disposition": content_disposition(exported.name)}
    if exported.notes:
        headers[NOTES_HEADER] = quote(json.dumps(exported.notes, ensure_ascii=False), safe="")
    return Response(exported.content, headers=headers, media_type=exported.media_type)


def _file_answer(media_type: str) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"}
    content = {media_type: {"schema": schema, "example": "the bytes of the file"}}
    return {"description": "A file to be saved.", "content": content}

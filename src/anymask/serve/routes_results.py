"""What becomes of masks: code that gives them again, and files; and masks from files."""

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict

from anymask.serve.bodies import PictureId, RunLengths, StrictRoute, read_bytes
from anymask.serve.coding import MaskCode
from anymask.serve.desk import Urgency
from anymask.serve.reading_masks import ReadMasks, read_masks
from anymask.serve.result_bodies import CodeQuestion
from anymask.serve.routes_files import cutout_routes, export_routes
from anymask.serve.sent_objects import whole_letters
from anymask.serve.serving import serving_of, while_connected
from anymask.serve.shelf import bare_name
from anymask.serve.source_codes import SourceCodes, name_of


class CodeFileTold(BaseModel):
    """A file that the code reads, to be saved beside the picture."""

    name: str
    what: str
    png: str | None


class CodeTold(BaseModel):
    """A program and command lines that give a mask again."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "python": "import anymask\n…\nmask = masks[2]\n",
                    "command": "anymask segment cat.png --point=200,150 -o mask.png\n",
                    "files": [{"name": "cat.png.mended.png", "what": "the mask…", "png": None}],
                }
            ]
        }
    )

    python: str
    command: str
    files: list[CodeFileTold]


class ReadObject(BaseModel):
    """A mask from a file."""

    name: str
    rle: RunLengths
    score: float | None


class MasksRead(BaseModel):
    """The masks of a file, and what could not be read."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "objects": [
                        {"name": "cat", "rle": {"size": [2, 3], "counts": "132"}, "score": 0.93}
                    ],
                    "notes": [],
                }
            ]
        }
    )

    objects: list[ReadObject]
    notes: list[str]


def results_routes() -> APIRouter:
    """Give the routes of results."""
    router = APIRouter(route_class=StrictRoute)
    router.include_router(cutout_routes())
    router.include_router(export_routes())

    @router.post("/api/pictures/{id}/code")
    async def give_code(request: Request, id: PictureId, asked: CodeQuestion) -> CodeTold:  # noqa: A002
        """Give a program and command lines that make a mask again, run beside the picture."""
        serving = serving_of(request)
        entry = serving.shelf.entry(id)
        codes = SourceCodes(serving, entry)
        code = await while_connected(request, codes.code(asked.source))
        work = serving.desk.run(lambda: _code_told(code), Urgency.RESULT)
        return await while_connected(request, work)

    @router.post("/api/pictures/{id}/mask-file", openapi_extra={"requestBody": _masks_body()})
    async def read_mask_file(
        request: Request,
        id: PictureId,  # noqa: A002
        name: Annotated[
            str, Query(max_length=1000, description="The file's name.", examples=["cat.mask.png"])
        ] = "masks",
    ) -> MasksRead:
        """Read masks: a mask or label PNG of the picture's size, COCO, SA-1B or labelme JSON."""
        serving = serving_of(request)
        entry = serving.shelf.entry(id)
        data = await read_bytes(request)
        picture_name, size_hw = name_of(entry), entry.picture.size_hw
        work = serving.desk.run(
            lambda: read_masks(data, bare_name(name), picture_name, size_hw), Urgency.RESULT
        )
        return _masks_told(await while_connected(request, work))

    return router


def _code_told(code: MaskCode) -> CodeTold:
    files = []
    for file in code.files:
        png = file.png()
        packed = None if png is None else base64.b64encode(png).decode("ascii")
        files.append(CodeFileTold(name=file.name, what=file.what, png=packed))
    return CodeTold(python=code.python, command=code.command, files=files)


def _masks_told(read: ReadMasks) -> MasksRead:
    objects = [
        ReadObject(
            name=whole_letters(one.label),
            rle=RunLengths(size=list(one.rle["size"]), counts=one.rle["counts"]),
            score=one.score,
        )
        for one in read.objects
    ]
    return MasksRead(objects=objects, notes=list(read.notes))


def _masks_body() -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"}
    content = {
        kind: {"schema": schema, "example": "the bytes of the file"}
        for kind in ("image/png", "application/octet-stream")
    }
    return {"required": True, "content": content}

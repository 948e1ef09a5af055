"""Points, boxes and rough masks become masks."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from anymask.masks.mask import Mask, Masks
from anymask.serve.bodies import Body, PictureId, RunLengths, Steps, StrictRoute
from anymask.serve.chains import Chain, answer_chain
from anymask.serve.desk import Urgency
from anymask.serve.serving import Serving, embedded_at_once, serving_of, while_connected
from anymask.serve.shelf import Entry


class MasksAsked(Body):
    """A question about one object.

    Attributes:
        request: A number that the answer repeats.
        purpose: "click", or "hover" for a preview that a newer one makes needless.
        steps: The questions so far, the last one last.
        mask: What the first of them starts from.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request": 17,
                    "purpose": "click",
                    "steps": [
                        {"points": [[200, 150]], "labels": [1], "number": 2},
                        {"points": [[200, 150], [90, 40]], "labels": [1, 0], "multimask": False},
                    ],
                }
            ]
        }
    )

    request: Annotated[int, Field(ge=0, le=2**53)] = 0
    purpose: Literal["hover", "click"] = "click"
    steps: Steps
    mask: RunLengths | None = None


class MaskTold(BaseModel):
    """One mask."""

    number: int
    score: float
    area: int
    box: list[int]
    rle: RunLengths


class MasksTold(BaseModel):
    """The answer to a question: its masks in the model's order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request": 17,
                    "masks": [
                        {
                            "number": 0,
                            "score": 0.93,
                            "area": 2,
                            "box": [0, 1, 2, 2],
                            "rle": {"size": [2, 3], "counts": "1112"},
                        }
                    ],
                    "best": 0,
                    "warnings": [],
                }
            ]
        }
    )

    request: int
    masks: list[MaskTold]
    best: int
    warnings: list[str]


def mask_routes() -> APIRouter:
    """Give the routes of masks."""
    router = APIRouter(route_class=StrictRoute)

    @router.post("/api/pictures/{id}/masks")
    async def ask_for_masks(request: Request, id: PictureId, asked: MasksAsked) -> MasksTold:  # noqa: A002
        """Ask for the masks of one object.

        The answer of each step, its mask `number`, goes into the next one; the last step's masks
        are the answer. Of the hovers over a picture only the newest is answered.
        """
        serving = serving_of(request)
        entry = serving.shelf.entry(id)
        return await while_connected(request, _answer(serving, entry, asked))

    return router


async def _answer(serving: Serving, entry: Entry, asked: MasksAsked) -> MasksTold:
    is_hover = asked.purpose == "hover"
    urgency = Urgency.HOVER if is_hover else Urgency.CLICK
    chain = Chain(steps=asked.steps, mask=asked.mask, is_preview=is_hover)

    def work() -> MasksTold:
        embedding = embedded_at_once(serving, entry)
        masks = answer_chain(serving.model, embedding, entry.answers, chain)
        wants_all = not is_hover or asked.steps[-1].multimask is True
        told = _told(masks, asked.request, wants_all=wants_all)
        serving.shelf.make_room()
        return told

    newest_of = ("hover", entry.id) if is_hover else None
    return await serving.desk.run(work, urgency, newest_of=newest_of)


def _told(masks: Masks, request: int, *, wants_all: bool) -> MasksTold:
    best = masks.best
    numbers = [number for number, mask in enumerate(masks) if wants_all or mask is best]
    return MasksTold(
        request=request,
        masks=[_mask_told(number, masks[number]) for number in numbers],
        best=next(place for place, number in enumerate(numbers) if masks[number] is best),
        warnings=list(masks.warnings),
    )


def _mask_told(number: int, mask: Mask) -> MaskTold:
    coded = mask.rle
    return MaskTold(
        number=number,
        score=mask.score,
        area=mask.area,
        box=list(mask.box),
        rle=RunLengths(size=list(coded["size"]), counts=coded["counts"]),
    )

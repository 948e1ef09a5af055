"""All masks of a picture, told as they are found; and why there is none somewhere."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from anymask.everything.candidate_masks import CandidateMasks
from anymask.everything.explain import Explanation, Verdict, explain, reason
from anymask.everything.fate import Filter
from anymask.everything.overrides import with_options
from anymask.masks import rle
from anymask.serve.answers import JSON_LINES, Refusal, lines
from anymask.serve.bodies import PictureId, RunLengths, StrictRoute
from anymask.serve.candidate_stream import EverythingRun
from anymask.serve.desk import Urgency
from anymask.serve.result_bodies import CandidatesQuestion, EverythingQuestion, ExplainQuestion
from anymask.serve.serving import Serving, embedded, serving_of, while_connected
from anymask.serve.shelf import Entry

_log = logging.getLogger(__name__)

# What of a candidate decides, where two numbers say it.
_SHORT: Final = MappingProxyType(
    {
        Filter.PRED_IOU: ("{:.2f}", "score"),
        Filter.STABILITY: ("{:.2f}", "stability"),
        Filter.MIN_AREA: ("{:,.0f}", "pixels"),
    }
)
_LINES: Final = (
    '{"done":64,"total":1024,"seconds_left":3.2,"rows":[[0,0.91,0.96,12,8,90,77,4310,14.1,9.4,1]],'
    '"codes":{"0":"…"}}\n{"finished":true,"cancelled":false,"num_candidates":3072}\n'
)


class CodesTold(BaseModel):
    """Masks of candidates: compressed run lengths by number."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"codes": {"17": "132"}}]})

    codes: dict[str, str]


class CandidateTold(BaseModel):
    """A candidate that covers the pixel."""

    number: int
    iou: float
    stability: float
    area: int
    box: list[int]
    rle: RunLengths


class ExplanationTold(BaseModel):
    """Why there is no mask at a pixel."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "sentence": "Nothing here: 3 candidates, best 0.81 < 0.88 score",
                    "filter": "pred_iou_thresh",
                    "candidates": 3,
                    "best": {
                        "number": 17,
                        "iou": 0.81,
                        "stability": 0.97,
                        "area": 3,
                        "box": [0, 0, 2, 2],
                        "rle": {"size": [2, 3], "counts": "132"},
                    },
                    "nearest_point": [118.5, 82.1],
                }
            ]
        }
    )

    sentence: str
    filter: str | None
    candidates: int
    best: CandidateTold | None
    nearest_point: list[float] | None


def everything_routes() -> APIRouter:
    """Give the routes of everything mode."""
    router = APIRouter(route_class=StrictRoute)

    @router.post(
        "/api/pictures/{id}/everything",
        response_class=StreamingResponse,
        responses={200: _stream_answer()},
    )
    async def find_everything(
        request: Request,
        id: PictureId,  # noqa: A002
        asked: EverythingQuestion,
    ) -> StreamingResponse:
        """Find all masks of a picture, told batch by batch; who goes away ends it.

        A row is a candidate: number, predicted IoU, stability score, box x0, y0, x1, y1, area, x
        and y of its point, and which of the point's three masks it is. "codes" holds the masks
        that are likely to be shown; the others are given when they are asked for.
        """
        serving = serving_of(request)
        entry = serving.shelf.entry(id)
        side = asked.checked()
        embedding = await while_connected(request, embedded(serving, entry))
        run = EverythingRun(serving.model.loaded, embedding, side)
        place = serving.desk.lengthy_place()
        job = asyncio.ensure_future(serving.desk.lengthy(lambda: _work(serving, entry, run)))
        # Where too many wait, that is known with the job's first step.
        await asyncio.sleep(0)
        if job.done():
            await job
        return lines(_told(request, run, job, place))

    @router.post("/api/pictures/{id}/candidates")
    async def give_candidates(
        request: Request,
        id: PictureId,  # noqa: A002
        asked: CandidatesQuestion,
    ) -> CodesTold:
        """Give the masks of some candidates of the last run."""
        codes = found_of(serving_of(request).shelf.entry(id)).candidates.codes
        for number in asked.numbers:
            if number >= len(codes):
                raise no_candidate(number, len(codes))
        return CodesTold(codes={str(number): codes[number] for number in asked.numbers})

    @router.post("/api/pictures/{id}/explain")
    async def explain_point(
        request: Request,
        id: PictureId,  # noqa: A002
        asked: ExplainQuestion,
    ) -> ExplanationTold:
        """Say which candidates cover a pixel, and what removed the best of them."""
        serving = serving_of(request)
        found = found_of(serving.shelf.entry(id))
        x, y = asked.point
        work = serving.desk.run(lambda: _explained(found, (x, y), asked.settings), Urgency.CLICK)
        return await while_connected(request, work)

    return router


def found_of(entry: Entry) -> CandidateMasks:
    """Give what everything mode found on a picture so far.

    Args:
        entry: The picture.

    Raises:
        Refusal: If it has not run, or what it found had to go.
    """
    if not isinstance(entry.candidates, EverythingRun):
        raise Refusal(
            404,
            "not_found",
            "nothing was looked for on this picture yet",
            hint="run Everything first",
        )
    return entry.candidates.found()


def no_candidate(number: int, count: int) -> Refusal:
    """Give the refusal of a candidate that does not exist.

    Args:
        number: Which one was asked for.
        count: How many there are.
    """
    return Refusal(
        422, "wrong_request", f"candidate {number} of {count}", hint="count from 0, or run it again"
    )


def _work(serving: Serving, entry: Entry, run: EverythingRun) -> None:
    """Do a run in its thread; what it finds is kept from the first batch on."""
    entry.candidates = run
    try:
        run.work()
    finally:
        entry.candidate_bytes = run.num_bytes
        serving.shelf.make_room()
        if not run.is_whole:
            height, width = entry.picture.size_hw
            _log.info("everything on a picture of %d×%d ended early", width, height)


async def _told(
    request: Request, run: EverythingRun, job: asyncio.Future[None], place: int
) -> AsyncIterator[Mapping[str, Any]]:
    gone = asyncio.ensure_future(_stop_when_gone(request, run))
    try:
        if place:
            yield {"place": place}
        async for line in run.lines(job):
            yield line
    finally:
        run.stop()
        gone.cancel()
        # If it waits it is dropped; if it runs it ends with its batch and keeps what it found.
        job.cancel()


async def _stop_when_gone(request: Request, run: EverythingRun) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    run.stop()


def _explained(
    found: CandidateMasks, point: tuple[float, float], settings: Mapping[str, object]
) -> ExplanationTold:
    told = explain(found.candidates, with_options(found.settings, settings), point)
    best = told.verdicts[0] if told.verdicts else None
    reasons = None if best is None else best.fate.filter
    return ExplanationTold(
        sentence=_sentence(told),
        filter=None if reasons is None else reasons.value,
        candidates=len(told.verdicts),
        best=None if best is None else _candidate_told(found, best),
        nearest_point=None if told.nearest_point is None else list(told.nearest_point),
    )


def _sentence(told: Explanation) -> str:
    """Say it briefly: "Nothing here: 3 candidates, best 0.81 < 0.88 score"."""
    best = told.verdicts[0] if told.verdicts else None
    if best is None or best.fate.filter is None:
        sentence = told.sentence()
        return sentence[:1].upper() + sentence[1:]
    count = f"{len(told.verdicts)} candidate{'' if len(told.verdicts) == 1 else 's'}"
    if best.fate.filter not in _SHORT:
        return f"Nothing here: {count}, the best {reason(best.fate)}"
    form, what = _SHORT[best.fate.filter]
    value, threshold = form.format(best.fate.value), form.format(best.fate.threshold)
    if value == threshold:
        value, threshold = f"{best.fate.value:.5g}", f"{best.fate.threshold:.5g}"
    # A score that is just the threshold does not pass, a stability that is does.
    sign = "<" if best.fate.value < best.fate.threshold else "≤"
    return f"Nothing here: {count}, best {value} {sign} {threshold} {what}"


def _candidate_told(found: CandidateMasks, best: Verdict) -> CandidateTold:
    size = list(found.candidates.size_hw)
    code: rle.RLE = {"size": size, "counts": found.candidates.codes[best.number]}
    return CandidateTold(
        number=best.number,
        iou=best.predicted_iou,
        stability=best.stability_score,
        area=best.area,
        box=list(best.box),
        rle=RunLengths(size=code["size"], counts=code["counts"]),
    )


def _stream_answer() -> dict[str, Any]:
    content = {JSON_LINES: {"schema": {"type": "string"}, "example": _LINES}}
    return {"description": "One JSON object a line.", "content": content}

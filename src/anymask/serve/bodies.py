"""What requests carry: read within limits, and strictly."""

import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from anymask.serve.answers import Refusal

_MOST_STEPS: Final = 256
_MOST_POINTS: Final = 1024
# No object that anybody sends has so many names.
_MOST_NAMES: Final = 100
_MOST_LETTERS: Final = 32 << 20
_JSON_HINT: Final = "send one JSON object as in /openapi.json"

Number = Annotated[float, Field(allow_inf_nan=False)]
PointXY = Annotated[list[Number], Field(min_length=2, max_length=2)]
BoxXYXY = Annotated[list[Number], Field(min_length=4, max_length=4)]

PictureId = Annotated[
    str,
    Path(
        description="The id that sending the picture gave.",
        examples=["0f3b2a9c4d5e6f708192a3b4c5d6e7f8"],
        max_length=64,
    ),
]


class Body(BaseModel):
    """A JSON body: nothing but what is named, and of the type that is named."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class RunLengths(Body):
    """A mask as a COCO run-length code, of the picture's own size."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"size": [2, 3], "counts": "132"}]})

    size: Annotated[
        list[Annotated[int, Field(ge=0, le=1 << 30)]], Field(min_length=2, max_length=2)
    ]
    # Bounded, for only then it is made sure that each letter is a whole one.
    counts: Annotated[str, Field(max_length=_MOST_LETTERS)]


class Step(Body):
    """One question about an object: points, a box, or both, in pixels of the upright picture.

    Attributes:
        points: (x, y) pairs.
        labels: 1 (the object is here) or 0 (it is not) for each point.
        box: x0, y0, x1, y1.
        multimask: Three masks or one; None for three where one lone point is all there is.
        number: Which mask of this step's answer the next step goes on from.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"points": [[200, 150]], "labels": [1], "number": 2}]}
    )

    points: Annotated[list[PointXY], Field(max_length=_MOST_POINTS)] = Field(default_factory=list)
    labels: Annotated[list[Literal[0, 1]], Field(max_length=_MOST_POINTS)] = Field(
        default_factory=list
    )
    box: BoxXYXY | None = None
    multimask: bool | None = None
    number: Annotated[int, Field(ge=0, le=2)] = 0


Steps = Annotated[list[Step], Field(min_length=1, max_length=_MOST_STEPS)]


class StrictRequest(Request):
    """A request whose JSON means one thing only."""

    async def json(self) -> Any:  # noqa: ANN401 - any JSON
        """Give the body, refusing NaN, the same key twice, and what has no end."""
        return read_json(await self.body())


class StrictRoute(APIRoute):
    """A route that reads its JSON strictly, and no body that is not sent as JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give what answers requests."""
        handle = super().get_route_handler()
        takes_json = self.body_field is not None

        async def handle_strictly(request: Request) -> Response:
            if takes_json:
                _check_is_json(request)
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly


def read_json(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Read JSON that means the same to everybody.

    Args:
        body: The bytes as they came.

    Returns:
        What they say.

    Raises:
        Refusal: 400 if they are no JSON, nest too deep, hold a number that is none, or an object
            that has the same name twice or more names than any needs.
    """
    try:
        return json.loads(body, parse_constant=_refuse_constant, object_pairs_hook=_without_doubles)
    except RecursionError as error:
        raise _broken("the JSON nests too deep") from error
    except json.JSONDecodeError as error:
        raise _broken(f"the JSON breaks off or is wrong at letter {error.pos}") from error
    except UnicodeDecodeError as error:
        raise _broken("the JSON is not UTF-8") from error
    except ValueError as error:  # whole numbers of thousands of digits
        raise _broken("the JSON holds a number that is too long") from error


async def read_bytes(request: Request) -> bytes:
    """Give a body that is a file.

    Args:
        request: The request; how long it may be was settled before.

    Returns:
        The bytes.

    Raises:
        Refusal: 400 if there are none.
    """
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise Refusal(499, "client_gone", "the client has left") from error
    if not body:
        raise Refusal(400, "wrong_request", "the body is empty (0 bytes)", hint="send the file")
    return body


def _check_is_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(
            415,
            "wrong_type",
            f"the body is sent as {kind[:60] or 'nothing'}, not as JSON",
            hint="send it as application/json",
        )


def _refuse_constant(word: str) -> float:
    raise _broken(f"the JSON holds {word}, which is no number")


def _without_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    # Before anything that takes longer the more there are.
    if len(pairs) > _MOST_NAMES:
        raise _broken(f"the JSON has an object with {len(pairs):,} names")
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise _broken(f"the JSON has {double[:40]!r} twice")
    return found


def _broken(message: str) -> Refusal:
    return Refusal(400, "wrong_request", message, hint=_JSON_HINT)

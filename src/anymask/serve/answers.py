"""What the server answers where something is wrong: one shape, one sentence, for every failure."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from types import MappingProxyType
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from anymask.errors import (
    AnymaskError,
    ConfigError,
    DataError,
    ImageError,
    InputError,
    MissingExtra,
    PromptError,
    StateError,
    TooManyPixels,
    UnknownFormat,
)

_log = logging.getLogger(__name__)

JSON_LINES: Final = "application/x-ndjson"
_RETRY_SECONDS: Final = 2

# Which kind of our own errors is which answer; the first that fits.
_KINDS: Final = (
    (TooManyPixels, 413, "too_many_pixels"),
    (UnknownFormat, 415, "not_a_picture"),
    (ImageError, 422, "broken_picture"),
    (PromptError, 422, "wrong_prompt"),
    (DataError, 422, "wrong_request"),
    (ConfigError, 422, "wrong_request"),
    (InputError, 422, "wrong_request"),
    (MissingExtra, 503, "model_failed"),
    (StateError, 503, "model_failed"),
)
# Hints of the library speak of flags; in the page there are none.
_HINTS: Final = MappingProxyType({"too_many_pixels": "choose a smaller picture or shrink this one"})


class Refusal(HTTPException):
    """A request that is not answered as it was meant.

    Args:
        status: HTTP status.
        code: What programs tell it by.
        message: One sentence without its full stop.
        hint: One remedy, without full stop, or None.
        headers: Further headers of the answer.
        place: How many others are served first, where that is the reason.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
        place: int | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers) if headers else None)
        self.code = code
        self.message = message
        self.hint = hint
        self.place = place

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.status_code

    def error(self) -> dict[str, object]:
        """Give code, message and hint, and the place in the queue where there is one."""
        told: dict[str, object] = {"code": self.code, "message": self.message, "hint": self.hint}
        return told if self.place is None else {**told, "place": self.place}


def refusal_of(error: Exception) -> Refusal:
    """Say what a failure is to the one who asked.

    Args:
        error: Anything that was raised.

    Returns:
        The refusal; for what is no error of ours a sentence without details.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, AnymaskError):
        for kind, status, code in _KINDS:
            if isinstance(error, kind):
                return Refusal(status, code, error.message, hint=_HINTS.get(code, error.hint))
        return Refusal(503, "model_failed", error.message, hint=error.hint)
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _of_http(error)
    if is_out_of_memory(error):
        return Refusal(
            503,
            "out_of_memory",
            "the memory was not enough for this",
            hint="use a smaller picture or a coarser grid",
        )
    return Refusal(
        503, "model_failed", "the model could not work this out", hint="try once more, or restart"
    )


def error_of(error: Exception) -> dict[str, object]:
    """Give code, message and hint of a failure, for the last line of a stream."""
    return refusal_of(error).error()


def busy(place: int) -> Refusal:
    """Give the refusal of what cannot even wait, as so many wait already."""
    return Refusal(
        429,
        "busy",
        f"{place} others are waiting",
        hint="try again in a moment",
        headers={"Retry-After": str(_RETRY_SECONDS)},
        place=place,
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that there was not enough memory, here or on the device."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and ("out of memory" in text or "allocate memory" in text or "not enough memory" in text)
    )


def note_trouble(what: str, error: BaseException) -> None:
    """Write one line about a failure that is nobody's wrong request; nothing of the picture."""
    _log.error("%s: %s", what, type(error).__name__)


def answer_of(error: Exception) -> JSONResponse:
    """Give the answer to a request that failed."""
    refusal = refusal_of(error)
    headers = dict(refusal.headers or {})
    return JSONResponse({"ok": False, "error": refusal.error()}, refusal.status, headers)


def lines(source: AsyncIterator[Mapping[str, object]]) -> StreamingResponse:
    """Give an answer that grows: one JSON object a line.

    Args:
        source: The objects. If it fails, the last line is {"stage": "failed", "error": {…}}. It is
            closed when the client goes.

    Returns:
        The response.
    """

    async def told() -> AsyncIterator[bytes]:
        try:
            async for one in source:
                yield _line(one)
        except Exception as error:  # noqa: BLE001 - the answer has begun, so it must end as one
            if not isinstance(error, AnymaskError | Refusal):
                note_trouble("an answer broke off", error)
            yield _line({"stage": "failed", "error": error_of(error)})
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    return StreamingResponse(told(), media_type=JSON_LINES)


def _line(one: Mapping[str, object]) -> bytes:
    text = json.dumps(one, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"


def handle_failures(app: FastAPI) -> None:
    """Make every failure of an app answer in our shape."""

    async def told(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
        return answer_of(error)

    for kind in (AnymaskError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, told)


def _of_http(error: HTTPException) -> Refusal:
    """Put what the framework refuses by itself into our words."""
    if error.status_code == 404:
        return Refusal(
            404, "not_found", "there is nothing at this address", hint="check its spelling"
        )
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        hint = f"use {allowed}" if allowed else "use another method"
        return Refusal(
            405, "method", "this address has no such method", hint=hint, headers=error.headers
        )
    return Refusal(
        error.status_code, "wrong_request", "the request cannot be read", hint="send it again"
    )


def _invalid(error: RequestValidationError) -> Refusal:
    """Name the first field that is wrong, where it stands and why."""
    first = error.errors()[0]
    where, *path = first["loc"]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    place = place.lstrip(".")[:100] or ("the body" if where == "body" else str(where))
    reason = str(first["msg"])[:200]
    return Refusal(
        422,
        "wrong_request",
        f"{place}: {reason[:1].lower()}{reason[1:]}",
        hint="see the example in /openapi.json",
    )

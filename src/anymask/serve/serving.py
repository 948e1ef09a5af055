"""What all routes share: the model, the pictures that are kept, and who is served next."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from fastapi import Request

from anymask.api import Model
from anymask.predict.embedding import ImageEmbedding
from anymask.serve.answers import Refusal
from anymask.serve.desk import Desk, Urgency
from anymask.serve.settings import ServeSettings
from anymask.serve.shelf import Entry, Shelf

T = TypeVar("T")

_log = logging.getLogger(__name__)

# What an encoding is said to take before the first one was timed.
_FIRST_GUESS_SECONDS: Final = 1.0


@dataclass(slots=True)
class Pace:
    """How long encoding a picture takes here.

    Attributes:
        encode_seconds: Of the last one.
    """

    encode_seconds: float = _FIRST_GUESS_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One running server.

    Attributes:
        model: What answers.
        shelf: The pictures.
        desk: Who is served next.
        settings: What it was told at the start.
        start: Names this start, so that a page notices another one.
        pace: How fast it is.
    """

    model: Model
    shelf: Shelf
    desk: Desk
    settings: ServeSettings
    start: str
    pace: Pace = field(default_factory=Pace)


def serving_of(request: Request) -> Serving:
    """Give the server that a request came to."""
    serving: Serving = request.app.state.serving
    return serving


async def embedded(
    serving: Serving, entry: Entry, urgency: Urgency = Urgency.ENCODE
) -> ImageEmbedding:
    """Give what the model makes of a picture, encoding it if that was not done yet.

    Args:
        serving: The server.
        entry: The picture.
        urgency: Why it is wanted.

    Returns:
        The embedding, which the entry keeps.

    Raises:
        Refusal: If it cannot be worked out, or too many wait.
    """
    if entry.embedding is not None:
        return entry.embedding
    return await serving.desk.run(lambda: embedded_at_once(serving, entry), urgency)


def embedded_at_once(serving: Serving, entry: Entry) -> ImageEmbedding:
    """Give what the model makes of a picture; for work at the desk, as it may take long.

    Args:
        serving: The server.
        entry: The picture.

    Returns:
        The embedding, which the entry keeps.
    """
    if entry.embedding is not None:
        return entry.embedding
    began = time.perf_counter()
    embedding = entry.keep_embedding(serving.model.embed(entry.picture))
    serving.pace.encode_seconds = time.perf_counter() - began
    serving.shelf.make_room()
    return embedding


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Wait for work as long as the one who asked is there; then it is cancelled.

    Args:
        request: The request, whose body has been read.
        work: What is waited for.

    Returns:
        What it gave.

    Raises:
        Refusal: If the client went first; nobody will read it.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        _log.info("a client left while it waited")
        raise Refusal(499, "client_gone", "the client has left")
    finally:
        task.cancel()
        gone.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

"""The app: the model behind the guard, and the routes."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from anymask import __version__
from anymask.api import Model
from anymask.serve.answers import handle_failures
from anymask.serve.desk import Desk
from anymask.serve.guard import Guard
from anymask.serve.routes_everything import everything_routes
from anymask.serve.routes_masks import mask_routes
from anymask.serve.routes_page import page_routes, server_routes
from anymask.serve.routes_pictures import picture_routes
from anymask.serve.routes_results import results_routes
from anymask.serve.serving import Serving, embedded, serving_of
from anymask.serve.settings import ServeSettings
from anymask.serve.shelf import Shelf

__all__ = ["Serving", "embedded", "make_app", "serving_of"]


class Failure(BaseModel):
    """What is wrong: a code for programs, a sentence and a remedy for people."""

    code: str
    message: str
    hint: str | None


class Failed(BaseModel):
    """The answer to every request that failed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ok": False,
                    "error": {
                        "code": "unknown_picture",
                        "message": "no picture has this id",
                        "hint": "send it first",
                    },
                }
            ]
        }
    )

    ok: bool
    error: Failure


_FAILURES: Final = (
    ("4XX", "The request cannot be answered as it is."),
    ("5XX", "The server could not do it."),
)


def make_app(model: Model, settings: ServeSettings) -> FastAPI:
    """Make the server of the page.

    Args:
        model: What answers.
        settings: Where it is reached, by whom, and how much it takes.

    Returns:
        The app; `app.state.serving` holds what its routes share.
    """
    serving = Serving(
        model=model,
        shelf=Shelf(settings.memory_bytes),
        desk=Desk(),
        settings=settings,
        start=secrets.token_hex(8),
    )
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": Failed, "description": text} for status, text in _FAILURES
    }
    app = FastAPI(
        title="anymask",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=responses,
        lifespan=_lifespan,
        # Nothing about what happens here is told to anybody, whatever the environment wishes.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.serving = serving
    app.router.routes.extend(page_routes())
    for routes in (
        server_routes,
        picture_routes,
        mask_routes,
        everything_routes,
        results_routes,
    ):
        app.include_router(routes())
    handle_failures(app)
    app.add_middleware(Guard, settings=settings, start=serving.start)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    serving: Serving = app.state.serving
    yield
    serving.desk.close()
    serving.shelf.forget_all()

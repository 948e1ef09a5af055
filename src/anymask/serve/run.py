"""The page, running: from a socket that is open to Ctrl-C."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

import uvicorn

from anymask.api import Model
from anymask.serve.app import make_app
from anymask.serve.connection import Connection
from anymask.serve.listening import listen, url_of
from anymask.serve.settings import ServeSettings

# How long answers that are under way may take after Ctrl-C.
_GRACE_SECONDS: Final = 1
_KEEP_ALIVE_SECONDS: Final = 30


class _Announcing(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def serve(
    model: Model,
    settings: ServeSettings,
    *,
    on_ready: Callable[[str], None],
    listening: socket.socket | None = None,
) -> None:
    """Serve the page until the program is interrupted.

    Args:
        model: What answers.
        settings: Where, for whom, and how much.
        on_ready: Called with the page's address, the token in it, once it answers.
        listening: The socket; opened by the settings' host and port if left out.

    Raises:
        ConfigError: If it must be opened and the port is taken or the host is none of ours.
    """
    with listening or listen(settings.host, settings.port) as opened:
        config = uvicorn.Config(
            make_app(model, settings),
            http=Connection,
            ws="none",
            log_config=None,
            # The rooms of the page log their own trouble; what would come from here are traces of
            # clients that left.
            log_level="critical",
            access_log=False,
            server_header=False,
            # Nobody stands in front of us: who claims to is not believed.
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        fragment = f"#token={settings.token}" if settings.token else ""
        url = url_of(settings.host, opened.getsockname()[1]) + fragment
        server = _Announcing(config, lambda: on_ready(url))
        asyncio.run(server.serve([opened]))

"""The default model behind the page's server, asked without a socket."""

import pytest
from starlette.testclient import TestClient

import anymask
from anymask.serve.app import make_app
from anymask.serve.settings import ServeSettings
from tests.unit.serve.asking import send

ADDRESS = "http://127.0.0.1:8765"
HERE = ("127.0.0.1", 50_000)


@pytest.fixture(scope="session")
def model():
    """The default model."""
    return anymask.load()


@pytest.fixture(scope="session")
def open_page(model):
    """Gives a client of a server of its own; the settings are its keywords."""
    opened = []

    def made(*, address=ADDRESS, of=model, **settings):
        client = TestClient(make_app(of, ServeSettings(**settings)), base_url=address, client=HERE)
        opened.append(client.__enter__())
        return client

    yield made
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def page(open_page):
    """A client of a server with the usual settings, one a file of tests."""
    return open_page()


@pytest.fixture(scope="module")
def cat(page, photos):
    """Id of the cat's picture, 451 × 300 pixels, encoded."""
    return send(page, (photos / "chelsea.png").read_bytes(), "cat.png")["id"]

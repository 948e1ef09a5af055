"""A server for all tests of this folder, and for each a page on which nothing may go wrong."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.serving import CHROMIUM_FLAGS, Serving, chromium_path, serving
from tests.browser.visitor import Visitor


def pytest_collection_modifyitems(items):
    """Mark every test of this folder, and skip all where there is no browser."""
    absent = pytest.mark.skip(
        reason="there is no Chromium; scripts/install_browser.sh says how to get one"
    )
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            if chromium_path() is None:
                item.add_marker(absent)


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Serving]:
    """`anymask serve` with the default model."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    """Chromium, shut off from everything but this computer.

    Closed after each file: while it is open its event loop stands in the way of others in this
    process.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=list(CHROMIUM_FLAGS)
        )
        yield browser
        browser.close()


class Watch:
    """What goes wrong on a page, whoever causes it."""

    def __init__(self) -> None:
        self.troubles: list[str] = []
        self.expected: list[str] = []

    def expect(self, pattern: str) -> None:
        """Let troubles that this pattern describes pass: the test causes them itself."""
        self.expected.append(pattern)

    def hear(self, message) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"console {message.type}: {message.text} ({message.location})")

    def see_request(self, request, origin: str) -> None:
        if not request.url.startswith((f"{origin}/", "blob:", "data:")):
            self.troubles.append(f"a request to another place: {request.url}")

    def unexpected(self) -> list[str]:
        return [
            trouble
            for trouble in self.troubles
            if not any(re.search(pattern, trouble) for pattern in self.expected)
        ]


@pytest.fixture
def watch() -> Watch:
    """What went wrong on the test's pages; a test may expect some of it."""
    return Watch()


@pytest.fixture
def open_page(browser, watch):
    """Open a page in a profile of its own; at the end nothing may have gone wrong on it."""
    contexts = []

    def open_one(server: Serving, **options) -> Visitor:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "base_url": server.origin} | options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", watch.hear)
        page.on("pageerror", lambda error: watch.troubles.append(f"page error: {error}"))
        page.on("request", lambda request: watch.see_request(request, server.origin))
        return Visitor(page, server)

    yield open_one
    for context in contexts:
        context.close()
    assert watch.unexpected() == []


@pytest.fixture
def visitor(open_page, server) -> Visitor:
    """A person with a fresh profile, at a window of 1280 × 800."""
    return open_page(server)

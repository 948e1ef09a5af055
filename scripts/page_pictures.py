"""Take the pictures of the web page that README and docs show, in a real browser."""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

# The tests' hands and eyes serve here too.
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browser.serving import CHROMIUM_FLAGS, Serving, chromium_path, serving
from tests.browser.visitor import Visitor

TARGET = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    """Start the server, visit it twice, write two pictures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=list(CHROMIUM_FLAGS)
        )
        pointing(visit(browser, server, "light"))
        everything(visit(browser, server, "dark"))
        browser.close()


def visit(browser: Browser, server: Serving, theme: str) -> Visitor:
    """Come to the page as somebody who was never there."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    return Visitor(page, server)


def pointing(visitor: Visitor) -> None:
    """A cup on its saucer: the saucer is kept, the coffee clicked, and one more point looked at."""
    visitor.open("coffee")
    visitor.press("b")
    visitor.drag((85, 15), (500, 395))
    visitor.some_mask()
    visitor.press("Enter")
    visitor.expect_objects(1)
    visitor.press("h")
    visitor.click(300, 160)
    before = visitor.some_mask()
    visitor.click(230, 300, key="Shift")
    visitor.changed(before)
    visitor.hover(400, 130)
    visitor.page.wait_for_timeout(1500)
    take(visitor, "page.jpg")


def everything(visitor: Visitor) -> None:
    """Old coins: all of them found, the pointer over one."""
    visitor.open("coins")
    visitor.press("e")
    visitor.get("run").click()
    visitor.page.wait_for_function(
        "() => !document.querySelector('[data-testid=cutout-all]').disabled"
        " && document.querySelector('[data-testid=run]').offsetParent",
        timeout=120_000,
    )
    visitor.get("preset-objects").click()
    visitor.hover(250, 190)
    visitor.page.wait_for_timeout(1500)
    take(visitor, "page-everything.jpg")


def take(visitor: Visitor, name: str) -> None:
    """Write what is to be seen."""
    with Image.open(io.BytesIO(visitor.page.screenshot())) as picture:
        picture.convert("RGB").save(TARGET / name, quality=88, optimize=True)


if __name__ == "__main__":
    main()

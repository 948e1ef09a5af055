"""What a person does on the page, in pixels of the picture."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Download, Locator, Page, expect

from tests.browser.serving import Serving

# A slow machine may take its time; what it must not do is never answer.
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)

# Where the picture lies: the stage tells its scale and corner, the canvas where the stage is.
LIES = """() => {
  const stage = document.querySelector('[data-testid=stage]').dataset
  const seen = document.querySelector('[data-testid=picture-canvas]').getBoundingClientRect()
  const [scale, x, y] = [stage.scale, stage.x, stage.y].map(Number)
  return { scale, x, y, left: seen.left + x, top: seen.top + y }
}"""
# How opaque the mask's canvas is at places on the screen, 0 to 255 each.
OPACITIES = """(places) => {
  const mask = document.querySelector('[data-testid=mask-canvas]')
  const seen = mask.getBoundingClientRect()
  const copy = document.createElement('canvas')
  Object.assign(copy, { width: mask.width, height: mask.height })
  const context = copy.getContext('2d', { willReadFrequently: true })
  context.drawImage(mask, 0, 0)
  const { data } = context.getImageData(0, 0, mask.width, mask.height)
  const across = mask.width / seen.width, down = mask.height / seen.height
  return places.map(([x, y]) => {
    const column = Math.floor((x - seen.left) * across), row = Math.floor((y - seen.top) * down)
    return data[4 * (row * mask.width + column) + 3]
  })
}"""


class Visitor:
    """A person at the page."""

    def __init__(self, page: Page, server: Serving) -> None:
        self.page = page
        self.server = server
        page.set_default_timeout(PATIENCE_MS)
        # Heard from the start: a key is quicker than the browser learns that somebody listens.
        page.on("filechooser", lambda _: None)

    def get(self, testid: str) -> Locator:
        """The part of the page that has this name."""
        return self.page.get_by_test_id(testid)

    # --- pictures ---

    def open(self, photo: str | None = "chelsea") -> "Visitor":
        """Come to the page, with one of the gallery's photos or none, and wait until it is read."""
        asked = f"?image={self.server.gallery_id(photo)}" if photo else ""
        self.page.goto(f"{self.server.origin}/{asked}")
        expect(self.get("upload")).to_be_visible()
        return self.ready() if photo else self

    def upload(self, path: Path, *, wait: bool = True) -> "Visitor":
        """Choose a file by the upload button."""
        with self.page.expect_file_chooser() as choosing:
            self.get("upload").click()
        choosing.value.set_files(path)
        return self.ready() if wait else self

    def ready(self) -> "Visitor":
        """Wait until the picture can be asked about."""
        expect(self.get("stage")).to_have_attribute("data-state", "ready", timeout=PATIENCE_MS)
        return self

    # --- where things are ---

    def view(self) -> dict[str, float]:
        """How the picture lies: scale, x, y on the stage; left, top on the screen."""
        return self.page.evaluate(LIES)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where the middle of a picture's pixel is on the screen."""
        return self.all_at([(x, y)])[0]

    def all_at(self, places: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        """Where the middles of many pixels are on the screen."""
        lies = self.view()
        left, top, scale = lies["left"], lies["top"], lies["scale"]
        return [(left + (x + 0.5) * scale, top + (y + 0.5) * scale) for x, y in places]

    # --- the pointer ---

    def hover(self, x: float, y: float) -> None:
        self.page.mouse.move(*self.at(x, y))

    def sweep(self, places: Iterable[tuple[float, float]]) -> None:
        """Move the pointer over many places, as fast as the browser takes it."""
        for where in self.all_at(places):
            self.page.mouse.move(*where)

    def leave(self) -> None:
        """Move the pointer to the page's header."""
        self.page.mouse.move(5, 5)

    def click(self, x: float, y: float, key: str | None = None, button: Any = "left") -> None:
        """Click on a pixel; where a mask is awaited, wait with `mask_when` or `answered`."""
        where = self.at(x, y)
        self.page.mouse.move(*where)
        if key:
            self.page.keyboard.down(key)
        self.page.mouse.click(*where, button=button)
        if key:
            self.page.keyboard.up(key)

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 6) -> None:
        self.page.mouse.move(*self.at(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(*end), steps=steps)
        self.page.mouse.up()

    # --- what is seen ---

    def mask(self) -> dict[str, Any] | None:
        """What the page says of the mask it shows; None for none."""
        text = self.get("mask-canvas").get_attribute("data-mask")
        return json.loads(text) if text and text != "null" else None

    def mask_when(self, holds: Callable[[dict[str, Any] | None], bool]) -> dict[str, Any] | None:
        """Wait until the mask that is shown is as it should be, and give it."""
        return self.wait(self.mask, holds)

    def some_mask(self) -> dict[str, Any]:
        """Wait for a mask."""
        found = self.mask_when(lambda mask: mask is not None)
        assert found is not None
        return found

    def no_mask(self) -> None:
        """Wait until no mask is shown."""
        self.mask_when(lambda mask: mask is None)

    def changed(self, before: dict[str, Any] | None) -> dict[str, Any]:
        """Wait for another mask than the one before."""
        found = self.mask_when(lambda mask: mask is not None and mask != before)
        assert found is not None
        return found

    def covers(self, x: float, y: float) -> bool:
        """Whether the mask's colour lies on the middle of a pixel."""
        return self.covered([(x, y)])[0]

    def covered(self, places: Sequence[tuple[float, float]]) -> list[bool]:
        """Whether the mask's colour lies on the middle of each of many pixels."""
        opacities = self.page.evaluate(OPACITIES, self.all_at(places))
        return [opacity > 0 for opacity in opacities]

    def wait(self, see: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
        """Look again and again until what is seen is as it should be."""
        found = None
        for _ in range(PATIENCE_MS // 50):
            found = see()
            if holds(found):
                return found
            self.page.wait_for_timeout(50)
        raise AssertionError(f"the page never came to it; the last seen is {found!r}")

    def expect_objects(self, number: int) -> None:
        """Wait until so many objects are kept."""
        expect(self.get("objects").locator("[data-object]")).to_have_count(number)

    def expect_pieces(self, number: int) -> None:
        """Wait until so many pieces lie on the tray of cut-outs, whether it is open or not."""
        expect(self.page.locator("[data-piece]")).to_have_count(number)

    def expect_candidates(self, number: int) -> None:
        """Wait until so many candidates are offered."""
        expect(self.page.locator("[data-testid^='candidate-']")).to_have_count(number)

    # --- results ---

    def export(self, form: str) -> Download:
        """Write the kept objects in a form, by the export dialog."""
        self.get("export").click()
        self.get(f"export-format-{form}").check()
        with self.page.expect_download() as waiting:
            self.get("export-download").click()
        if self.get("export-menu").is_visible():
            self.press("Escape")
        return waiting.value

    # --- keys ---

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

"""Measure the web page in a real browser and write `results/page.json`.

A person's questions, on a warm embedding of the default model: how long after the pointer moved or
the button went down is the mask on the screen? The page itself says so, by `performance.measure`
from the event to after the drawing; Chromium draws without a graphics card here.
"""

import argparse
import io
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from record import processor, write_record
from rich.console import Console

from anymask.image.photos import photo_path

# The tests' hands and eyes serve here too.
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browser.serving import CHROMIUM_FLAGS, Serving, chromium_path, serving
from tests.browser.visitor import Visitor

COLUMNS = ["the page, default model", "median", "95 %", "worst"]
LARGE = (4242, 2828)
MASKS_REDRAWN = 500
# Every measure and every task that held up the page, for as long as the page lives.
WATCH = """
  window.measured = []
  window.blocked = []
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.measured.push([one.name, one.duration])
  }).observe({ type: 'measure', buffered: true })
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.blocked.push(one.duration)
  }).observe({ type: 'longtask', buffered: true })
  const draw = window.requestAnimationFrame.bind(window)
  window.frameTimes = []
  window.requestAnimationFrame = (callback) => draw((now) => {
    const began = performance.now()
    callback(now)
    window.frameTimes.push(performance.now() - began)
  })
"""


class Measuring:
    """A person at the page with a stopwatch."""

    def __init__(self, page: Page, server: Serving) -> None:
        page.add_init_script(WATCH)
        self.page = page
        self.visitor = Visitor(page, server)
        self.answer_bytes: list[int] = []
        page.on("requestfinished", self._weigh)

    def _weigh(self, request: Any) -> None:  # noqa: ANN401 - playwright's
        if request.url.endswith("/masks"):
            self.answer_bytes.append(request.sizes()["responseBodySize"])

    def durations(self, name: str) -> list[float]:
        """Give what the page measured under a name, milliseconds."""
        rows = self.page.evaluate("() => window.measured")
        return [float(ms) for found, ms in rows if found == f"anymask:{name}"]

    def longest_task(self) -> float:
        """Give the longest task on the main thread since the last call, milliseconds."""
        found = self.page.evaluate("() => window.blocked.splice(0)")
        return max(map(float, found), default=0.0)

    def wait_for_more(self, name: str, number: int, seconds: float = 3.0) -> None:
        """Wait until the page has measured more than a number under a name."""
        until = time.monotonic() + seconds
        while len(self.durations(name)) <= number and time.monotonic() < until:
            self.page.wait_for_timeout(15)


def hover(measuring: Measuring, times: int) -> list[float]:
    """Rest the pointer at many places, each until its mask is there."""
    for x, y in places(times):
        before = len(measuring.durations("hover"))
        measuring.visitor.hover(x, y)
        measuring.wait_for_more("hover", before, 1.0)
        measuring.page.wait_for_timeout(60)
    return measuring.durations("hover")


def click(measuring: Measuring, times: int) -> list[float]:
    """Click at many places, each time on a picture without an object."""
    for x, y in places(times):
        before = len(measuring.durations("click"))
        measuring.visitor.click(x, y)
        measuring.wait_for_more("click", before)
        measuring.visitor.get("reset").click()
        measuring.page.wait_for_timeout(60)
    return measuring.durations("click")


def previews_a_second(measuring: Measuring, seconds: float) -> float:
    """Draw the pointer over the picture as fast as a hand does, and count the masks shown."""
    before = len(measuring.durations("hover"))
    began = time.monotonic()
    left, top = measuring.visitor.at(40, 40)
    right, bottom = measuring.visitor.at(560, 360)
    turn = 0
    while time.monotonic() - began < seconds:
        share = abs((turn % 240) / 120 - 1)
        down = abs((turn % 154) / 77 - 1)
        measuring.page.mouse.move(left + share * (right - left), top + down * (bottom - top))
        turn += 1
    spent = time.monotonic() - began
    measuring.page.wait_for_timeout(200)
    return (len(measuring.durations("hover")) - before) / spent


def redraw(measuring: Measuring, times: int) -> tuple[list[float], int]:
    """Show as many of everything mode's masks as there are, and draw them again and again."""
    visitor = measuring.visitor
    visitor.get("tool-everything").click()
    visitor.get("run").click()
    visitor.get("cutout-all").wait_for()
    visitor.page.wait_for_function(
        "() => !document.querySelector('[data-testid=cutout-all]').disabled", timeout=120_000
    )
    visitor.get("preset-all").click()
    # Lower and lower, until about as many are shown as the page must draw at once.
    for slider in ("score", "stability"):
        visitor.get(f"slider-{slider}").focus()
        for _ in range(100):
            if num_shown(visitor) >= MASKS_REDRAWN:
                break
            visitor.press("ArrowLeft")
            measuring.page.wait_for_timeout(60)
    measuring.page.wait_for_timeout(1000)
    before = len(measuring.durations("everything-redraw"))
    visitor.get("slider-overlap").focus()
    for turn in range(times):
        visitor.press("ArrowLeft" if turn % 2 == 0 else "ArrowRight")
        measuring.page.wait_for_timeout(250)
    return measuring.durations("everything-redraw")[before:], num_shown(visitor)


def pan(measuring: Measuring, times: int) -> list[float]:
    """Move picture and masks about; milliseconds of drawing in each frame."""
    mouse = measuring.page.mouse
    x, y = measuring.visitor.at(300, 200)
    mouse.move(x, y)
    mouse.down(button="middle")
    measuring.page.evaluate("() => { window.frameTimes.length = 0 }")
    for turn in range(times):
        mouse.move(x + 3 * (turn % 20), y + 2 * (turn % 15))
        measuring.page.wait_for_timeout(16)
    mouse.up(button="middle")
    frames: list[float] = measuring.page.evaluate("() => window.frameTimes")
    return frames


def num_shown(visitor: Visitor) -> int:
    """Read "148 shown of 391"."""
    return int(visitor.get("shown-count").inner_text().split()[0].replace(",", ""))


def encode(measuring: Measuring, folder: Path, times: int) -> list[float]:
    """Open a photo of 12 megapixels, another one each time; seconds until it can be asked."""
    found = []
    with Image.open(photo_path("coffee")) as photo:
        large = photo.convert("RGB").resize(LARGE, Image.Resampling.LANCZOS)
    for number in range(times):
        large.putpixel((number, 0), (number, 0, 0))
        written = io.BytesIO()
        large.save(written, "JPEG", quality=92)
        path = folder / f"large-{number}.jpg"
        path.write_bytes(written.getvalue())
        began = time.monotonic()
        measuring.visitor.upload(path, wait=False)
        measuring.page.wait_for_function(
            "(name) => { const stage = document.querySelector('[data-testid=stage]');"
            " return stage.dataset.state === 'ready' &&"
            " document.querySelector('[data-testid=status]').textContent.includes(name) }",
            arg=path.name,
            timeout=60_000,
        )
        found.append(time.monotonic() - began)
    return found


def places(times: int) -> list[tuple[int, int]]:
    """Give places on a photo of 600 × 400, the same each time."""
    rolled = random.Random(0)
    return [(rolled.randrange(20, 580), rolled.randrange(20, 380)) for _ in range(times)]


def row(what: str, values: list[float], unit: str, digits: int = 0) -> list[str | None]:
    """Give a row: median, 95th percentile, and the worst."""
    if not values:
        return [what, None, None, None]
    ordered = sorted(values)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    told = (statistics.median(ordered), late, ordered[-1])
    return [what, *(f"{value:.{digits}f} {unit}" for value in told)]


def measure(server: Serving, folder: Path, *, is_quick: bool) -> dict[str, Any]:
    """Do all of it in one browser, and give what was found."""
    times = 10 if is_quick else 100
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=list(CHROMIUM_FLAGS)
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        measuring = Measuring(page, server)
        measuring.visitor.open("coffee")
        hover(measuring, 5)
        page.evaluate("() => { window.measured.length = 0; window.blocked.length = 0 }")
        hovers = hover(measuring, times)
        clicks = click(measuring, times // 2)
        rate = previews_a_second(measuring, 1.0 if is_quick else 5.0)
        longest = measuring.longest_task()
        encodes = encode(measuring, folder, 1 if is_quick else 5)
        measuring.visitor.open("coffee")
        redraws, shown = redraw(measuring, 6 if is_quick else 40)
        frames = pan(measuring, 10 if is_quick else 100)
        browser.close()
    return {
        "hover_ms": hovers,
        "click_ms": clicks,
        "answer_bytes": measuring.answer_bytes,
        "previews_a_second": rate,
        "longest_task_ms": longest,
        "encode_12_megapixels_s": encodes,
        "redraw_ms": redraws,
        "frame_ms": frames,
        "masks_redrawn": shown,
    }


def table(found: dict[str, Any]) -> dict[str, Any]:
    """Give the table of README and docs."""
    sizes = [size / 1000 for size in found["answer_bytes"]]
    rate, longest = found["previews_a_second"], found["longest_task_ms"]
    shown = found["masks_redrawn"]
    rows = [
        row("hover to visible mask", found["hover_ms"], "ms"),
        row("click to visible mask", found["click_ms"], "ms"),
        ["previews a second under a fast pointer", f"{rate:.0f}", None, None],
        ["longest task on the main thread meanwhile", None, None, f"{longest:.0f} ms"],
        row("an answer as it travels", sizes, "kB", 1),
        row(f"{shown} masks filtered by a slider and redrawn", found["redraw_ms"], "ms"),
        row(f"a frame's drawing while {shown} masks are moved about", found["frame_ms"], "ms", 1),
        row("a 12-megapixel photo, chosen to ready", found["encode_12_megapixels_s"], "s", 1),
    ]
    return {"columns": COLUMNS, "rows": rows}


def main() -> None:
    """Measure everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few of each: to see that it works")
    parser.add_argument("--rounds", type=int, help="taken for the other benchmarks' sake; unused")
    is_quick = parser.parse_args().quick
    console = Console(stderr=True)
    if chromium_path() is None:
        console.print("no Chromium, so the page is not measured")
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "home") as server,
        console.status("the web page"),
    ):
        found = measure(server, Path(folder), is_quick=is_quick)
    path = write_record(
        "page",
        "make bench" + (" (page, quick)" if is_quick else " (page)"),
        f"{processor()}, server and Chromium on the same two cores, no graphics card",
        measured=found,
        tables={"page": table(found)},
    )
    console.print(f"wrote {path}")


if __name__ == "__main__":
    main()

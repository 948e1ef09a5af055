"""What one points at: nothing hides it, holds it back or slips away from it."""

import itertools

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

RING = "() => getComputedStyle(document.querySelector('[data-testid=stage]')).outlineStyle"
# The inside of the card that is in sight, and where the names of its tools end.
CARD = """() => {
  const names = [...document.querySelectorAll('.tool-name')]
  const lowest = Math.max(...names.map((name) => name.getBoundingClientRect().bottom))
  return [names.length, lowest, document.querySelector('#card').getBoundingClientRect().bottom]
}"""
# How opaque the mask's canvas is in a square, row after row.
SQUARE = """([x, y]) => {
  const mask = document.querySelector('[data-testid=mask-canvas]')
  const copy = new OffscreenCanvas(24, 24)
  const context = copy.getContext('2d')
  context.drawImage(mask, -x, -y)
  return [...context.getImageData(0, 0, 24, 24).data].filter((_, at) => at % 4 === 3)
}"""
# How many pixels of the picture's canvas show something.
SEEN = """() => {
  const picture = document.querySelector('[data-testid=picture-canvas]')
  const copy = new OffscreenCanvas(picture.width, picture.height)
  const context = copy.getContext('2d')
  context.drawImage(picture, 0, 0)
  const { data } = context.getImageData(0, 0, picture.width, picture.height)
  return data.filter((value, at) => at % 4 === 3 && value > 0).length
}"""


def test_a_click_draws_no_ring_around_the_stage_but_a_key_does(visitor):
    visitor.open("chelsea").click(150, 120)
    visitor.some_mask()
    expect(visitor.get("stage")).to_be_focused()
    assert visitor.page.evaluate(RING) == "none"
    visitor.press("ArrowRight")
    assert visitor.page.evaluate(RING) == "solid"
    visitor.click(200, 120)
    assert visitor.page.evaluate(RING) == "none"


def test_in_a_low_window_all_tools_are_in_sight(open_page, server):
    visitor = open_page(server, viewport={"width": 1280, "height": 720}).open("chelsea")
    visitor.click(150, 120)
    visitor.some_mask()
    expect(visitor.get("brush-add")).to_be_visible()
    number, lowest, end = visitor.page.evaluate(CARD)
    assert number == 4
    assert lowest <= end


def test_a_preview_that_hangs_does_not_hold_back_the_next(visitor):
    held = []

    def hold_first(route):
        held.append(route)
        if len(held) > 1:
            route.continue_()

    visitor.open("chelsea")
    visitor.page.route("**/api/pictures/*/masks", hold_first)
    visitor.hover(100, 100)
    visitor.wait(lambda: len(held), lambda number: number == 1)
    # A hand is never quite still.
    places = itertools.cycle(range(250, 254))

    def look():
        visitor.hover(next(places), 150)
        return visitor.mask()

    assert visitor.wait(look, bool)["area"] > 0
    assert len(held) > 1


SLOWER = """(ms) => {
  const ask = window.fetch;
  window.fetch = (url, options) => !String(url).endsWith('/masks') ? ask(url, options) :
    new Promise((done, failed) => {
      const later = setTimeout(() => ask(url, options).then(done, failed), ms);
      options.signal?.addEventListener('abort', () => {
        clearTimeout(later);
        failed(new DOMException('given up', 'AbortError'));
      });
    });
}"""


def test_on_a_slow_computer_previews_come_although_the_hand_is_never_still(visitor):
    visitor.open("chelsea")
    visitor.page.evaluate(SLOWER, 1500)
    places = itertools.cycle(range(150, 154))

    def look():
        visitor.hover(next(places), 120)
        return visitor.mask()

    assert visitor.wait(look, bool)["area"] > 0


def test_hatching_moves_with_the_picture(visitor):
    visitor.open("chelsea").click(150, 120)
    visitor.some_mask()
    visitor.leave()
    visitor.press("?")
    visitor.get("pattern").click()
    visitor.press("Escape")
    square = visitor.wait(
        lambda: visitor.page.evaluate(SQUARE, [300, 300]), lambda seen: set(seen) == {102, 222}
    )
    x, y = visitor.at(200, 150)
    before = visitor.view()
    visitor.page.mouse.move(x, y)
    visitor.page.mouse.down(button="middle")
    visitor.page.mouse.move(x + 13, y - 47, steps=3)
    visitor.page.mouse.up(button="middle")
    visitor.leave()
    after = visitor.view()
    assert (after["x"] - before["x"], after["y"] - before["y"]) == (13, -47)
    visitor.page.wait_for_timeout(300)
    assert visitor.page.evaluate(SQUARE, [313, 253]) == square


def test_a_picture_is_seen_before_the_server_has_it(visitor, tmp_path):
    path = tmp_path / "plain.png"
    Image.new("RGB", (300, 200), (200, 40, 40)).save(path)
    visitor.open(None)
    waiting = []
    visitor.page.route("**/api/pictures?*", lambda route: waiting.append(route))
    visitor.upload(path, wait=False)
    assert visitor.wait(lambda: visitor.page.evaluate(SEEN), bool) == 600 * 400
    assert len(waiting) == 1
    waiting[0].continue_()
    visitor.ready()


@pytest.mark.parametrize(
    ("name", "size"),
    [
        pytest.param("row.png", (40000, 1), id="one-row"),
        pytest.param("dot.png", (1, 1), id="one-pixel"),
        pytest.param("photo.tif", (300, 200), id="what-no-browser-reads"),
    ],
)
def test_pictures_of_any_shape_and_format_are_seen(visitor, tmp_path, name, size):
    path = tmp_path / name
    Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(path)
    visitor.open(None).upload(path)
    lies = visitor.view()
    shown = [max(side * lies["scale"], 1) for side in size]
    seen = visitor.wait(lambda: visitor.page.evaluate(SEEN), bool)
    # A line between two rows of the screen is seen on both.
    assert 0.9 * shown[0] * shown[1] <= seen <= 2.1 * shown[0] * shown[1] + 8


def drop(visitor, path):
    """Let something of this computer fall on the stage."""
    hand = visitor.page.context.new_cdp_session(visitor.page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for step in ("dragEnter", "dragOver", "drop"):
        what = {"type": step, "x": 700, "y": 300, "data": data}
        hand.send("Input.dispatchDragEvent", what)


def test_a_folder_that_is_dropped_gives_its_pictures_in_order(visitor, tmp_path):
    (tmp_path / "within").mkdir()
    for name in ("b10.png", "b9.png", "within/c.png"):
        Image.new("RGB", (300, 200), (200, 40, 40)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    visitor.open(None)
    drop(visitor, tmp_path)
    visitor.ready()
    strip = visitor.page.get_by_role("navigation", name="Pictures").locator("[data-testid^=strip-]")
    expect(strip).to_have_count(3)
    names = [strip.nth(place).get_attribute("title") for place in range(3)]
    assert names == ["b9.png", "b10.png", "c.png"]


def test_a_file_that_is_gone_is_said_to_be_and_not_sent_for_ever(visitor, watch, tmp_path):
    watch.expect("ERR_FAILED")
    path = tmp_path / "gone.png"
    Image.new("RGB", (300, 200), (200, 40, 40)).save(path)
    visitor.open(None)

    def lose(route):
        path.unlink(missing_ok=True)
        route.abort()

    visitor.page.route("**/api/pictures?*", lose)
    visitor.upload(path, wait=False)
    expect(visitor.get("alert")).to_have_text("gone.png cannot be read any more; choose it again.")


def test_a_reload_brings_back_what_was_opened_after_the_picture_of_the_address(visitor, tmp_path):
    path = tmp_path / "another.png"
    Image.new("RGB", (300, 200), (200, 40, 40)).save(path)
    visitor.open("chelsea").upload(path)
    expect(visitor.get("status")).to_contain_text("another.png")
    assert "image=" not in visitor.page.url
    # What is open is written down a moment after it was opened, at the latest when the page goes.
    visitor.page.wait_for_timeout(600)
    visitor.page.reload()
    expect(visitor.get("status")).to_contain_text("another.png")


def test_a_screen_of_another_kind_gets_its_own_pixels(visitor):
    visitor.open("chelsea")
    canvas = visitor.get("mask-canvas")
    width = canvas.evaluate("(canvas) => canvas.width")
    screen = {"width": 1280, "height": 800, "deviceScaleFactor": 2, "mobile": False}
    devices = visitor.page.context.new_cdp_session(visitor.page)
    devices.send("Emulation.setDeviceMetricsOverride", screen)
    visitor.click(150, 120)
    visitor.some_mask()
    assert canvas.evaluate("(canvas) => canvas.width") == 2 * width
    visitor.leave()
    assert visitor.wait(lambda: visitor.covers(150, 120), bool)


def test_shift_and_m_subtracts_what_is_selected(visitor):
    visitor.open("chelsea")
    for box in ([(100, 60), (400, 280)], [(150, 90), (260, 180)]):
        visitor.press("b")
        visitor.drag(*box)
        visitor.some_mask()
        visitor.press("Enter")
    visitor.expect_objects(2)
    rows = visitor.get("objects").locator("[data-object]")
    before = rows.first.inner_text()
    rows.nth(0).click()
    rows.nth(1).click(modifiers=["Shift"])
    visitor.press("Shift+M")
    expect(rows.first).not_to_have_text(before)
    visitor.expect_objects(2)

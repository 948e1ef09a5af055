"""Everything a mouse can do, done without one."""

import json

from playwright.sync_api import expect

from anymask.image.photos import photo_path
from tests.browser.visitor import Visitor


def tab_to(visitor: Visitor, testid: str) -> None:
    """Press Tab until the focus is on a part; no part may hold it."""
    for _ in range(80):
        focused = visitor.page.evaluate("() => document.activeElement?.dataset?.testid ?? ''")
        if focused == testid:
            return
        visitor.press("Tab")
    raise AssertionError(f"Tab never reaches {testid}")


def test_choose_click_refine_keep_and_export(visitor, tmp_path):
    visitor.open(None)
    tab_to(visitor, "upload")
    with visitor.page.expect_file_chooser() as choosing:
        visitor.press("Enter")
    choosing.value.set_files(photo_path("chelsea"))
    visitor.ready()
    tab_to(visitor, "stage")
    visitor.press("ArrowRight", "ArrowRight", "Shift+ArrowDown", "Space")
    first = visitor.some_mask()
    visitor.wait(lambda: visitor.get("live").inner_text(), lambda text: "of the picture" in text)
    visitor.press("ArrowLeft", "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowUp", "Space")
    visitor.changed(first)
    visitor.press("z")
    visitor.mask_when(lambda mask: mask is not None and mask["area"] == first["area"])
    visitor.press("Enter")
    visitor.expect_objects(1)
    visitor.press("x")
    with visitor.page.expect_download() as waiting:
        tab_to(visitor, "export-download")
        visitor.press("Enter")
    assert len(json.loads(waiting.value.path().read_text())["annotations"]) == 1


def test_a_box_without_a_mouse(visitor):
    visitor.open("coffee")
    tab_to(visitor, "stage")
    visitor.press("b")
    expect(visitor.get("tool-box")).to_have_attribute("aria-expanded", "true")
    visitor.press(*["ArrowLeft"] * 18, *["ArrowUp"] * 14, "Space")
    visitor.press(*["ArrowRight"] * 36, *["ArrowDown"] * 28, "Space")
    mask = visitor.some_mask()
    assert mask["area"] > 0.05 * 600 * 400


def test_everything_and_cut_outs_without_a_mouse(visitor):
    visitor.open("coins")
    visitor.page.route(
        "**/everything",
        lambda route: route.continue_(
            post_data=route.request.post_data_json | {"points_per_side": 8}
        ),
    )
    visitor.press("e")
    tab_to(visitor, "run")
    visitor.press("Enter")
    expect(visitor.get("cutout-all")).to_be_enabled(timeout=60_000)
    visitor.wait(lambda: visitor.get("live").inner_text(), lambda text: "Everything found" in text)
    tab_to(visitor, "preset-all")
    visitor.press("Enter")
    tab_to(visitor, "cutout-all")
    visitor.press("Enter")
    visitor.press("t")
    expect(visitor.get("piece-download").first).to_be_visible()
    with visitor.page.expect_download() as waiting:
        tab_to(visitor, "piece-download")
        visitor.press("Enter")
    assert waiting.value.suggested_filename.endswith(".png")


def test_the_sheet_of_keys_opens_holds_the_focus_and_gives_it_back(visitor):
    visitor.open("chelsea")
    tab_to(visitor, "stage")
    visitor.press("?")
    expect(visitor.get("help-sheet")).to_be_visible()
    visitor.press("Tab", "Tab", "Tab")
    inside = "e => e.contains(document.activeElement)"
    assert visitor.get("help-sheet").evaluate(inside)
    visitor.press("Escape")
    expect(visitor.get("help-sheet")).to_be_hidden()
    focused = visitor.page.evaluate("() => document.activeElement.dataset.testid")
    assert focused == "stage"


def test_letters_are_not_keys_while_typing(visitor):
    visitor.open("chelsea")
    visitor.click(220, 160)
    visitor.some_mask()
    visitor.press("Enter")
    visitor.expect_objects(1)
    visitor.get("object-name").first.click()
    visitor.press("l")
    field = visitor.page.locator("input[type=text]:focus, input:not([type]):focus")
    expect(field).to_have_count(1)
    visitor.page.keyboard.type("zebra")
    visitor.press("Enter")
    visitor.expect_objects(1)
    expect(visitor.get("objects")).to_contain_text("zebra")


def test_the_picture_and_the_work_are_there_after_a_reload(visitor):
    visitor.open("chelsea")
    visitor.click(220, 160)
    mask = visitor.some_mask()
    visitor.press("Enter")
    visitor.expect_objects(1)
    visitor.page.wait_for_timeout(700)
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.page.goto(f"{visitor.server.origin}/")
    visitor.ready()
    visitor.expect_objects(1)
    assert mask["area"] > 0

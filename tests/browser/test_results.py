"""What becomes of results: they outlive a reload, say what was done, and keep their names."""

import io
import re
import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PATIENCE_MS, Visitor

# What the page asks for, and the few points that are asked about instead.
FEWER = {16: 4, 32: 6}
LISTEN = """() => {
  window.said = []
  const live = document.querySelector('[data-testid=live]')
  const hear = () => said.push(live.textContent)
  new MutationObserver(hear).observe(live, { childList: true, characterData: true, subtree: true })
}"""


def counts(visitor: Visitor) -> tuple[int, int]:
    """The two numbers of "148 shown of 391"."""
    shown, found = re.findall(r"\d[\d,]*", visitor.get("shown-count").inner_text())
    return int(shown.replace(",", "")), int(found.replace(",", ""))


def run(visitor: Visitor) -> None:
    visitor.get("run").click()
    expect(visitor.get("cancel")).to_be_visible()
    expect(visitor.get("cancel")).to_be_hidden(timeout=4 * PATIENCE_MS)


def fewer_points(route) -> None:
    asked = route.request.post_data_json
    route.continue_(post_data=asked | {"points_per_side": FEWER[asked["points_per_side"]]})


def said(visitor: Visitor) -> str:
    return "\n".join(visitor.page.evaluate("() => said.splice(0)"))


def select_at(visitor: Visitor, x: int, y: int) -> None:
    visitor.click(x, y)
    expect(visitor.get("delete-selected")).to_be_visible()


def seen(visitor: Visitor) -> list[bool]:
    """Whether a mask is selected, and whether a spot is said to be empty."""
    return [visitor.get(name).is_visible() for name in ("delete-selected", "empty-spot")]


def drop_all_at(visitor: Visitor, x: int, y: int) -> int:
    """Delete the masks at a pixel one by one, until it is empty; give how many there were."""
    for count in range(20):
        visitor.click(x, y)
        if visitor.wait(lambda: seen(visitor), any)[1]:
            return count
        visitor.press("Delete")
        expect(visitor.get("delete-selected")).to_be_hidden()
    raise AssertionError("the spot never becomes empty")


@pytest.fixture
def found(visitor) -> Visitor:
    """The coins, with all their masks of a small grid."""
    visitor.open("coins")
    visitor.page.evaluate(LISTEN)
    visitor.page.route("**/everything", fewer_points)
    visitor.get("tool-everything").click()
    run(visitor)
    return visitor


def test_what_was_found_is_there_after_a_reload(found):
    before = counts(found)
    assert before[0] > 0
    # Only what was kept may bring it back.
    asked = []
    found.page.on("request", lambda request: asked.append(request.url))
    found.page.wait_for_timeout(600)
    found.page.reload()
    found.ready()
    found.wait(lambda: found.get("shown-count").inner_text(), lambda text: text != "")
    found.wait(lambda: counts(found), lambda now: now == before)
    expect(found.get("run")).to_have_text("Run again")
    assert [url for url in asked if url.endswith("/everything")] == []


def test_forgetting_everything_forgets_what_was_found(found):
    found.page.wait_for_timeout(600)
    found.get("help").click()
    found.get("forget").click()
    found.press("Escape")
    found.open("coins")
    found.page.wait_for_timeout(300)
    expect(found.get("shown-count")).to_be_hidden()
    expect(found.get("run")).to_have_text("Run")


def test_the_count_is_of_masks_worth_a_look(found):
    shown, num_found = counts(found)
    assert 0 < shown <= num_found < 3 * FEWER[32] ** 2
    # What is asked for beyond it is counted too.
    for slider in ("score", "stability"):
        found.get(f"slider-{slider}").focus()
        found.press("Home")
    found.get("slider-overlap").focus()
    found.press("End")
    found.wait(lambda: counts(found), lambda now: now[0] > shown and now[1] >= now[0])
    found.get("preset-all").click()
    found.wait(lambda: counts(found), lambda now: now == (shown, num_found))


def test_a_spot_says_that_its_mask_was_deleted_and_brings_it_back(found):
    assert drop_all_at(found, 330, 45) > 0
    expect(found.get("empty-spot")).to_contain_text("was deleted")
    before = counts(found)[0]
    found.get("show-it").click()
    found.wait(lambda: counts(found)[0], lambda shown: shown == before + 1)
    expect(found.get("selected-count")).to_have_text("1 mask selected")


def test_undo_does_not_take_masks_of_another_grid(found):
    select_at(found, 330, 45)
    found.press("Delete")
    found.get("grid").select_option("16")
    run(found)
    fresh = counts(found)[0]
    found.press("z")
    found.page.wait_for_timeout(300)
    assert counts(found)[0] == fresh
    found.press("z")
    found.page.wait_for_timeout(300)
    assert counts(found)[0] == fresh


def test_what_is_done_is_said(found):
    heard = said(found)
    assert "Looking for everything" in heard
    assert re.search(r"Everything found \d+ masks", heard)
    select_at(found, 330, 45)
    assert "score" in said(found)
    found.press("Delete")
    found.wait(lambda: said(found), lambda text: "1 mask deleted" in text)
    found.press("z")
    found.wait(lambda: said(found), lambda text: "Undone: delete" in text)
    select_at(found, 330, 45)
    found.press("Enter")
    found.wait(lambda: said(found), lambda text: "1 mask kept" in text)
    found.get("object-delete").click()
    found.wait(lambda: said(found), lambda text: "deleted" in text)
    # Numbers that run past are not for reading aloud.
    assert found.get("shown-count").get_attribute("aria-live") == "polite"


def test_a_piece_is_called_after_its_object_alone_and_in_the_zip(visitor):
    visitor.open("coins")
    visitor.click(330, 45)
    visitor.some_mask()
    visitor.press("c", "Enter")
    visitor.expect_objects(1)
    visitor.get("object-name").dblclick()
    visitor.get("rename").fill("old <b>coin</b> / 고대")
    visitor.press("Enter")
    visitor.get("tool-cutouts").click()
    expect(visitor.page.locator("[data-piece]")).to_contain_text("old <b>coin</b> / 고대")
    with visitor.page.expect_download() as waiting:
        visitor.get("piece-download").click()
    alone = waiting.value.suggested_filename
    with visitor.page.expect_download() as waiting:
        visitor.get("zip").click()
    with zipfile.ZipFile(io.BytesIO(waiting.value.path().read_bytes())) as archive:
        assert alone in archive.namelist()
    assert re.fullmatch(r"coins_001_old .+ 고대\.png", alone)
    visitor.press("z")
    expect(visitor.page.locator("[data-piece]")).to_contain_text("Object 1")


def test_a_click_leaves_the_other_rows_of_the_list_as_they_are(visitor):
    visitor.open("coins")
    for x, y in [(330, 45), (45, 55)]:
        visitor.click(x, y)
        visitor.some_mask()
        visitor.press("Enter")
        visitor.no_mask()
    visitor.expect_objects(2)
    row = visitor.get("objects").locator("[data-object]").nth(1)
    row.evaluate("(element) => { element.isSame = true }")
    visitor.get("object-name").first.click()
    expect(visitor.get("object-name").first).to_have_attribute("aria-pressed", "true")
    expect(visitor.get("object-name").first).to_be_focused()
    assert row.evaluate("(element) => element.isSame")

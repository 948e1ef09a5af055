"""Everything: found once, filtered on the page, and a reason for what is missing."""

import itertools
import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PATIENCE_MS, Visitor


def shown_of(visitor: Visitor) -> tuple[int, int]:
    """The two numbers of "148 shown of 391"."""
    numbers = re.findall(r"\d[\d,]*", visitor.get("shown-count").inner_text())
    return int(numbers[0].replace(",", "")), int(numbers[1].replace(",", ""))


def slide(visitor: Visitor, testid: str, key: str, times: int) -> None:
    visitor.get(testid).focus()
    visitor.press(*[key] * times)


@pytest.fixture
def found(visitor) -> Visitor:
    """The coins, with a small grid of points run to its end."""
    visitor.open("coins")
    visitor.page.route("**/everything", smaller_grid)
    return run_to_the_end(visitor)


def run_to_the_end(visitor: Visitor) -> Visitor:
    visitor.get("tool-everything").click()
    visitor.get("run").click()
    expect(visitor.get("cancel")).to_be_visible()
    expect(visitor.get("cancel")).to_be_hidden(timeout=4 * PATIENCE_MS)
    return visitor


def smaller_grid(route) -> None:
    """Ask 64 points instead of 1024: what happens to the answers is the same."""
    asked = route.request.post_data_json | {"points_per_side": 8}
    route.continue_(post_data=asked)


def test_sliders_filter_without_a_request(found):
    shown, num_found = shown_of(found)
    assert 0 <= shown <= num_found
    requests = []
    found.page.on("request", lambda request: requests.append(request.url))
    found.get("preset-all").click()
    found.wait(lambda: shown_of(found)[0], lambda number: number > 0)
    most = shown_of(found)[0]
    slide(found, "slider-score", "End", 1)
    found.wait(lambda: shown_of(found)[0], lambda number: number < most)
    assert shown_of(found)[1] == num_found
    found.get("preset-all").click()
    found.wait(lambda: shown_of(found)[0], lambda number: number == most)
    assert [url for url in requests if "/everything" in url] == []


def test_an_empty_spot_says_which_filter_removed_the_mask(visitor):
    visitor.open("coins")
    visitor.get("tool-everything").click()
    visitor.get("grid").select_option("16")
    found = run_to_the_end(visitor)
    slide(found, "slider-score", "End", 1)
    found.wait(lambda: shown_of(found)[0], lambda number: number == 0)
    found.click(100, 100)
    expect(found.get("empty-spot")).to_be_visible()
    sentence = found.get("empty-spot").inner_text()
    assert re.search(r"score|stability|area|overlap", sentence), sentence


def test_hover_click_keep_and_delete(found):
    found.get("preset-all").click()
    found.wait(lambda: shown_of(found)[0], lambda number: number > 0)
    shown = shown_of(found)[0]
    places = list(itertools.product(range(20, 370, 14), range(20, 290, 14)))
    # Well within a mask, so that its outline is not taken for it.
    around = [(dx, dy) for dx in (-4, 0, 4) for dy in (-4, 0, 4)]
    spot = next(
        (x, y) for x, y in places if all(found.covered([(x + dx, y + dy) for dx, dy in around]))
    )
    found.hover(*spot)
    expect(found.get("hover-chip")).to_be_visible()
    found.click(*spot)
    found.press("Delete")
    found.wait(lambda: shown_of(found)[0], lambda number: number == shown - 1)
    found.press("z")
    found.wait(lambda: shown_of(found)[0], lambda number: number == shown)
    found.click(*spot)
    found.press("Enter")
    found.expect_objects(1)


def test_cut_out_all_makes_a_piece_of_every_mask_shown(found):
    found.get("preset-objects").click()
    found.page.wait_for_timeout(300)
    shown = shown_of(found)[0]
    if shown == 0:
        found.get("preset-all").click()
        shown = found.wait(lambda: shown_of(found)[0], lambda number: number > 0)
    assert shown <= 200
    found.get("cutout-all").click()
    found.get("tool-cutouts").click()
    found.expect_pieces(shown)


def test_cancel_keeps_what_was_found(visitor):
    visitor.open("coins")
    visitor.get("tool-everything").click()
    visitor.get("run").click()
    visitor.wait(
        lambda: re.findall(r"\d+", visitor.get("shown-count").inner_text()),
        lambda numbers: len(numbers) > 1 and int(numbers[1]) > 0,
    )
    visitor.get("cancel").click()
    expect(visitor.get("run")).to_be_enabled()
    assert shown_of(visitor)[1] > 0
    visitor.server.wait_for_gone_pictures()
